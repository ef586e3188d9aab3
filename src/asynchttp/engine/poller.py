"""Pollers: wait until something happens on a socket of libcurl's, or another thread wakes the loop.

libcurl is then told to do whatever it can (`perform`). So a socket is registered once, when it is
made, and reported once for each change: to change what it is watched for, for each request anew,
and to have libcurl say so, would cost a tenth of the throughput. That libcurl has not read all
that there was it says by a timeout of 0.
"""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

CLOSED = -1  # no descriptor

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


class EpollPoller:
    """epoll, Linux; it takes no note of what happens on a thousand others."""

    _ANYTHING = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
    _AT_ONCE = 512

    _alarm = CLOSED

    def __init__(self) -> None:
        self._epoll = select.epoll()
        # Never read: on the edge, each write is reported. By `map`: Ctrl-C can come after any call,
        # and the number would be lost.
        [self._alarm] = map(os.eventfd, [0], [os.EFD_NONBLOCK | os.EFD_CLOEXEC])
        self._epoll.register(self._alarm, select.EPOLLIN | select.EPOLLET)

    def add(self, fdset: Fdset) -> None:
        pass  # it is told of each socket

    def watch(self, fd: int) -> None:
        self._epoll.register(fd, self._ANYTHING)

    def poll(self, seconds: float) -> Sequence[int]:
        return [fd for fd, _ in self._epoll.poll(seconds, self._AT_ONCE)]

    def wake(self) -> None:
        os.eventfd_write(self._alarm, 1)

    def close(self) -> None:
        self._epoll.close()
        self._close_alarm()

    def _close_alarm(self) -> None:
        alarm, self._alarm = self._alarm, CLOSED
        if alarm != CLOSED:
            os.close(alarm)

    __del__ = _close_alarm  # Ctrl-C may have come before anybody had it; epoll closes by itself


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
