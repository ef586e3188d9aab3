"""The processor cores that the server and the clients may use, in each of the two placements.

A process inherits the cores of the parent process: start each process inside `on_cores`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Placement:
    """The cores for the server, and the cores for the clients."""

    server: frozenset[int]
    clients: frozenset[int]


def free() -> Placement:
    """All cores for server and clients, as on users' machines."""
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
