"""Dispatcher: the requests and calls of one Http, from the caller into the core and back.

    submitted > queued > has a slot: exchange and transfers > callback > settled > slot free

Rules:
- A plain request needs `submit` only: the core queues, makes and finishes the request.
- The worker with the dispatcher's role takes events from the core and calls `handle`. User code
  (callbacks, done-callbacks, `then`) is a task for a worker that has passed the role on.
"""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from .. import _core, log
from ..engine.resolver import resolve_on_thread
from ..engine.trace import trace_lines
from ..messages.callsite import Frames
from ..messages.response import Response
from ..process import lifetime
from ..process.native import has_native_locks, threading
from ..process.threads import (
    MAIN_THREAD_HAS_TO_START_THREADS,
    SIGNAL_INTERVAL,
    is_user_daemon,
    prepare_to_wait,
)
from ..promise.callback_scope import Permit, current_scope, innermost_running
from ..promise.failure import Failure
from ..promise.future import FINISHED, LeanFuture
from ..promise.lazy_pair import Content
from ..promise.promise import Promise
from .account import AccountOwner, Task
from .callback_limit import CallbackLimit
from .exchanges import Exchanges, make_at_once
from .failures import asked_too_late, lost_in_fork
from .request_log import log_connection, log_queued
from .settling import run_call
from .submitted import Submitted, Then
from .workers import workers

T = TypeVar("T")

Script = Callable[[Promise], None]
"""Answers transfers in the place of libcurl, for tests. Called for each transfer that begins, on
the worker with the dispatcher's role. `_get_sent` returns what libcurl would send; `_give_answer`
ends the transfer, at any time and on any thread.
"""


# Events of core.h: EVENT_...
ENDED, CONNECTED, NEEDS_PIECE = 1, 2, 4
TRACED, NEEDS_NAME, BEGUN = 16, 32, 64
PLAIN, NEEDS_ANSWER = 256, 512


@functools.cache  # once in each process
def warn_of_missing_thread() -> None:
    log.warning(
        "this Python starts no threads after the end of the main thread: callbacks run only while a"
        " thread waits for a promise; make the Http before the main thread ends"
    )


