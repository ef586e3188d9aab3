"""What happens to pending requests when the program ends, and when it forks.

- At the end of a program they are finished first, as with `concurrent.futures`; a program that ends
  by an unhandled exception or Ctrl-C does not wait: they are cancelled. Nor does any wait for what
  daemon threads ask for after the main thread's end: they might never stop.
- A forked child starts afresh, with nothing pending; the parent notices nothing.

This module knows nothing of what lives in the process: whatever has to do with the end or a fork is
registered here (`last`, `held_around_forks`, `at_end`, `after_fork`, `help_with`).
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from threading import RLock
from typing import Protocol

from .threads import TICK, promise_help


class Lasting(Protocol):
    """What has threads, and work pending."""

    def is_busy(self) -> bool:
        """Whether anything is pending that the end of the program waits for."""

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until nothing is pending, at most `timeout` seconds."""

    def park(self) -> None:
        """Close the connections; daemon threads begin nothing more."""

    def abort(self) -> None:
        """Cancel what is pending and end the I/O; callbacks are not waited for."""

    def start_afresh(self) -> Callable[[], None]:
        """In a forked child: the threads are gone.

        Returns what then makes all fail that was pending.
        """


_lasting: weakref.WeakSet[Lasting] = weakref.WeakSet()
_lock = RLock()  # an RLock: a finalizer may make an Http
_locks = [_lock]  # the first: one fork at a time, and no Http is made meanwhile
_last_words: list[Callable[[], None]] = []
_afresh: list[Callable[[], None]] = []
_helpers: list[Callable[[], None]] = []


def last(what: Lasting) -> None:
    """Take care of `what` at the end, and around forks."""
    with _lock:
        _lasting.add(what)


def held_around_forks(lock: RLock) -> RLock:
    """Hold `lock` while the process forks: else a child may find it taken, and its owner gone."""
    _locks.append(lock)
    return lock


def at_end(function: Callable[[], None]) -> Callable[[], None]:
    """Call `function` when all is finished, before functions that were given earlier."""
    _last_words.insert(0, function)
    return function


def after_fork(function: Callable[[], None]) -> None:
    """Call `function` in each forked child, before pending requests fail there."""
    _afresh.append(function)


def help_with(function: Callable[[], None]) -> None:
    """At the end of the program, when no thread may be had, have whoever waits call `function`."""
    _helpers.append(function)


def _help() -> None:
    for function in _helpers:
        function()


def _all() -> list[Lasting]:
    with _lock:
        return list(_lasting)


ending = False
"""Whether the main thread has come to its end."""
_enough = False  # Ctrl-C, while it waits for what is pending
_is_called = False  # Python calls `_end` when the main thread has come to its end


def _end() -> None:
    global ending, _enough  # noqa: PLW0603  # once
    try:
        ending = True
        promise_help(_help)
        if _enough or _ends_by_exception():
            _abort_all()
        else:
            _finish_all()
    except BaseException:
        _enough = True
        _abort_all()
        raise
    for function in _last_words:
        function()


def _ends_by_exception() -> bool:
    """Python notes the exception that ends a program; an interactive one goes on after each."""
    return getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")


def _finish_all() -> None:
    # Again and again: a callback of one may have made requests of another.
    while busy := [what for what in _all() if what.is_busy()]:
        busy[0].wait_until_idle(TICK)
        _help()


def _abort_all() -> None:
    for what in _all():
        what.abort()


def _end_for_good() -> None:
    global _enough  # noqa: PLW0603  # once
    # Where Python has not called that, Ctrl-C came just before, or while it waited for threads. Not
    # where a program runs what is registered: Python itself calls from no frame.
    was_to_be_called = _is_called and sys._getframe().f_back is None
    _enough = _enough or (was_to_be_called and not ending)
    _end()
    for what in _all():
        what.park()


def _at_exit() -> None:
    # Twice: while threads can still be started, in most versions of Python, and when those of the
    # program have ended, which may have asked for more.
    global _is_called  # noqa: PLW0603  # once
    with suppress(AttributeError, RuntimeError):  # not in this Python; imported so late
        threading._register_atexit(_end)  # type: ignore[attr-defined]  # as concurrent.futures does
        _is_called = True
    atexit.register(_end_for_good)


STUCK = 1.0  # seconds


class _Held(threading.local):  # so that nobody lets go of another's: more than one may fork at once
    def __init__(self) -> None:
        self.locks: list[RLock] = []


_held = _Held()


def _hold() -> None:
    while not _hold_all():
        _release()
        time.sleep(TICK)  # for others to get what they want: whoever sleeps on a lock is slower


def _hold_all() -> bool:
    """False if somebody was stuck, or something began meanwhile.

    No order suits all: what a finalizer wants, wherever it comes, may be held here already.
    """
    return all(_hold_one(lock) for lock in _locks) and set(_locks) <= set(_held.locks)


def _hold_one(lock: RLock) -> bool:
    _held.locks.append(lock)  # before it is: Ctrl-C, which stops no fork, can come after any call
    if lock.acquire(timeout=STUCK):
        return True
    _held.locks.pop()
    return False


def has_locks() -> bool:
    """Whether this thread holds a lock of ours: a finalizer or a signal handler may run there."""
    return any(lock._is_owned() for lock in _locks)  # type: ignore[attr-defined]  # not typed


def _release() -> None:
    while _held.locks:
        with suppress(RuntimeError):  # Ctrl-C came before it was held, or after it was released
            _held.locks[-1].release()
        del _held.locks[-1]


def _start_afresh() -> None:
    _release()
    for function in _afresh:
        function()
    # All begin anew before anybody is told: what is called then may use any of them.
    tell = [what.start_afresh() for what in _all()]
    for tell_of_lost in tell:
        tell_of_lost()


_at_exit()
os.register_at_fork(before=_hold, after_in_parent=_release, after_in_child=_start_afresh)
# Again, for Ctrl-C may have come in the middle of it; where all is released it does nothing.
os.register_at_fork(after_in_parent=_release, after_in_child=_release)
