"""Callers: who waits for one request makes its transfers himself, on a Loop of his own.

To have another thread do it would mean two wake-ups: a tenth of the time of a small request to a
server on the same machine.

Rules:
- A loop has one caller at a time. Ctrl-C comes anywhere in it; then it is thrown away, and takes
  nobody else's transfer with it.
- Idle loops are kept with their connections, for any thread; the last used goes first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from ..model import Transfer
from . import Receiver
from .loop import Loop

Token = TypeVar("Token", bound=Hashable)


class ToCaller(Generic[Token]):
    """The engine's receiver, as these loops report to it."""

    def __init__(self, receiver: Receiver[Token]) -> None:
        self.deliver = receiver.deliver_to_caller
        self.deliver_to_caller = receiver.deliver_to_caller
        self.connected = receiver.connected
        self.about_to_block = receiver.about_to_block


class Callers(Generic[Token]):
    """The loops that callers drive."""

    def __init__(
        self, receiver: Receiver[Token], run_elsewhere: Callable[[Callable[[], None]], None]
    ) -> None:
        self._receiver = ToCaller(receiver)
        self._run_elsewhere = run_elsewhere
        # An RLock: a finalizer or a signal handler may be the next caller.
        self.lock = threading.RLock()
        """Held while the process forks: then there is nobody here in libcurl, but in `driven`."""
        self._idle: list[Loop[Token]] = []
        self._crew = 0  # loops of earlier ones are not kept
        self.driven: dict[Token, Loop[Token]] = {}
        """Those in use, by the token whose transfers they make."""

    def attend(
        self,
        token: Token,
        begin: Callable[[], None],
        is_over: Callable[[Callable[[], object]], bool],
    ) -> None:
        """Make the transfers of `token` on this thread, from `begin` until it is over.

        `is_over` is given what to call when it is, if it is not.
        """
        crew = self._crew
        try:
            loop = self._take_on(token)
            begin()
            loop.run_until(is_over)
            while not self._let_go(token, loop, crew):
                loop.run_until(lambda _: True)
        except BaseException:  # Ctrl-C: nobody knows how far anything is
            with self.lock:  # a fork finds it there, or closed
                if (lost := self.driven.pop(token, None)) is not None:
                    lost.discard()
            raise

    def _take_on(self, token: Token) -> Loop[Token]:
        with self.lock:
            if not self._idle:
                self._idle.append(Loop(self._receiver, self._run_elsewhere, self.lock))
            # Without a call: Ctrl-C can come after any.
            loop = self.driven[token] = self._idle[-1]
            del self._idle[-1]
            return loop

    def _let_go(self, token: Token, loop: Loop[Token], crew: int) -> bool:
        """Have the loop ready for the next; False if something was posted meanwhile."""
        with self.lock:
            if loop.has_work:
                return False
            if crew != self._crew:
                loop.discard()
            else:
                self._idle += [loop]  # without a call, again
            del self.driven[token]
            return True

    def start(self, token: Token, transfer: Transfer) -> bool:
        """Have its caller begin a transfer; False if there is none."""
        with self.lock:  # so that it is posted before `attend` lets go of the loop, or not at all
            loop = self.driven.get(token)
            return loop is not None and loop.post(loop.start, token, transfer)

    def cancel(self, token: Token) -> bool:
        """Have its caller stop its transfer; False if there is none."""
        with self.lock:
            loop = self.driven.get(token)
            return loop is not None and loop.post(loop.cancel, token)

    def close(self) -> None:
        """Let go of the connections: at once, or when those who use them are done."""
        with self.lock:
            self._crew += 1
            while self._idle:
                self._idle.pop().discard()

    def abandon(self) -> None:
        """In a forked child: see `Loop.abandon`."""
        for loop in [*self._idle, *self.driven.values()]:
            loop.abandon()
