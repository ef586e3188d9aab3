"""LeanFuture: a `concurrent.futures.Future` that is cheap to make and quick to wait for.

A plain Future makes a Condition when it is born: 4 µs and 1.6 kB. This one makes it when something
of `concurrent.futures` asks for it (`wait`, `as_completed`, a done-callback), which most never see.

Rules:
- The state is one atomic word in C (core/ticket.c). While nobody observes the future, the core's
  thread sets FINISHED. Whatever asks for the Condition observes: from then on the state changes
  under `state_lock`, the lock of every Condition, together with the waiters, as
  `concurrent.futures` demands.
- No user code runs under `state_lock`.
- Threads in `result()` wait in C. `try_settle` does not wake the threads: `_wake` does, so that
  many can be woken in one go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .. import _core, log
from ..process.lifetime import hold_during_forks
from ..process.threads import is_own_thread, prepare_to_wait, wait_and_help
from .failure import Failure

if TYPE_CHECKING:
    from concurrent.futures._base import _Waiter

T = TypeVar("T")

# The names of the states are those of concurrent.futures, whose functions compare with them.
PENDING, RUNNING, FINISHED = "PENDING", "RUNNING", "FINISHED"
CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
DONE = frozenset((FINISHED, CANCELLED_AND_NOTIFIED))

# An RLock, since the garbage collector or a signal handler may come back here in the same thread.
state_lock = hold_during_forks(threading.RLock())


def may_block() -> bool:
    """Whether a wait in C stops one thread alone, and not gevent's or eventlet's hub."""
    return threading.Lock.__module__ == "_thread"


class LeanFuture(_core.Work, Future[T]):
    """A Future of a `T`; also awaitable under asyncio.

    >>> future = LeanFuture()
    >>> future.set_result(42)
    >>> future.done(), future.result()
    (True, 42)
    """

    __slots__ = ()  # the attributes are members of _core.Work, None until they are set

    # Any: the base class says so too; subclasses keep here what their `_value` makes a T of.
    _result: Any
    _failure: Failure | None
    _made_condition: threading.Condition | None
    _done_callbacks: list[Callable[[Future[T]], object]]

    def __init__(self, account: _core.Account | None = None, rank: int = 0) -> None:
        # Not the base class's: it would make the Condition.
        self._bind(account, rank)

    if not TYPE_CHECKING:  # to which it is the plain attribute of the base class

        @property
        def _condition(self) -> threading.Condition:
            self.expect()
            prepare_to_wait()
            with state_lock:
                if self._made_condition is None:
                    self._waiters, self._done_callbacks = [], []
                    self._made_condition = threading.Condition(state_lock)
                    self._observe()
                return self._made_condition

    # Looking.

    def done(self) -> bool:
        """True when there is a result, an exception, or it was cancelled."""
        return self._is_done

    def cancelled(self) -> bool:
        """True when it was cancelled."""
        return self._state == CANCELLED_AND_NOTIFIED

    def running(self) -> bool:
        """True while it is being worked on."""
        return self._state == RUNNING

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until done, at most `timeout` seconds; returns `done()`. Never raises the failure.

        >>> LeanFuture().wait(timeout=0)
        False
        """
        return self._is_done or self._sleep(timeout)

    def result(self, timeout: float | None = None) -> T:
        """The value, waited for at most `timeout` seconds.

        Raises what the work raised, `TimeoutError`, or `concurrent.futures.CancelledError`.
        """
        if not self.wait(timeout):
            raise TimeoutError
        return self._value()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """What the work raised, or None; waits at most `timeout` seconds.

        Raises `TimeoutError`, or `concurrent.futures.CancelledError`.
        """
        if not self.wait(timeout):
            raise TimeoutError
        if self._failure is not None:
            return self._failure.look()
        if self._state == CANCELLED_AND_NOTIFIED:
            raise CancelledError
        return None

    def _value(self) -> T:
        """The value of a future that is done; raises its failure."""
        if self._state == CANCELLED_AND_NOTIFIED or self._failure is not None:
            self._raise()
        value: T = self._result
        return value

    def _raise(self) -> NoReturn:
        if self._failure is None:
            raise CancelledError
        try:
            self._failure.throw()
        finally:
            del self  # the traceback holds this frame: without this it would hold the future

    def __await__(self) -> Generator[Any, None, T]:  # Any: what an event loop and its futures say
        import asyncio  # noqa: PLC0415  # whoever awaits has it; others need not wait for it

        return asyncio.wrap_future(self).__await__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._outcome()}>"

    def _outcome(self) -> str:
        return self._state.lower().partition("_")[0]

    # Settling.

    def set_running_or_notify_cancel(self) -> bool:
        """PENDING becomes RUNNING; False if it was cancelled before."""
        return self._run()

    def set_result(self, result: T) -> None:
        """Settle with a value; `concurrent.futures.InvalidStateError` if it is done already."""
        self._settle(FINISHED, result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        """Settle with a failure; `concurrent.futures.InvalidStateError` if it is done already."""
        self._settle(FINISHED, None, Failure(exception) if exception is not None else None)

    def cancel(self) -> bool:
        """Take it back while it has not begun; False if it is too late."""
        self.settle(CANCELLED_AND_NOTIFIED, None, None)
        return self.cancelled()

    def _settle(self, state: str, result: object, failure: Failure | None) -> None:
        if not self.settle(state, result, failure):
            raise InvalidStateError(f"{self._state}: {self!r}")

    def settle(self, state: str, result: object, failure: Failure | None) -> bool:
        """`try_settle`, and all that comes after it."""
        concluded = self.try_settle(state, result, failure)
        if concluded:
            self._wake()
            self.call_done_callbacks()
        return concluded

    def try_settle(self, state: str, result: object, failure: Failure | None) -> bool:
        """Move to a final state, once: False if it is in one, or is running and was to be
        cancelled. `_wake` and the callbacks follow.
        """
        with state_lock:
            if self._is_done:
                return False
            self._result, self._failure = result, failure
            if not (self._cancel() if state == CANCELLED_AND_NOTIFIED else self._finish()):
                self._result = self._failure = None  # a plain answer has come, or it is running
                return False
            waiters = self._notify()
        for waiter in waiters:  # each has a lock, not to be taken under state_lock
            self._tell(waiter)
        return True

    def _notify(self) -> list[_Waiter]:
        if self._made_condition is None:
            return []
        self._made_condition.notify_all()
        return list(self._waiters)

    def _tell(self, waiter: _Waiter) -> None:
        if self._failure is not None:
            waiter.add_exception(self)
        elif self._state == CANCELLED_AND_NOTIFIED:
            waiter.add_cancelled(self)
        else:
            waiter.add_result(self)

    @property
    def has_done_callbacks(self) -> bool:
        """Whether there is user code to run now that it is done."""
        return self._made_condition is not None and bool(self._done_callbacks)

    def call_done_callbacks(self) -> None:
        """Run the functions of `add_done_callback`, here."""
        if self.has_done_callbacks:
            callbacks, self._done_callbacks = self._done_callbacks, []
            for callback in callbacks:
                self._call(callback)

    def _call(self, callback: Callable[[Future[T]], object]) -> None:
        try:
            callback(self)
        except BaseException as error:  # user code
            log.error("%r: exception in a function given to add_done_callback", self)
            if not isinstance(error, Exception) and not is_own_thread():
                raise  # Ctrl-C, while the caller cancels

    # Sleeping and waking.

    def expect(self) -> None:
        """Somebody may be about to wait for it here."""

    def _sleep(self, timeout: float | None) -> bool:
        self.expect()
        return wait_and_help(self._wait_here, timeout)

    def _wait_here(self, seconds: float) -> bool:
        return self._wait(seconds) if may_block() else self._wait_by_condition(seconds)

    def _wait_by_condition(self, seconds: float) -> bool:
        # By the locks of gevent or eventlet: the greenlet waits, the hub goes on.
        with self._condition:
            return self._condition.wait_for(self.done, None if seconds < 0 else seconds)
