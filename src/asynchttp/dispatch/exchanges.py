"""Exchanges: steps through the exchange of a request, one step after each event.

Rules:
- An exchange (policy/exchange.py) yields steps. A Transfer goes to the core, whose event brings the
  outcome; a BlockingCall runs on a worker; coalescing is done here.
- A plain answer, for which policy has nothing to do, stays in the core: no exchange is made.
- A promise that was cancelled meanwhile leaves at the next event.
"""

from __future__ import annotations

from collections import deque
from functools import partial

from ..messages.response import Answer
from ..messages.step import BlockingCall, Coalesce, StopCoalescing
from ..messages.transfer import Reply, Transfer
from ..process.native import threading
from ..promise.callback_scope import CallbackScope
from ..promise.failure import Failure
from ..promise.future import FINISHED
from ..promise.promise import Promise
from .coalescing import Coalescer
from .failures import ALL_FRAMES, make_failure
from .request_log import log_next_transfer, log_outcome, log_start
from .settling import call_back, settle
from .workers import workers


class Exchanges:
    """The exchanges of one Http."""

    def __init__(self) -> None:
        self._coalescer: Coalescer[Promise] = Coalescer()
        self._exclusive_calls: deque[tuple[Promise, BlockingCall]] = deque()
        """Exclusive calls in order: the first is running, or about to run."""
        self._exclusive_lock = threading.RLock()  # a finalizer may come back in the middle
        self.exclusive_thread: int | None = None
        """The thread that runs an exclusive call."""

    # From the dispatcher.

    def begin(self, promise: Promise) -> None:
        """Begin the exchange of a request that has a slot now."""
        if promise.done():  # cancelled
            self._leave(promise)
            return
        if promise.is_logged:
            log_start(promise)
        promise.begin_exchange(has_transfer=False)
        self._step(promise, None)

    def end_transfer(self, promise: Promise, is_plain: bool) -> None:
        """Go on after a transfer; `is_plain`: only the promise's observers need the event."""
        if promise.done():  # cancelled
            self._leave(promise)
            return
        if is_plain and promise.exchange is None and promise.upload is None:
            self._finish(promise, None, None)
            return
        if promise.exchange is None:
            if promise.is_logged:
                log_start(promise)
            promise.begin_exchange(has_transfer=True)
        outcome = promise.outcome()
        if promise.is_logged:
            log_outcome(promise, outcome)
        self._step(promise, outcome)

    def remove_follower(self, promise: Promise) -> bool:
        """Let a cancelled promise leave, if the promise waits for an equal request."""
        is_follower = self._coalescer.remove_follower(promise)
        if is_follower:
            self._leave(promise)
        return is_follower

    def free_followers(self, promise: Promise) -> None:
        """Let another request lead the followers of a cancelled promise."""
        if promise in self._coalescer.followers:
            workers.run(partial(self._answer_followers, promise, None))

    # Steps.

    def _step(self, promise: Promise, outcome: object, on_worker: bool = False) -> None:
        """Send the outcome of the last step into the exchange, and make the next step.

        `on_worker`: this worker runs blocking calls of the exchange anyway.
        """
        exchange = promise.exchange
        if exchange is None:
            self._leave(promise)  # cancelled at this very moment
            return
        try:
            if isinstance(outcome, BaseException):
                step = exchange.throw(outcome)
            else:
                step = exchange.send(outcome)
            if isinstance(step, Transfer):
                self._start_transfer(promise, step, outcome)
            else:
                self._make_step(promise, step, on_worker)
        except StopIteration as end:
            self._finish(promise, end.value, None)
        except BaseException as error:  # the request fails, unless by Ctrl-C
            if not isinstance(error, Exception) and error is not outcome:
                raise
            # An outcome that comes back has passed through frames of this package only.
            skipped = ALL_FRAMES if error is outcome else 2
            failure = make_failure(promise, error, str(promise.request), skipped)
            self._finish(promise, None, failure)

    def _start_transfer(self, promise: Promise, transfer: Transfer, outcome: object) -> None:
        if promise.is_logged and isinstance(outcome, Reply):
            log_next_transfer(promise, outcome, transfer)
        try:
            promise.start_transfer(transfer)
        except Exception as error:  # noqa: BLE001  # libcurl has no option for the transfer
            self._step(promise, error)

    def _make_step(
        self, promise: Promise, step: BlockingCall | Coalesce | StopCoalescing, on_worker: bool
    ) -> None:
        if isinstance(step, Coalesce):
            self._coalesce(promise, step)
        elif isinstance(step, StopCoalescing):
            self._coalescer.stop_coalescing(step.url)
            self._step(promise, None, on_worker)
        elif step.is_exclusive:
            self._queue_exclusive_call(promise, step)
        elif on_worker:
            self._run_blocking_call(promise, step)
        else:
            workers.run(partial(self._run_blocking_call, promise, step))

    def _queue_exclusive_call(self, promise: Promise, call: BlockingCall) -> None:
        with self._exclusive_lock:
            self._exclusive_calls.append((promise, call))
            is_first = len(self._exclusive_calls) == 1
        if is_first:
            workers.run(self._run_exclusive_call)

    def _run_exclusive_call(self) -> None:
        promise, call = self._exclusive_calls[0]
        self.exclusive_thread = threading.get_ident()
        try:
            if promise.done():  # cancelled while the call was queued
                self._leave(promise)
            else:
                self._run_blocking_call(promise, call)
        finally:
            self.exclusive_thread = None
            with self._exclusive_lock:
                self._exclusive_calls.popleft()
                has_more = bool(self._exclusive_calls)
            if has_more:
                workers.run(self._run_exclusive_call)

    def _run_blocking_call(self, promise: Promise, call: BlockingCall) -> None:
        with CallbackScope(promise):
            outcome = _outcome_of(call)
        if promise.done():  # cancelled meanwhile
            self._leave(promise)
        else:
            self._step(promise, outcome, on_worker=True)

    def _coalesce(self, promise: Promise, step: Coalesce) -> None:
        if not self._coalescer.join(step, promise):
            self._step(promise, None)
        elif promise.done() and self._coalescer.remove_follower(promise):
            self._leave(promise)

    def _answer_followers(self, promise: Promise, answer: Answer | None) -> None:
        """Give followers the answer if it is shareable, otherwise let each follower ask."""
        taken = self._coalescer.take_followers(promise)
        if taken is None:
            return
        step, followers = taken
        for follower in followers:
            if promise.cancelled():
                self._coalesce(follower, step)  # the first of the followers becomes leader
            elif answer is not None and step.is_shareable(answer):
                self._step(follower, answer)
            else:
                self._step(follower, None)

    # The end.

    def _finish(self, promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
        if self._coalescer.followers:
            self._answer_followers(promise, answer)
        if promise.callback is None:
            settle(promise, answer, failure)
        else:
            promise.owner.run_callback(partial(call_back, promise, answer, failure))

    def _leave(self, promise: Promise) -> None:
        if self._coalescer.followers:
            self._answer_followers(promise, None)
        promise.owner.leave(promise)


def make_at_once(promise: Promise) -> None:
    """Make a request that needs no more than a blocking call, on this thread, and settle."""
    exchange = promise.begin_exchange(has_transfer=False)
    try:
        call = next(exchange)
        assert isinstance(call, BlockingCall)
        exchange.send(call.function())
    except StopIteration as end:
        promise.settle(FINISHED, end.value, None)
    except Exception as error:  # noqa: BLE001  # user code, as in `_step`
        failure = make_failure(promise, error, str(promise.request), 1)
        promise.settle(FINISHED, None, failure)
    promise.release()


def _outcome_of(call: BlockingCall) -> object:
    """Make the call; return the value or the exception."""
    try:
        return call.function()
    except BaseException as error:  # noqa: BLE001  # user code: the exchange gets the exception
        return error
