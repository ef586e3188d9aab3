"""The processor cores that the server and the clients may use, in each of the two placements.

A process inherits the cores of its parent, so each process is started inside `on_cores`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """Where the server runs, and where its clients run."""

    server: frozenset[int]
    clients: frozenset[int]


def free() -> Placement:
    """All cores for everybody, as on the machines of users."""
    cores = frozenset(os.sched_getaffinity(0))
    return Placement(cores, cores)


def pinned() -> Placement:
    """The first core for the server, and the last core, alone, for all threads of the client."""
    cores = sorted(os.sched_getaffinity(0))
    return Placement(frozenset(cores[:1]), frozenset(cores[-1:]))


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
