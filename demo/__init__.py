"""The demo: a small transit API, and a race of two clients that fetch its documents."""
