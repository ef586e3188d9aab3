"""Test programs of the core in C, and how they are built."""
