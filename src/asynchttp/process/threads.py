"""OwnThread: a thread of this package; and how threads wait.

Every OwnThread is a daemon: an idle Http keeps no process alive. Work that is pending when a
program ends is finished all the same (lifetime.py).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress

from .native import threading

POLL_INTERVAL = 0.02  # seconds between two calls of the helper
SIGNAL_INTERVAL = 1.0
"""Seconds for which the main thread waits in C at most before Python may run signal handlers: a
signal that arrives just before the system call does not interrupt the call."""


class OwnThread(threading.Thread):
    """A daemon thread that runs `target`.

    Rule: start an OwnThread where no lock is held, and do not count on the thread before `target`
    runs. `start` waits until then, and meanwhile the garbage collector may run finalizers in the
    new thread; Ctrl-C or a signal handler may come in the starting thread.
    """

    def __init__(self, target: Callable[[], None], purpose: str) -> None:
        super().__init__(target=target, name=f"asynchttp {purpose}", daemon=True)

    def start(self) -> None:
        if sys.is_finalizing():  # before Python 3.12, `start` would wait for ever
            raise RuntimeError("can't start new thread at interpreter shutdown")
        super().start()

    def prepare_to_wait(self) -> None:
        """Hand the duties of this thread to other threads, since this thread may wait."""

    def join(self, timeout: float | None = None) -> None:
        """Wait at most `timeout` seconds for the end of a thread; not for an unstarted thread."""
        with suppress(RuntimeError):
            super().join(timeout)


def is_own_thread() -> bool:
    """Whether the current thread is an OwnThread."""
    return isinstance(threading.current_thread(), OwnThread)


def is_user_daemon() -> bool:
    """Whether the current thread is a daemon thread of the program, not of this package."""
    return threading.current_thread().daemon and not is_own_thread()


# Python 3.12.0 to 3.12.2 start no thread after the end of the main thread, later versions start no
# thread in functions of `atexit`. Threads that wait then run the tasks themselves: the helper.

MAIN_THREAD_HAS_TO_START_THREADS = (3, 12) <= sys.version_info < (3, 12, 3)

_helper: Callable[[], object] | None = None


def set_helper(helper: Callable[[], object]) -> None:
    """From now on, call `helper` again and again in every thread that waits."""
    global _helper  # noqa: PLW0603  # once
    _helper = helper


def prepare_to_wait() -> None:
    """Hand the duties of the current thread to other threads, if user code may wait now."""
    thread = threading.current_thread()
    if isinstance(thread, OwnThread):
        thread.prepare_to_wait()


def wait_and_help(wait: Callable[[float], bool], timeout: float | None) -> bool:
    """Call `wait` with a number of seconds, negative for ever; run the helper, if set, meanwhile.

    Returns whether `wait` returned True within `timeout` seconds.
    """
    prepare_to_wait()
    if _helper is None:
        return wait(-1 if timeout is None else max(0.0, timeout))
    ends = float("inf") if timeout is None else time.monotonic() + timeout
    while not wait(max(0.0, min(POLL_INTERVAL, ends - time.monotonic()))):
        _helper()
        if time.monotonic() > ends:
            return False
    return True
