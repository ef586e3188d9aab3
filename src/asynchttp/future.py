"""LeanFuture: a `concurrent.futures.Future` that is cheap to make and quick to wait for.

A plain Future makes a Condition when it is born: 4 µs and 1.6 kB. This one makes it when something
of `concurrent.futures` asks for it (`wait`, `as_completed`, a done-callback), which most never see.

Rules:
- The state changes under `guard`, the one lock for all of them, together with the waiters: it is
  the lock of every Condition, too, as `concurrent.futures` demands. Nothing foreign runs under it.
- Threads in `result()` sleep on a lock of their own. `conclude` does not wake them: `wake` does,
  so that an I/O thread can wake many in one go.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from concurrent.futures import CancelledError, Future, InvalidStateError
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from . import log
from .failure import Failure
from .threads import calls_foreign_code, on_own_thread, wait_and_help

if TYPE_CHECKING:
    from concurrent.futures._base import _Waiter

T = TypeVar("T")

# The names of the states are those of concurrent.futures, whose functions compare with them.
PENDING, RUNNING, FINISHED = "PENDING", "RUNNING", "FINISHED"
CANCELLED_AND_NOTIFIED = "CANCELLED_AND_NOTIFIED"
DONE = frozenset((FINISHED, CANCELLED_AND_NOTIFIED))

# An RLock, since the garbage collector or a signal handler may come back here in the same thread.
guard = threading.RLock()


class LeanFuture(Future[T]):
    """A Future of a `T`; also awaitable under asyncio.

    >>> future = LeanFuture()
    >>> future.set_result(42)
    >>> future.done(), future.result()
    (True, 42)
    """

    __slots__ = (
        "_done_callbacks",
        "_failure",
        "_made_condition",
        "_result",
        "_state",
        "_waiters",
        "sleepers",
    )

    # Any: the base class says so too; subclasses keep here what their `_value` makes a T of.
    _result: Any
    _failure: Failure | None
    _done_callbacks: list[Callable[[Future[T]], object]]

    def __init__(self) -> None:
        # Not the base class's: it would make the Condition.
        self._state = PENDING
        self._result = None
        self._failure = None
        self._made_condition: threading.Condition | None = None
        self.sleepers: list[Callable[[], object]] | None = None
        """What wakes the threads that sleep until it is done."""

    if not TYPE_CHECKING:  # to which it is the plain attribute of the base class

        @property
        def _condition(self) -> threading.Condition:
            self.expect()
            with guard:
                if self._made_condition is None:
                    self._waiters, self._done_callbacks = [], []
                    self._made_condition = threading.Condition(guard)
                return self._made_condition

    # Looking.

    def done(self) -> bool:
        """True when there is a result, an exception, or it was cancelled."""
        return self._state in DONE

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
        return self._state in DONE or self._sleep(timeout)

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
        with guard:
            if self._state == PENDING:
                self._state = RUNNING
            return self._state == RUNNING

    def set_result(self, result: T) -> None:
        """Settle with a value; `concurrent.futures.InvalidStateError` if it is done already."""
        self._settle(FINISHED, result, None)

    def set_exception(self, exception: BaseException | None) -> None:
        """Settle with a failure; `concurrent.futures.InvalidStateError` if it is done already."""
        self._settle(FINISHED, None, Failure(exception) if exception is not None else None)

    def cancel(self) -> bool:
        """Take it back while it has not begun; False if it is too late."""
        self.conclude_and_tell(CANCELLED_AND_NOTIFIED, None, None)
        return self.cancelled()

    def _cancellable(self) -> bool:
        """Whether `cancel` still can; asked under `guard`."""
        return self._state == PENDING

    def _settle(self, state: str, result: object, failure: Failure | None) -> None:
        if not self.conclude_and_tell(state, result, failure):
            raise InvalidStateError(f"{self._state}: {self!r}")

    def conclude_and_tell(self, state: str, result: object, failure: Failure | None) -> bool:
        """`conclude`, and all that comes after it."""
        concluded = self.conclude(state, result, failure)
        if concluded:
            self.wake()
            self.call_done_callbacks()
        return concluded

    def conclude(self, state: str, result: object, failure: Failure | None) -> bool:
        """Move to a final state, once: False if it is in one. `wake` and the callbacks follow."""
        with guard:
            if self._state in DONE or (state == CANCELLED_AND_NOTIFIED and not self._cancellable()):
                return False
            self._result = result
            self._failure = failure
            self._state = state
            waiters = self._notify()
        for waiter in waiters:  # they have a lock of their own, which is not to be had under guard
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
        """Whether there is foreign code to run now that it is done."""
        return self._made_condition is not None and bool(self._done_callbacks)

    def call_done_callbacks(self) -> None:
        """Run the functions of `add_done_callback`, here."""
        if self.has_done_callbacks:
            callbacks, self._done_callbacks = self._done_callbacks, []
            for callback in callbacks:
                self._call(callback)

    @calls_foreign_code
    def _call(self, callback: Callable[[Future[T]], object]) -> None:
        try:
            callback(self)
        except BaseException as error:  # foreign code
            log.error("%r: exception in a function given to add_done_callback", self)
            if not isinstance(error, Exception) and not on_own_thread():
                raise  # Ctrl-C, while the caller cancels

    # Sleeping and waking.

    def expect(self) -> None:
        """Somebody may be about to wait for it here."""

    def _sleep(self, timeout: float | None) -> bool:
        self.expect()
        bell = threading.Lock()
        bell.acquire()
        if self.is_over(bell.release):
            return True
        try:
            seconds = threading.TIMEOUT_MAX if timeout is None else timeout
            return wait_and_help(bell, seconds) or self._state in DONE
        finally:
            self._forget(bell.release)

    def is_over(self, wake: Callable[[], object]) -> bool:
        """Whether it is done; if not, `wake` is called when it is."""
        if self._state in DONE:
            return True
        with guard:
            if self._state in DONE:
                return True
            if self.sleepers is None:
                self.sleepers = []
            self.sleepers.append(wake)
            return False

    def _forget(self, wake: Callable[[], object]) -> None:
        with guard:
            if self.sleepers is not None and wake in self.sleepers:
                self.sleepers.remove(wake)

    def wake(self) -> None:
        """Wake the threads that sleep in `result()` and the like."""
        for wake in self.take_sleepers():
            wake()

    def take_sleepers(self) -> list[Callable[[], object]]:
        """What wakes them, for who calls it later."""
        with guard:
            sleepers, self.sleepers = self.sleepers, None
        return sleepers or []
