"""What happens to pending requests when the program ends, and when it forks.

- At the end of a program they are finished first, as with `concurrent.futures`; a program that ends
  by an unhandled exception or Ctrl-C does not wait: they are cancelled.
- Failures that nobody looked at until then are logged.
- A forked child starts afresh, with nothing pending; the parent notices nothing.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import weakref
from typing import Protocol

from . import failure, log
from .future import guard


class Lasting(Protocol):
    """What has threads, and work pending."""

    def is_idle(self) -> bool:
        """Whether nothing is pending."""

    def close(self, cancel_futures: bool) -> None:
        """Finish or cancel what is pending, then end the threads."""

    def abort(self) -> None:
        """Cancel what is pending and end the I/O; callbacks are not waited for."""

    def hold(self) -> None:
        """Before a fork: let nothing change until `release`."""

    def release(self) -> None:
        """After a fork: go on."""

    def start_afresh(self) -> None:
        """After `release` in a forked child: the threads are gone."""


_lasting: weakref.WeakSet[Lasting] = weakref.WeakSet()
_lock = threading.RLock()  # an RLock: a finalizer may make an Http


def last(what: Lasting) -> None:
    """Take care of `what` at the end, and around forks."""
    with _lock:
        _lasting.add(what)


def _all() -> list[Lasting]:
    with _lock:
        return list(_lasting)


def _end() -> None:
    if _ends_by_exception():
        _abort_all()
    else:
        _finish_all()
    failure.report_unseen()
    log.flush()


def _ends_by_exception() -> bool:
    """Python notes the exception that ends a program; an interactive one goes on after each."""
    return getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")


def _finish_all() -> None:
    try:
        # More than once: a callback of one may have made requests of another.
        while busy := [what for what in _all() if not what.is_idle()]:
            for what in busy:
                what.close(cancel_futures=False)
        for what in _all():
            what.close(cancel_futures=False)
    except BaseException:  # Ctrl-C: enough
        _abort_all()
        raise


def _abort_all() -> None:
    for what in _all():
        what.abort()


def _at_exit() -> None:
    # Before the interpreter begins to end: from then on (Python 3.12) no thread can be started.
    register = getattr(threading, "_register_atexit", atexit.register)
    register(_end)


_held: list[Lasting] = []


def _hold() -> None:
    _lock.acquire()
    _held[:] = _lasting
    for what in _held:
        what.hold()
    failure.lock.acquire()
    guard.acquire()


def _release() -> None:
    guard.release()
    failure.lock.release()
    _lock.release()
    for what in _held:
        what.release()


def _go_on() -> None:
    _release()
    _held.clear()


def _start_afresh() -> None:
    _release()
    for what in _held:
        what.start_afresh()
    _held.clear()


_at_exit()
os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_start_afresh)
