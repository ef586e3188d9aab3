"""Which processor cores the server and the clients run on: never the same, where there are two.

A process takes the cores of the one that starts it, so each is started inside `on_cores`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Cores:
    """One core for the server, all others for the clients."""

    server: frozenset[int]
    clients: frozenset[int]

    @property
    def all(self) -> frozenset[int]:
        return self.server | self.clients


def share_out() -> Cores:
    cores = sorted(os.sched_getaffinity(0))
    return Cores(frozenset(cores[:1]), frozenset(cores[1:] or cores))


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
