"""What happens to pending requests when the program ends, and when it forks.

- At the end of a program they are finished first, as with `concurrent.futures`; a program that ends
  by an unhandled exception or Ctrl-C does not wait: they are cancelled. Nor does any wait for what
  daemon threads ask for after the main thread's end: they might never stop.
- Failures that nobody looked at until then are logged.
- A forked child starts afresh, with nothing pending; the parent notices nothing.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from . import failure, log
from .future import guard
from .threads import TICK, help_out, promise_help


class Lasting(Protocol):
    """What has threads, and work pending."""

    def is_busy(self) -> bool:
        """Whether anything is pending that the end of the program waits for."""

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until nothing is pending, at most `timeout` seconds."""

    def park(self) -> None:
        """Keep the threads from any further move: the interpreter is about to go."""

    def abort(self) -> None:
        """Cancel what is pending and end the I/O; callbacks are not waited for."""

    def rest(self) -> None:
        """Before a fork: have the I/O rest until `release`."""

    def hold(self) -> bool:
        """When that of all rests: let nothing else change, either; False if some began anew."""

    def release(self) -> None:
        """After a fork: go on."""

    def start_afresh(self) -> Callable[[], None]:
        """After `release` in a forked child: the threads are gone.

        Returns what then makes all fail that was pending.
        """


_lasting: weakref.WeakSet[Lasting] = weakref.WeakSet()
_lock = threading.RLock()  # an RLock: a finalizer may make an Http


def last(what: Lasting) -> None:
    """Take care of `what` at the end, and around forks."""
    with _lock:
        _lasting.add(what)


def _all() -> list[Lasting]:
    with _lock:
        return list(_lasting)


ending = False
"""Whether the main thread has come to its end."""
_enough = False  # Ctrl-C, while it waits for what is pending


def _end() -> None:
    global ending  # noqa: PLW0603  # once
    ending = True
    promise_help()
    if _enough or _ends_by_exception():
        _abort_all()
    else:
        _finish_all()
    failure.report_unseen()
    log.flush()


def _ends_by_exception() -> bool:
    """Python notes the exception that ends a program; an interactive one goes on after each."""
    return getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")


def _finish_all() -> None:
    global _enough  # noqa: PLW0603  # once
    try:
        # Again and again: a callback of one may have made requests of another.
        while busy := [what for what in _all() if what.is_busy()]:
            busy[0].wait_until_idle(TICK)
            help_out()
    except BaseException:
        _enough = True
        _abort_all()
        raise


def _abort_all() -> None:
    for what in _all():
        what.abort()


def _end_for_good() -> None:
    _end()
    for what in _all():
        what.park()


def _at_exit() -> None:
    # Twice: while threads can still be started, in most versions of Python, and when those of the
    # program have ended, which may have asked for more.
    with suppress(RuntimeError):  # imported so late
        register = getattr(threading, "_register_atexit", atexit.register)
        register(_end)
    atexit.register(_end_for_good)


_held: list[Lasting] = []


def _hold() -> None:
    _lock.acquire()  # one fork at a time, and no Http is made meanwhile
    _held[:] = _lasting
    while not _hold_all():
        _release_all()
    guard.acquire()
    failure.lock.acquire()  # in this order: under guard a finalizer may want it


def _hold_all() -> bool:
    for what in _held:
        what.rest()
    holding = [what.hold() for what in _held]  # all of them, whatever the first says
    return all(holding)


def _release_all() -> None:
    for what in _held:
        what.release()


def _release() -> None:
    failure.lock.release()
    guard.release()
    _release_all()


def _go_on() -> None:
    _release()
    _held.clear()
    _lock.release()


def _start_afresh() -> None:
    _release()
    # All begin anew before anybody is told: what is called then may use any of them.
    tell = [what.start_afresh() for what in _held]
    _held.clear()
    _lock.release()
    for tell_of_lost in tell:
        tell_of_lost()


_at_exit()
os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_start_afresh)
