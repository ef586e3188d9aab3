"""CurlEngine: libcurl on an I/O thread of its own, which lives while it is needed.

The thread is born with the first transfer and ends after `close`, when nothing is under way. A
transfer that comes after that gets a new one. What the thread does is in loop.py. Where somebody
waits for nothing else, the thread is his own: callers.py.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from threading import RLock
from typing import Generic, TypeVar

from ..model import Transfer
from ..threads import OwnThread
from . import Receiver
from .callers import Callers
from .loop import Loop
from .memory import keep_for_bodies

Token = TypeVar("Token", bound=Hashable)


class IoThread(OwnThread):
    """An I/O thread."""


def on_io_thread() -> bool:
    """Whether this is one, of whatever engine."""
    return isinstance(threading.current_thread(), IoThread)


class CurlEngine(Generic[Token]):
    """An Engine: see the package.

    `run_elsewhere(fn)` runs a function that may block, on a worker.
    """

    def __init__(
        self, receiver: Receiver[Token], run_elsewhere: Callable[[Callable[[], None]], None]
    ) -> None:
        keep_for_bodies()
        self._receiver = receiver
        self._run_elsewhere = run_elsewhere
        self._lock = RLock()
        self._loop: Loop[Token] | None = None
        self._thread: OwnThread | None = None
        self._ending: set[OwnThread] = set()  # those that `close` told to
        self.callers = Callers(receiver, run_elsewhere)
        """Who waits for one request may make its transfers here."""

    def start(self, token: Token, transfer: Transfer) -> None:
        if self.callers.driven and self.callers.start(token, transfer):
            return
        loop = self._loop
        while loop is None or not loop.post(loop.start, token, transfer):
            loop = self._begin(instead_of=loop)

    def _begin(self, instead_of: Loop[Token] | None) -> Loop[Token]:
        """The loop to use; a new one, unless another thread was quicker.

        Nobody knows of it before it runs: whoever waited for it might be who is to start it.
        """
        loop = Loop(self._receiver, self._run_elsewhere, self._lock)
        thread = IoThread(loop.run, "I/O")
        try:
            thread.start()
            with self._lock:
                if self._loop is None or self._loop is instead_of:
                    self._loop, self._thread = loop, thread
                    return loop
                chosen = self._loop
            self._dismiss(loop, thread)
        except BaseException:  # there is no thread to be had; or Ctrl-C, and nobody knows
            self._dismiss(loop, thread)
            raise
        return chosen

    def _dismiss(self, loop: Loop[Token], thread: OwnThread) -> None:
        self._join_later(thread)
        loop.dismiss()

    def _join_later(self, thread: OwnThread) -> None:
        with self._lock:
            self._ending = {thread} | {each for each in self._ending if each.is_alive()}

    def cancel(self, token: Token) -> None:
        if self.callers.driven and self.callers.cancel(token):
            return
        if (loop := self._loop) is not None:
            loop.post(loop.cancel, token)

    def close(self) -> None:
        self.callers.close()
        with self._lock:
            if self._loop is not None and self._thread is not None:
                self._loop.post(self._loop.leave)
                self._join_later(self._thread)

    def join(self, timeout: float | None = None) -> None:
        for thread in self._ending:
            if thread is not threading.current_thread():
                thread.join(timeout)

    def park(self) -> None:
        """Stop the I/O where it is, outside libcurl, for good."""
        for loop in self._running():
            loop.park()

    def _running(self) -> list[Loop[Token]]:
        """The loops that have a thread."""
        own = [] if self._loop is None else [self._loop]
        return [*own, *self.callers.driven.copy().values()]

    def is_current_thread(self) -> bool:
        """Whether this is the I/O thread, and will tell others of what it delivers."""
        loop = self._loop
        return loop is not None and loop.thread == threading.get_ident()

    def resting(self) -> list[RLock]:
        """What keeps all I/O between two turns, outside libcurl, while the process forks."""
        return [loop.resting for loop in self._running()]

    def locks(self) -> list[RLock]:
        """What then lets none begin."""
        return [self._lock, self.callers.lock]

    def abandon(self) -> None:
        """In a forked child, which has none of the threads."""
        self.callers.abandon()
        if self._loop is not None:
            self._loop.abandon()
