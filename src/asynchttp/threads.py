"""OwnThread: a thread of asynchttp's, recognizable as such; and where in our code a thread is.

All are daemons: an idle Http keeps no process alive. What is pending when a program ends is
finished all the same (lifetime.py).
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from types import CodeType, FrameType
from typing import ParamSpec, TypeVar

TICK = 0.02  # seconds between two looks for what to help with
GLANCE = 1.0
"""Seconds after which the main thread, where it waits, comes back to Python, which runs the signal
handlers: a signal that came just before the system call does not end that."""

P = ParamSpec("P")
R = TypeVar("R")


class OwnThread(threading.Thread):
    """A daemon thread that runs `target`.

    Rule: it is started where no lock is held, and who starts it does not count on it before it
    runs. `start` waits until it does; before that the garbage collector may run finalizers in it,
    and in the starting thread Ctrl-C or a signal handler may come.
    """

    def __init__(self, target: Callable[[], None], purpose: str) -> None:
        super().__init__(target=target, name=f"asynchttp {purpose}", daemon=True)

    def start(self) -> None:
        if sys.is_finalizing():  # before Python 3.12 it would wait for what never runs
            raise RuntimeError("can't start new thread at interpreter shutdown")
        super().start()

    def about_to_wait(self) -> None:
        """This thread is about to wait: others may have to do its work meanwhile."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it has ended; not if it has not been started yet."""
        with suppress(RuntimeError):
            super().join(timeout)


def on_own_thread() -> bool:
    """Whether this is one of them."""
    return isinstance(threading.current_thread(), OwnThread)


def is_daemon_of_the_program() -> bool:
    """Whether this is a daemon thread, but none of ours."""
    return threading.current_thread().daemon and not on_own_thread()


class _Collection(threading.local):
    start: object = None
    stop: object = None


# Functions of C note it. In one of ours Python would run the signal handlers that came due while it
# collected, and what they raise there, Ctrl-C say, goes nowhere.
_here, _last = _Collection(), OrderedDict[str, object](start=None, stop=None)
gc.callbacks.extend([_here.__setattr__, _last.__setitem__])
gc.callbacks.append(_last.move_to_end)  # type: ignore[arg-type]  # what it is told of is not empty


def _is_collecting() -> bool:
    """Whether the garbage collector is at work, and in this thread."""
    return _last_noted() == "start" and _here.start is _last["start"]


def _last_noted() -> str:
    while True:
        with suppress(RuntimeError):  # the collector has run between the two calls
            return next(reversed(_last))


_calling: set[CodeType] = set()


def calls_foreign_code(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a function that calls foreign code where nothing of ours is half done."""
    _calling.add(function.__code__)
    return function


def in_our_midst() -> bool:
    """Whether the foreign code that called us came in the middle of our own.

    The garbage collector runs finalizers anywhere, and Python runs signal handlers. To wait there
    may be to wait for what this very thread was about to do, or for a lock that it holds.
    """
    if _is_collecting():
        return True  # whosever code it came between: it may be what the server runs on
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    while frame is not None and not _is_ours(frame):
        frame = frame.f_back
    return frame is not None and frame.f_code not in _calling


def _is_ours(frame: FrameType) -> bool:
    name: str = frame.f_globals.get("__name__", "")
    return name.partition(".")[0] == __package__


# When there are no threads to be had: Python 3.12.0 to 3.12.2 start none once the main thread has
# come to its end, later ones none in functions of `atexit`. Then whoever waits helps.

_help: Callable[[], object] | None = None


def promise_help(how: Callable[[], object]) -> None:
    """From now on whoever waits calls `how` again and again."""
    global _help  # noqa: PLW0603  # once
    _help = how


def about_to_wait() -> None:
    """The code that runs here may be about to wait: let others do the work of this thread."""
    thread = threading.current_thread()
    if isinstance(thread, OwnThread):
        thread.about_to_wait()


@calls_foreign_code  # signal handlers
def wait_and_help(wait: Callable[[float], bool], timeout: float | None) -> bool:
    """Call `wait` with seconds, negative for ever; meanwhile help, if there is need."""
    about_to_wait()
    if _help is None:
        return wait(-1 if timeout is None else max(0.0, timeout))
    ends = float("inf") if timeout is None else time.monotonic() + timeout
    while not wait(max(0.0, min(TICK, ends - time.monotonic()))):
        _help()
        if time.monotonic() > ends:
            return False
    return True
