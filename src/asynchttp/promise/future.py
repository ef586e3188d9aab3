"""LeanFuture: a `concurrent.futures.Future` that is cheap to make and quick to wait for.

A plain Future makes a Condition at once: 4 µs and 1.6 kB. A LeanFuture makes a Condition when
`concurrent.futures` reads `_condition` (`wait`, `as_completed`, a done-callback), which is rare.

Rules:
- The state is one atomic word in C (core/ticket.c). The core's thread sets FINISHED only while the
  future is not observed. Reading `_condition` makes the future observed: from then on the state
  changes under `state_lock`, the lock of every Condition, together with the waiters, as
  `concurrent.futures` demands.
- No user code runs under `state_lock`.
- Threads in `result()` wait in C. `_wake` wakes the threads, not `try_settle`: a worker wakes the
  threads of many futures in one go.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from .. import _core, log
from ..messages.errors import ResultTimeoutError
from ..process.lifetime import hold_during_forks
from ..process.native import has_native_locks, threading
from ..process.threads import is_own_thread, prepare_to_wait, wait_and_help
from .callback_scope import Permit, in_context
from .failure import Failure

if TYPE_CHECKING:
    from concurrent.futures._base import _Waiter

T = TypeVar("T")

# The names of the states are those of concurrent.futures, whose functions compare with them.
PENDING, RUNNING, FINISHED = "PENDING", "RUNNING", "FINISHED"
CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
DONE = frozenset((FINISHED, CANCELLED_AND_NOTIFIED))

SHORTEST_PAUSE, LONGEST_PAUSE = 0.0005, 0.02  # seconds, of a greenlet that waits

# An RLock, since the garbage collector or a signal handler may come back here in the same thread.
state_lock = hold_during_forks(threading.RLock())


class LeanFuture(_core.Work, Future[T]):
    """A Future of a `T`; also awaitable under asyncio.

    >>> future = LeanFuture()
    >>> future.set_result(42)
    >>> future.done(), future.result()
    (True, 42)
    """

    __slots__ = ()  # the attributes are members of _core.Work, None until they are set

    # Any: as in the base class; a Promise makes the T in `_get_value`.
    _result: Any
    _failure: Failure | None
    _made_condition: threading.Condition | None
    _done_callbacks: list[Callable[[Future[T]], object]]

    def __init__(self, account: _core.Account | None = None, rank: int = 0) -> None:
        # Not `super().__init__()`, which would make the Condition.
        self._bind(account, rank)

    if not TYPE_CHECKING:  # a plain attribute in the base class

        @property
        def _condition(self) -> threading.Condition:
            if (permit := self.lend_slot()) is not None:
                permit.lend()  # the end of the wait is not seen here
            return self._get_condition()

    def _get_condition(self) -> threading.Condition:
        prepare_to_wait()
        with state_lock:
            if self._made_condition is None:
                self._waiters, self._done_callbacks = [], []
                self._made_condition = threading.Condition(state_lock)
                self._observe()
            return self._made_condition

    # Looking.

    def done(self) -> bool:
        """True when the future has a result or an exception, or was cancelled."""
        return self._is_done

    def cancelled(self) -> bool:
        """True when the future was cancelled."""
        return self._state == CANCELLED_AND_NOTIFIED

    def running(self) -> bool:
        """True while the work is under way."""
        return self._state == RUNNING

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most `timeout` seconds, then return `done()`. Never raises the failure.

        >>> LeanFuture().wait(timeout=0)
        False
        """
        return self._is_done or self._wait_until_done(timeout)

    def result(self, timeout: float | None = None) -> T:
        """Wait at most `timeout` seconds, then return the value.

        Raises the exception of the work, `ResultTimeoutError`, or
        `concurrent.futures.CancelledError`.
        """
        if not self.wait(timeout):
            raise _not_done(self, "result", timeout)
        return self._get_value()

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait at most `timeout` seconds, then return the exception of the work, or None.

        Raises `ResultTimeoutError`, or `concurrent.futures.CancelledError`.
        """
        if not self.wait(timeout):
            raise _not_done(self, "exception", timeout)
        if self._failure is not None:
            return self._failure.look()
        if self._state == CANCELLED_AND_NOTIFIED:
            raise _was_cancelled(self)
        return None

    def _get_value(self) -> T:
        """Return the value of a done future, or raise the failure."""
        if self._state == CANCELLED_AND_NOTIFIED or self._failure is not None:
            self._raise_failure()
        value: T = self._result
        return value

    def _raise_failure(self) -> NoReturn:
        if self._failure is None:
            raise _was_cancelled(self)
        try:
            self._failure.throw()
        finally:
            del self  # the traceback keeps this frame alive, but is not to keep the future alive

    def __await__(self) -> Generator[Any, None, T]:  # Any: as asyncio has it
        if (permit := self.lend_slot()) is not None:
            permit.lend()
        import asyncio  # noqa: PLC0415  # slow; code that awaits has imported asyncio

        return asyncio.wrap_future(self).__await__()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._describe_state()}>"

    def _describe_state(self) -> str:
        return self._state.lower().partition("_")[0]

    # Settling.

    def set_running_or_notify_cancel(self) -> bool:
        """Change PENDING to RUNNING; False if the future was cancelled before."""
        return self._run()

    def set_result(self, result: T) -> None:
        """Settle with a value; `concurrent.futures.InvalidStateError` if already done."""
        self._settle_or_raise(FINISHED, result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        """Settle with a failure; `concurrent.futures.InvalidStateError` if already done."""
        self._settle_or_raise(FINISHED, None, Failure(exception) if exception is not None else None)

    def cancel(self) -> bool:
        """Cancel the work if the work has not begun; returns whether the future is cancelled."""
        self.settle(CANCELLED_AND_NOTIFIED, None, None)
        return self.cancelled()

    def _settle_or_raise(self, state: str, result: object, failure: Failure | None) -> None:
        if not self.settle(state, result, failure):
            raise InvalidStateError(f"{self._state}: {self!r}")

    def settle(self, state: str, result: object, failure: Failure | None) -> bool:
        """`try_settle`; then wake the waiting threads and call the done-callbacks."""
        is_settled = self.try_settle(state, result, failure)
        if is_settled:
            self._wake()
            self.call_done_callbacks()
        return is_settled

    def try_settle(self, state: str, result: object, failure: Failure | None) -> bool:
        """Change to a final state, once. False if the state is final already, and for cancelling
        running work. The caller sees to `_wake` and the done-callbacks.
        """
        with state_lock:
            if self._is_done:
                return False
            self._result, self._failure = result, failure
            if not (self._cancel() if state == CANCELLED_AND_NOTIFIED else self._finish()):
                self._result = self._failure = None  # finished in the core meanwhile, or running
                return False
            waiters = self._notify_condition()
        for waiter in waiters:  # outside state_lock: each waiter has a lock of its own
            self._notify_waiter(waiter)
        return True

    def _notify_condition(self) -> list[_Waiter]:
        if self._made_condition is None:
            return []
        self._made_condition.notify_all()
        return list(self._waiters)

    def _notify_waiter(self, waiter: _Waiter) -> None:
        if self._failure is not None:
            waiter.add_exception(self)
        elif self._state == CANCELLED_AND_NOTIFIED:
            waiter.add_cancelled(self)
        else:
            waiter.add_result(self)

    def add_done_callback(self, fn: Callable[[Future[T]], object]) -> None:
        """Call `fn` with the future when the future is done, in a copy of the present context; at
        once if the future is done already.
        """
        fn = in_context(fn)
        self.lend_slot()
        with self._get_condition():
            if not self._is_done:
                self._done_callbacks.append(fn)
                return
        super().add_done_callback(fn)

    @property
    def has_done_callbacks(self) -> bool:
        """Whether `call_done_callbacks` would run user code."""
        return self._made_condition is not None and bool(self._done_callbacks)

    def call_done_callbacks(self) -> None:
        """Call the functions given to `add_done_callback`, on this thread."""
        if self.has_done_callbacks:
            callbacks, self._done_callbacks = self._done_callbacks, []
            for callback in callbacks:
                self._call_safely(callback)

    def _call_safely(self, callback: Callable[[Future[T]], object]) -> None:
        try:
            callback(self)
        except BaseException as error:  # user code
            log.error("%r: exception in a function given to add_done_callback", self)
            if not isinstance(error, Exception) and not is_own_thread():
                raise  # Ctrl-C, while the caller cancels

    # Waiting.

    def lend_slot(self) -> Permit | None:
        """Lend the slot of the user code on this thread, which may wait for this future.

        Returns the permit of the user code, to be lent during the wait, or None.
        """
        return None

    def _wait_until_done(self, timeout: float | None) -> bool:
        if (permit := self.lend_slot()) is None:
            return wait_and_help(self._wait_once, timeout)
        with permit.lent():
            return wait_and_help(self._wait_once, timeout)

    def _wait_once(self, seconds: float) -> bool:
        if has_native_locks() or is_own_thread():
            return self._wait(seconds)
        return self._wait_as_greenlet(seconds)

    def _wait_as_greenlet(self, seconds: float) -> bool:
        # Only the greenlet waits: the `sleep` of gevent or eventlet lets others run.
        ends = float("inf") if seconds < 0 else time.monotonic() + seconds
        pause = SHORTEST_PAUSE
        while not self._is_done and (left := ends - time.monotonic()) > 0:
            time.sleep(min(pause, left))
            pause = min(2 * pause, LONGEST_PAUSE)
        return self._is_done


# Any: futures of any values.
def _not_done(future: LeanFuture[Any], look: str, timeout: float | None) -> ResultTimeoutError:
    return ResultTimeoutError(f"{look}(timeout={timeout}): not done yet: {future}")


def _was_cancelled(future: LeanFuture[Any]) -> CancelledError:
    return CancelledError(f"cancelled: {future}")