class Dispatcher(AccountOwner):
    """Works on the requests of one Http, whose transfers libcurl makes, or a script."""

    def __init__(self, max_workers: int, script: Script | None = None) -> None:
        super().__init__(max_workers, script is not None)
        self._script = script
        self._exchanges = Exchanges()
        self.callbacks = CallbackLimit()
        if MAIN_THREAD_HAS_TO_START_THREADS and not lifetime.is_ending:
            with suppress(RuntimeError):  # no thread can start: the first request says so
                workers.ensure_started()

    # From callers.

    def submit(self, promise: Promise, waits: bool = False) -> None:
        """Queue a request; `waits`: the caller is about to wait for the answer."""
        if (scope := current_scope()) is not None:
            promise.scope = scope
        if promise.callback is not None:
            promise._observe()
        if log.debug_enabled():  # each step is logged when made: the exchange begins as an event
            promise.is_logged = True
            log_queued(promise)
        else:
            promise.prepare_transfer()
        self._enqueue(promise, waits)

    def submit_and_wait(self, promise: Promise) -> tuple[Response, bytes]:
        """Queue a request, wait, and return response and content; raises the failure."""
        try:
            self.submit(promise, waits=True)
            promise.wait()
        except BaseException:  # Ctrl-C: the caller will never have the promise
            promise.cancel()
            raise
        return promise.take_result()

    def is_in_exclusive_call(self) -> bool:
        """Whether an exclusive call of a request has called the code that is running."""
        thread = self._exchanges.exclusive_thread
        return thread is not None and thread == threading.get_ident()

    def run_at_once(self, promise: Promise) -> tuple[Response, bytes]:
        """Make a request in the middle of an exclusive call, on this thread; return response and
        content, or raise the failure.
        """
        make_at_once(promise)
        if promise.callback is not None:
            promise.callback(promise)
        return promise.take_result()

    def submit_call(
        self, function: Callable[[], T], description: str, frames: Frames
    ) -> LeanFuture[T]:
        """The work of `Http.submit`."""
        call = Submitted(self, function, description, frames)
        self._enqueue(call)
        return call

    def submit_then(
        self, promise: Promise, function: Callable[[Response, Content], T]
    ) -> LeanFuture[T]:
        """The work of `Promise.then`."""
        then = Then(self, promise, function)
        promise.add_done_callback(lambda _: self._enqueue_then(then))
        return then

    def _enqueue_then(self, then: Then[T]) -> None:
        if not then.done():
            self._enqueue(then)

    def _enqueue(self, work: Task, waits: bool = False) -> None:
        if sys.is_finalizing():  # no thread would ever run
            work.settle(FINISHED, None, asked_too_late(work))
            return
        if lifetime.is_ending and is_user_daemon():
            work._observe()  # otherwise the core would end the work without `leave`
            self._late.add(work)
            if self._is_closed:
                return  # there is no time to begin the work
        try:
            workers.ensure_started()
        except RuntimeError as error:
            if not lifetime.is_ending:
                work.settle(FINISHED, None, Failure(error))
                return
            warn_of_missing_thread()  # at the end, waiting threads help
        # A finalizer on a worker may wait for the work in ways that no code of this package sees.
        prepare_to_wait()
        if not _queue_in_core(work, waits):
            work.settle(FINISHED, None, lost_in_fork(work))

    def run_callback(self, callback: Callable[[Permit], None]) -> None:
        """Have a worker call `callback` when `max_callbacks` permits."""
        self.callbacks.run(callback)

    def stop_cancelled(self, work: Task) -> None:
        """Stop what the core does for `work`, which has just been cancelled."""
        if isinstance(work, Promise) and self._exchanges.remove_follower(work):
            return
        work._stop()
        if isinstance(work, Promise):
            self._exchanges.free_followers(work)
        work.release()
        self._late.discard(work)

    # From the core, on a worker.

    def handle(self, work: Task, events: int) -> None:
        """Handle events of `work`: bits of EVENT_... in core.h."""
        if isinstance(work, Then):
            self.run_callback(partial(run_call, work))
            return
        if not isinstance(work, Promise):
            workers.run(partial(run_call, work, None))
            return
        if events & TRACED:
            for line in trace_lines(work._take_trace()):
                log.print_line(line)
        if events & CONNECTED:
            log_connection(work)
        if events & BEGUN:
            self._exchanges.begin(work)
        elif events & ENDED:
            self._exchanges.end_transfer(work, is_plain=bool(events & PLAIN))
        else:
            self._serve_transfer(work, events)

    def _serve_transfer(self, promise: Promise, events: int) -> None:
        if events & NEEDS_PIECE:
            promise.fetch_piece(workers.run)
        if events & NEEDS_ANSWER:
            assert self._script is not None  # only scripted transfers raise this event
            self._script(promise)

    # Around a fork.

    def drop_after_fork(self) -> Callable[[], None]:
        self._exchanges = Exchanges()
        self.callbacks = self.callbacks.without_permits()
        return super().drop_after_fork()


def _queue_in_core(work: Task, waits: bool) -> bool:
    """Give `work` to the core; False in a forked child of the process that made the account."""
    scope = innermost_running(work.scope)
    if scope is not None:
        return work._submit(scope.core)
    # Not at the end of the program, when waiting threads may have to help.
    takes_turns = waits and has_native_locks() and not lifetime.is_ending
    return work._submit_and_wait(SIGNAL_INTERVAL) if takes_turns else work._submit(None)


def handle(subject: Any) -> None:  # Any: a Lookup, or Work
    """Handle the events of a lookup, or of work."""
    if isinstance(subject, _core.Lookup):
        resolve_on_thread(subject)
    elif events := subject._take_what():
        subject.owner.handle(subject, events)


workers.handle = handle
gc.callbacks.append(_core.note_collection)
