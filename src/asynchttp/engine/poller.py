"""Pollers: wait until something happens on a socket of libcurl's, or another thread wakes the loop.

libcurl is then told to do whatever it can (`perform`). So a socket is registered once, when it is
made, and reported once for each change: to change what it is watched for, for each request anew,
and to have libcurl say so, would cost a tenth of the throughput. That libcurl has not read all
that there was it says by a timeout of 0.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

if hasattr(select, "epoll"):
    from .epoll import EpollPoller

Fdset = Callable[[], tuple[list[int], list[int], list[int]]]
"""A multi handle's: the descriptors to read, to write, and to watch for errors."""


class Poller(Protocol):
    """What the loop needs."""

    def add(self, fdset: Fdset) -> None:
        """There is one more multi handle."""

    def watch(self, fd: int) -> None:
        """A multi handle has made a socket. libcurl closes it without a word."""

    def poll(self, seconds: float) -> Sequence[int]:
        """Where something has happened, perhaps on others too; waits at most `seconds`."""

    def wake(self) -> None:
        """From any thread: have `poll` return, now or the next time."""

    def close(self) -> None:
        """Give the poller's own descriptors back, unless that is done."""


class SelectPoller:
    """select, on all other systems; it asks libcurl each time, and takes some hundred sockets."""

    def __init__(self) -> None:
        self._fdsets: list[Fdset] = []
        self._ear, self._mouth = socket.socketpair()
        self._ear.setblocking(False)
        self._mouth.setblocking(False)

    def add(self, fdset: Fdset) -> None:
        self._fdsets.append(fdset)

    def watch(self, fd: int) -> None:
        pass  # `fdset` tells

    def poll(self, seconds: float) -> Sequence[int]:
        ear = self._ear.fileno()
        reads, writes, errors = [ear], list[int](), list[int]()
        for fdset in self._fdsets:
            for wanted, fds in zip((reads, writes, errors), fdset(), strict=True):
                wanted.extend(fds)
        ready = {fd for fds in select.select(reads, writes, errors, seconds) for fd in fds}
        if ear in ready:
            self._ear.recv(1 << 16)
        return list(ready)

    def wake(self) -> None:
        with suppress(BlockingIOError):  # full: it is awake
            self._mouth.send(b"!")

    def close(self) -> None:
        self._ear.close()
        self._mouth.close()


def best_poller() -> Poller:
    """A new poller of the best kind that this system has."""
    return EpollPoller() if hasattr(select, "epoll") else SelectPoller()
