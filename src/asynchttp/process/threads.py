"""OwnThread: a thread of asynchttp's, recognizable as such; and how threads wait.

All are daemons: an idle Http keeps no process alive. What is pending when a program ends is
finished all the same (lifetime.py).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

TICK = 0.02  # seconds between two looks for what to help with
GLANCE = 1.0
"""Seconds after which the main thread, where it waits, comes back to Python, which runs the signal
handlers: a signal that came just before the system call does not end that."""


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
