"""What the project shows itself with: a small transit API, and a race against it."""
