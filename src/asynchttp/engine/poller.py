"""Pollers: wait until sockets are ready. epoll where there is one, else what `selectors` has.

Both speak libcurl's language: `watch(fd, POLL_IN | POLL_OUT)`, and events as CSELECT masks.
Descriptors stay registered when libcurl has done with them: it mostly takes them up again, and to
register each time anew costs 5 to 10 % of the throughput.
"""

from __future__ import annotations

import select
import selectors
from typing import Protocol

import pycurl

READ, WRITE, ERROR = pycurl.CSELECT_IN, pycurl.CSELECT_OUT, pycurl.CSELECT_ERR


class Poller(Protocol):
    """What the loop needs."""

    def watch(self, fd: int, what: int) -> None:
        """Report `fd` when it is ready for `what`, a pycurl.POLL_ mask; again to change that."""

    def opened(self, fd: int) -> None:
        """The descriptor is a new one, whatever had its number before."""

    def forget(self, fd: int) -> bool:
        """No longer report `fd`; False when it cannot be found any more."""

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        """The ready descriptors with their CSELECT masks; waits at most `seconds`."""

    def close(self) -> None:
        """Give the poller's own descriptor back."""


class EpollPoller:
    """epoll, Linux."""

    _INTEREST = (0, select.EPOLLIN, select.EPOLLOUT, select.EPOLLIN | select.EPOLLOUT)
    _BITS = select.EPOLLIN | select.EPOLLOUT | select.EPOLLERR | select.EPOLLHUP
    _MASKS = tuple(
        (READ if events & select.EPOLLIN else 0)
        | (WRITE if events & select.EPOLLOUT else 0)
        | (ERROR if events & (select.EPOLLERR | select.EPOLLHUP) else 0)
        for events in range(_BITS + 1)
    )

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._registered: dict[int, int] = {}  # what for

    def watch(self, fd: int, what: int) -> None:
        if self._registered.get(fd) == what:
            return
        try:
            self._epoll.modify(fd, self._INTEREST[what])
        except FileNotFoundError:  # never registered, or closed since
            self._epoll.register(fd, self._INTEREST[what])
        self._registered[fd] = what

    def opened(self, fd: int) -> None:
        self._registered.pop(fd, None)

    def forget(self, fd: int) -> bool:
        self._registered.pop(fd, None)
        try:
            self._epoll.unregister(fd)
        except OSError:  # closed here, but a forked child has it open: only epoll still knows it
            return False
        return True

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        masks, bits = self._MASKS, self._BITS
        return [(fd, masks[events & bits]) for fd, events in self._epoll.poll(seconds, 512)]

    def close(self) -> None:
        self._epoll.close()


class SelectorPoller:
    """The best selector of this system: kqueue on macOS and the BSDs."""

    def __init__(self, selector: selectors.BaseSelector | None = None) -> None:
        self._selector = selector or selectors.DefaultSelector()

    def opened(self, fd: int) -> None:
        self.forget(fd)

    def watch(self, fd: int, what: int) -> None:
        self.forget(fd)
        if what:  # POLL_IN and POLL_OUT have the values of EVENT_READ and EVENT_WRITE
            self._selector.register(fd, what)

    def forget(self, fd: int) -> bool:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)
        return True

    def poll(self, seconds: float | None) -> list[tuple[int, int]]:
        return [(key.fd, events) for key, events in self._selector.select(seconds)]

    def close(self) -> None:
        self._selector.close()


def best_poller() -> Poller:
    """A new poller of the best kind that this system has."""
    return EpollPoller() if hasattr(select, "epoll") else SelectorPoller()
