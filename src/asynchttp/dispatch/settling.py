"""From the answer to the settled promise: callbacks, settling, done-callbacks; and calls.

Rules:
- User code runs as a task of a worker, in a CallbackScope.
- Work keeps its slot until the last user code has run; then `Owner.leave` gives the slot back.
- Where the core has the answer, `answer` and `failure` are None.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from .. import log
from ..messages.response import Answer
from ..promise.callback_scope import FRAMES_IN_CONTEXT, CallbackScope, Permit
from ..promise.failure import Failure
from ..promise.future import FINISHED
from ..promise.promise import Promise
from ..promise.work import Work
from .failures import make_failure
from .request_log import log_callback, log_settled
from .submitted import Submitted
from .workers import workers


def call_back(
    promise: Promise, answer: Answer | None, failure: Failure | None, permit: Permit
) -> None:
    """Run the callback, then settle `promise`."""
    view = promise.begin_callback(answer, failure)
    if view is not None:
        began = time.monotonic()
        error = _run_callback(promise, view, permit)
        if promise.is_logged:
            log_callback(promise, time.monotonic() - began)
        answer, failure = answer or promise.callback_answer(), failure or error
    settle(promise, answer, failure)
    promise.end_callback()


def _run_callback(promise: Promise, view: Promise, permit: Permit) -> Failure | None:
    callback, promise.callback = promise.callback, None
    assert callback is not None  # otherwise `call_back` is not called
    try:
        with CallbackScope(promise, permit):
            try:
                callback(view)
            finally:
                del callback  # in the scope: finalizers may make requests and wait
    except BaseException as error:  # noqa: BLE001  # user code, as executors do
        failure = make_failure(
            promise, error, f"the callback of {promise.request}", 1 + FRAMES_IN_CONTEXT
        )
        log.error("%s its callback failed", promise.label, error=error)
        failure.mark_seen()
        return failure
    return None


def settle(promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
    """Settle `promise` for all, and give the slot back after the done-callbacks."""
    is_settled = promise.try_settle(FINISHED, answer, failure)
    if is_settled and promise.is_logged:
        log_settled(promise)
    if not is_settled and failure is not None:
        failure.mark_seen()  # the request was cancelled: no code can look at the failure
    if promise.has_done_callbacks:
        promise.owner.run_callback(partial(_call_done_callbacks, promise))
    else:
        promise.owner.leave(promise)
    # Wake last: a caller may at once check for open files, or for a free slot.
    if is_settled and not workers.defer_wake(promise._wake):
        promise._wake()


def _call_done_callbacks(promise: Promise, permit: Permit) -> None:
    with CallbackScope(promise, permit):
        promise.call_done_callbacks()
    promise.owner.leave(promise)


def run_call(call: Work[Any], permit: Permit | None) -> None:  # Any: a call of any function
    """Call the function given to `Http.submit` or `Promise.then`, and settle the Future."""
    if call.done():  # cancelled
        call.owner.leave(call)
        return
    with CallbackScope(call, permit):
        assert isinstance(call, Submitted)  # the only work that is not a promise
        call.run()
    call.owner.leave(call)
