"""How pending requests end with the program, and what a fork does to pending requests.

- At the end of a program, pending requests are finished first, as with `concurrent.futures`. Two
  exceptions: a program that ends by an unhandled exception or Ctrl-C cancels pending requests; and
  requests that daemon threads make after the main thread's end are not waited for, since daemon
  threads might never stop making requests.
- The wait ends at SIGTERM, and for the work of an Http after its `exit_timeout`.
- In a forked child, pending requests fail with LostInForkError (dispatch/account.py); the parent
  notices nothing.

This module knows none of the objects concerned. Each registers here: `register`,
`hold_during_forks`, `at_exit`, `at_long_wait`, `after_fork`, `register_helper`.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Protocol

from .native import has_native_locks
from .native import threading as native
from .threads import POLL_INTERVAL, set_helper


class Participant(Protocol):
    """An object with pending work and connections, which program end and forks concern."""

    def is_busy(self) -> bool:
        """Whether work is pending that the end of the program waits for."""

    exit_timeout: float | None
    """Seconds for which the end of the program waits for pending work, or None for no limit."""

    def wait_until_idle(self, timeout: float) -> None:
        """Wait at most `timeout` seconds until no work is pending."""

    def give_up_at_exit(self) -> None:
        """Cancel the work that is pending after `exit_timeout`, and wait for it no more."""

    def close_at_exit(self) -> None:
        """Close the connections; from now on begin no work of daemon threads."""

    def cancel_at_exit(self) -> None:
        """Cancel pending work and close the connections, without waiting for callbacks."""

    def drop_after_fork(self) -> Callable[[], None]:
        """In a forked child: drop the state that depends on the parent's threads.

        Returns a function that makes the pending work of the parent fail in the child.
        """


WARN_AFTER = 1.0  # seconds of waiting at the end of the program

_participants: weakref.WeakSet[Participant] = weakref.WeakSet()
_lock = native.RLock()  # an RLock: a finalizer may make an Http
_locks = [_lock]  # `_lock` first, for the rest of a fork: no other fork begins, no Http is made
_exit_functions: list[Callable[[], None]] = []
_long_wait_functions: list[Callable[[list[Participant]], None]] = []
_fork_functions: list[Callable[[], None]] = []
_helpers: list[Callable[[], None]] = []


def register(participant: Participant) -> None:
    """Close `participant` at the end of the program, and call `drop_after_fork` after forks."""
    with _lock:
        _participants.add(participant)


def hold_during_forks(lock: native.RLock) -> native.RLock:
    """Hold `lock` while the process forks: a child must not find `lock` held by a lost thread."""
    _locks.append(lock)
    return lock


def at_exit(function: Callable[[], None]) -> Callable[[], None]:
    """Call `function` when all work is finished, before functions that were given earlier."""
    _exit_functions.insert(0, function)
    return function


def at_long_wait(function: Callable[[list[Participant]], None]) -> None:
    """Call `function` with the busy participants when the end of the program has waited long."""
    _long_wait_functions.append(function)


def after_fork(function: Callable[[], None]) -> None:
    """Call `function` in each forked child, before pending requests fail in the child."""
    _fork_functions.append(function)


def register_helper(function: Callable[[], None]) -> None:
    """Have waiting threads call `function` at the end of the program, when no thread may start."""
    _helpers.append(function)


def _help() -> None:
    for function in _helpers:
        function()


def all_participants() -> list[Participant]:
    """All objects that were registered, and are alive."""
    with _lock:
        return list(_participants)


is_ending = False
"""Whether the main thread has come to its end."""
_must_cancel = False  # set by Ctrl-C or SIGTERM during the wait for pending work
_is_registered = False  # Python calls `_finish_or_cancel` at the end of the main thread


def _finish_or_cancel() -> None:
    global is_ending, _must_cancel  # noqa: PLW0603  # once
    try:
        is_ending = True
        set_helper(_help)
        if _must_cancel or _ends_by_exception():
            _cancel_all()
        else:
            with _sigterm_ends_wait():
                is_idle = _finish_all()
            if not is_idle:
                _cancel_all()
    except BaseException:
        _must_cancel = True
        _cancel_all()
        raise
    for function in _exit_functions:
        function()


def _ends_by_exception() -> bool:
    # An interactive session (ps1) goes on after each unhandled exception.
    return getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")


def _finish_all() -> bool:
    """Wait until no work is pending; False if SIGTERM came."""
    # In a loop: a callback of one participant may have made requests of another.
    began, has_warned = time.monotonic(), False
    while (busy := [each for each in all_participants() if each.is_busy()]) and not _must_cancel:
        busy[0].wait_until_idle(POLL_INTERVAL)
        _help()
        waited = time.monotonic() - began
        for each in busy:
            if each.exit_timeout is not None and waited >= each.exit_timeout:
                each.give_up_at_exit()
        if waited >= WARN_AFTER and not has_warned:
            has_warned = True
            for function in _long_wait_functions:
                function(busy)
    return not busy


@contextmanager
def _sigterm_ends_wait() -> Iterator[None]:
    """Have SIGTERM end `_finish_all`, after a handler of the program; the default action ends the
    process anyway.
    """
    handler = signal.getsignal(signal.SIGTERM)
    if not callable(handler) or threading.current_thread() is not threading.main_thread():
        yield
        return

    def end_wait(number: int, frame: FrameType | None) -> None:
        global _must_cancel  # noqa: PLW0603  # once
        _must_cancel = True
        with suppress(SystemExit):  # the program is ending
            handler(number, frame)

    signal.signal(signal.SIGTERM, end_wait)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, handler)


def _cancel_all() -> None:
    for participant in all_participants():
        participant.cancel_at_exit()


def _end_process() -> None:
    global _must_cancel  # noqa: PLW0603  # once
    # If Python was to call `_finish_or_cancel` and did not, Ctrl-C came just before the call, or
    # during Python's wait for threads. A frame below this function means that the program itself
    # runs the functions of `atexit`: Python calls from no frame.
    # With eventlet, Python does not call.
    is_expected = _is_registered and has_native_locks()
    was_to_be_called = is_expected and sys._getframe().f_back is None
    _must_cancel = _must_cancel or (was_to_be_called and not is_ending)
    _finish_or_cancel()
    for participant in all_participants():
        participant.close_at_exit()


def _register_exit_hooks() -> None:
    # Two hooks: the first runs while threads can still start, in most versions of Python; the
    # second when the program's threads have ended, which may have made more requests.
    global _is_registered  # noqa: PLW0603  # once
    with suppress(AttributeError, RuntimeError):  # other Pythons; an import during the shutdown
        threading._register_atexit(_finish_or_cancel)  # type: ignore[attr-defined]  # as concurrent.futures does
        _is_registered = True
    atexit.register(_end_process)


LOCK_TIMEOUT = 1.0  # seconds


class _HeldLocks(native.local):  # by thread: several threads may fork at once
    def __init__(self) -> None:
        self.locks: list[native.RLock] = []


_held = _HeldLocks()


def _acquire_locks() -> None:
    while not _try_acquire_all():
        _release_locks()
        time.sleep(POLL_INTERVAL)  # long enough for a thread that sleeps on one of the locks


def _try_acquire_all() -> bool:
    """False if a lock was not to be had in time, or if another lock was registered meanwhile.

    Deadlocks are broken by timeouts, since no order suits all: a finalizer may run anywhere in this
    function, and need a lock that is held already.
    """
    return all(_try_acquire(lock) for lock in _locks) and set(_locks) <= set(_held.locks)


def _try_acquire(lock: native.RLock) -> bool:
    _held.locks.append(lock)  # before `acquire`: Ctrl-C may come after any call, and stops no fork
    if lock.acquire(timeout=LOCK_TIMEOUT):
        return True
    _held.locks.pop()
    return False


def has_locks() -> bool:
    """Whether the current thread holds a lock of this package, as around a finalizer."""
    return any(lock._is_owned() for lock in _locks)  # type: ignore[attr-defined]  # not typed


def _release_locks() -> None:
    while _held.locks:
        with suppress(RuntimeError):  # not held: Ctrl-C came before `acquire` or after `release`
            _held.locks[-1].release()
        del _held.locks[-1]


def _drop_after_fork() -> None:
    _release_locks()
    for function in _fork_functions:
        function()
    # All participants first: the functions returned call user code, which may use any participant.
    fail_functions = [each.drop_after_fork() for each in all_participants()]
    for fail_pending in fail_functions:
        fail_pending()


_register_exit_hooks()
os.register_at_fork(
    before=_acquire_locks, after_in_parent=_release_locks, after_in_child=_drop_after_fork
)
# Twice, since Ctrl-C may interrupt the first call; without held locks the second does nothing.
os.register_at_fork(after_in_parent=_release_locks, after_in_child=_release_locks)
