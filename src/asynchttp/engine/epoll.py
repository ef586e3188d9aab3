"""EpollPoller: the poller of Linux; it takes no note of what happens on a thousand others."""

from __future__ import annotations

import ctypes
import os
import select
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .poller import Fdset

CLOSED = -1  # no descriptor
ANYTHING = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
AT_ONCE = 512  # events

# It keeps the GIL, which os.eventfd_write lets go of: on a single core the thread that is woken
# would run then and there, and `Http.request` return after it had sent the request. On several
# cores it comes too late for that GIL anyway.
_eventfd_write = ctypes.PyDLL(None, use_errno=True).eventfd_write
_eventfd_write.argtypes = [ctypes.c_int, ctypes.c_uint64]


class EpollPoller:
    """A `poller.Poller`."""

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
        self._epoll.register(fd, ANYTHING)

    def poll(self, seconds: float) -> Sequence[int]:
        return [fd for fd, _ in self._epoll.poll(seconds, AT_ONCE)]

    def wake(self) -> None:
        if _eventfd_write(self._alarm, 1):
            raise OSError(ctypes.get_errno(), "the I/O thread cannot be woken")

    def close(self) -> None:
        self._epoll.close()
        self._close_alarm()

    def _close_alarm(self) -> None:
        alarm, self._alarm = self._alarm, CLOSED
        if alarm != CLOSED:
            os.close(alarm)

    __del__ = _close_alarm  # Ctrl-C may have come before anybody had it; epoll closes by itself
