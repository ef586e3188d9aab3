"""Dispatcher: takes the requests of an Http from the caller to the settled promise.

    submitted > queued > has a slot: exchange and transfers in turn > callback > settled > slot free

Rules:
- A plain request needs nothing of this but `submit`: it is queued, made and finished by the core.
- What the core's events are about goes on in `handle`, on the worker that has taken them. User code
  (callbacks, done-callbacks, `then`) is a task for a worker that has passed the dispatcher's role
  on.
- A promise keeps its slot until its last user code has run: then `_leave` gives it back.
- A Dispatcher survives its Http: what is pending is finished.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from .. import _core, log
from ..engine.resolver import resolve_on_thread
from ..engine.trace import trace_lines
from ..messages.callsite import Frames
from ..messages.errors import LostInForkError
from ..messages.response import Answer, Response
from ..messages.step import BlockingCall, Coalesce, StopCoalescing
from ..messages.transfer import Reply, Transfer
from ..process import lifetime
from ..process.threads import (
    SIGNAL_INTERVAL,
    is_own_thread,
    is_user_daemon,
    prepare_to_wait,
    wait_and_help,
)
from ..promise.callback_scope import CallbackScope, current_scope, innermost_running
from ..promise.failure import Failure, annotate
from ..promise.future import FINISHED, LeanFuture, has_native_locks
from ..promise.lazy_pair import Content
from ..promise.promise import Promise
from ..promise.work import Work
from .coalescing import Coalescer
from .submitted import Submitted, Then
from .workers import workers

T = TypeVar("T")

ALL = sys.maxsize  # frames of a traceback: each keeps those alive that called it


Task = Work[Any]  # Any: whatever its value is

Script = Callable[[Promise], None]
"""Answers transfers in the place of libcurl, for tests. Called on the worker with the dispatcher's
role for each transfer that begins; `_get_sent` says what is sent, and `_give_answer` ends the
transfer, at any time and on any thread.
"""


# Events of core.h: EVENT_...
ENDED, CONNECTED, NEEDS_PIECE = 1, 2, 4
TRACED, NEEDS_NAME, BEGUN = 16, 32, 64
PLAIN, NEEDS_ANSWER = 256, 512


class Dispatcher:
    """Works on the requests of one Http, whose transfers libcurl makes, or a script."""

    def __init__(self, max_workers: int, script: Script | None = None) -> None:
        self._limit = max_workers
        self._script = script
        self._accounts: dict[None, _core.Account] = {}  # one at most: `setdefault` is one step
        self._parked = False
        self._shares: Coalescer[Promise] = Coalescer()
        self._late: set[Task] = set()  # the end of the program does not wait for it
        lifetime.register(self)

    @property
    def account(self) -> _core.Account:
        """Its account with the core, made when it is first needed."""
        if not self._accounts:  # many may come at once
            account = _core.Account(self._limit, self._script is not None)
            self._accounts.setdefault(None, account)
        return self._accounts[None]

    # From callers.

    def submit(self, promise: Promise, waits: bool = False) -> None:
        """Work on it as soon as there is a slot; `waits`: the caller is about to wait for it."""
        if (scope := current_scope()) is not None:
            promise.scope = scope
        if promise.callback is not None:
            promise._observe()
        if log.debug_enabled():  # each step is told when it is made
            promise.told = True
            log.debug("%s queued: %s", promise.label, promise.request)
        else:
            promise.prepare_transfer()
        self._enter(promise, waits)

    def limit(self, limit: int) -> None:
        """Work on so many at once from now on."""
        self._limit = limit
        for account in self._accounts.values():
            account.limit(limit)

    def answer(self, promise: Promise) -> tuple[Response, bytes]:
        """Work on it, and wait for its value."""
        try:
            self.submit(promise, waits=True)
            promise.wait()
        except BaseException:  # Ctrl-C: nobody will ever see what comes of it
            promise.cancel()
            raise
        return promise.take_result()

    def _enter(self, work: Task, waits: bool = False) -> None:
        if sys.is_finalizing():  # no thread would ever run
            work.settle(FINISHED, None, _too_late(work))
            return
        if lifetime.is_ending and is_user_daemon():
            work._observe()  # its end has to be seen here
            self._late.add(work)
            if self._parked:
                return  # there is no time to begin it
        try:
            workers.begin()
        except RuntimeError as error:
            if not lifetime.is_ending:  # else whoever waits helps
                work.settle(FINISHED, None, Failure(error))
                return
        prepare_to_wait()  # a finalizer, where events are seen to: perhaps in ways that nobody sees
        if not _submit(work, waits):
            work.settle(FINISHED, None, _lost(work))

    def submit_then(
        self, promise: Promise, function: Callable[[Response, Content], T]
    ) -> LeanFuture[T]:
        """The work of `Promise.then`."""
        following = Then(self, promise, function)
        promise.add_done_callback(lambda _: self._enter_then(following))
        return following

    def _enter_then(self, following: Then[T]) -> None:
        if not following.done():
            self._enter(following)

    def call(self, function: Callable[[], T], what: str, frames: Frames) -> LeanFuture[T]:
        """The work of `Http.submit`."""
        call = Submitted(self, function, what, frames)
        self._enter(call)
        return call

    def stop_cancelled(self, work: Task) -> None:
        """It has been cancelled: the core stops what it does for it."""
        if isinstance(work, Promise) and self._shares.withdraw(work):
            self.leave(work)
            return
        work._stop()
        if isinstance(work, Promise) and work in self._shares.waiting:
            workers.run(partial(self._end_share, work, None))
        work.release()
        self._late.discard(work)

    # From the core, on a worker.

    def handle(self, work: Task, what: int) -> None:
        """See to an event."""
        if not isinstance(work, Promise):
            workers.run(partial(self._run_call, work))
            return
        if what & TRACED:
            for line in trace_lines(work._take_trace()):
                log.print_line(line)
        if what & CONNECTED:
            self._log_connection(work)
        if what & BEGUN:
            self._begin(work)
        elif what & ENDED:
            self._ended(work, is_plain=bool(what & PLAIN))
        else:
            self._bring(work, what)

    def _bring(self, promise: Promise, what: int) -> None:
        if what & NEEDS_PIECE:
            promise.fetch_piece(workers.run)
        if what & NEEDS_ANSWER:
            assert self._script is not None  # else no transfer would ask
            self._script(promise)

    def _begin(self, promise: Promise) -> None:
        if promise.done():  # cancelled
            self.leave(promise)
            return
        self._log_start(promise)
        promise.begin_exchange(has_transfer=False)
        self._step(promise, None)

    def _ended(self, promise: Promise, is_plain: bool) -> None:
        if promise.done():  # cancelled
            self.leave(promise)
            return
        if is_plain and promise.exchange is None and promise.upload is None:
            self._answered(promise, None, None)
            return
        if promise.exchange is None:
            self._log_start(promise)
            promise.begin_exchange(has_transfer=True)
        outcome = promise.outcome()
        if promise.told:
            self._log_outcome(promise, outcome)
        self._step(promise, outcome)

    def _step(self, promise: Promise, outcome: object, on_worker: bool = False) -> None:
        """Go on with the exchange; `outcome` is what came of its last step.

        `on_worker`: this is the worker that runs them for it, and has nothing else to do.
        """
        exchange = promise.exchange
        if exchange is None:
            self.leave(promise)  # cancelled at this very moment
            return
        try:
            if isinstance(outcome, BaseException):
                step = exchange.throw(outcome)
            else:
                step = exchange.send(outcome)
            if isinstance(step, Transfer):
                self._make(promise, step, outcome)
            else:
                self._do(promise, step, on_worker)
        except StopIteration as end:
            self._answered(promise, end.value, None)
        except BaseException as error:  # it fails the request, unless it is Ctrl-C
            if not isinstance(error, Exception) and error is not outcome:
                raise
            # One that was delivered has been nowhere but in our code.
            beneath = ALL if error is outcome else 2
            self._answered(promise, None, _failure(promise, error, str(promise.request), beneath))

    def _make(self, promise: Promise, transfer: Transfer, outcome: object) -> None:
        if promise.told and isinstance(outcome, Reply):
            how = "redirected to" if 300 <= outcome.status < 400 else "sent again to"
            log.debug("%s %s %s", promise.label, how, transfer.url)
        try:
            promise.start_transfer(transfer)
        except Exception as error:  # noqa: BLE001  # whatever libcurl cannot be told
            self._step(promise, error)

    def _do(
        self, promise: Promise, step: BlockingCall | Coalesce | StopCoalescing, on_worker: bool
    ) -> None:
        if isinstance(step, Coalesce):
            self._share(promise, step)
        elif isinstance(step, StopCoalescing):
            self._shares.forget(step.url)
            self._step(promise, None, on_worker)
        elif on_worker:
            self._do_blocking_call(promise, step)
        else:
            workers.run(partial(self._do_blocking_call, promise, step))

    def _do_blocking_call(self, promise: Promise, errand: BlockingCall) -> None:
        with CallbackScope(promise):
            outcome = _outcome(errand)
        if promise.done():  # cancelled meanwhile
            self.leave(promise)
        else:
            self._step(promise, outcome, on_worker=True)

    def _share(self, promise: Promise, share: Coalesce) -> None:
        if not self._shares.join(share, promise):
            self._step(promise, None)
        elif promise.done() and self._shares.withdraw(promise):
            self.leave(promise)

    def _end_share(self, promise: Promise, answer: Answer | None) -> None:
        """Those that waited for its answer get it, if they may, or ask themselves."""
        ended = self._shares.end(promise)
        if ended is None:
            return
        share, waiting = ended
        for each in waiting:
            if promise.cancelled():
                self._share(each, share)  # the first of them is who the others wait for
            elif answer is not None and share.is_shareable(answer):
                self._step(each, answer)
            else:
                self._step(each, None)

    # What the log says.

    def _log_start(self, promise: Promise) -> None:
        if promise.told:
            log.debug("%s started after %s", promise.label, _ms(promise.request.age()))

    def _log_connection(self, promise: Promise) -> None:
        if (connected := promise._get_connected()) is not None:
            address, port, is_new, seconds = connected
            how = "connected to" if is_new else "connection reused:"
            log.debug("%s %s %s port %d in %s", promise.label, how, address, port, _ms(seconds))

    def _log_outcome(self, promise: Promise, outcome: Reply | BaseException) -> None:
        if isinstance(outcome, Reply):
            log.debug(
                "%s answered %d, %d bytes, after %s",
                promise.label,
                outcome.status,
                len(outcome.content),
                _ms(promise.request.age()),
            )
        else:
            log.debug("%s not answered: %r", promise.label, outcome)

    # From the answer to the settled promise. Neither an answer nor a failure: the core has a plain
    # answer.

    def _answered(self, promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
        if self._shares.waiting:
            self._end_share(promise, answer)
        if promise.callback is None:
            self._settle(promise, answer, failure)
        else:
            workers.run(partial(self._call_back, promise, answer, failure))

    def _call_back(self, promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
        view = promise.begin_callback(answer, failure)
        if view is not None:
            began = time.monotonic()
            error = self._run_callback(promise, view)
            if promise.told:
                log.debug("%s callback ran %s", promise.label, _ms(time.monotonic() - began))
            answer, failure = answer or promise.callback_answer(), failure or error
        self._settle(promise, answer, failure)
        promise.end_callback()

    def _run_callback(self, promise: Promise, view: Promise) -> Failure | None:
        callback, promise.callback = promise.callback, None
        assert callback is not None  # else nothing would be called back
        try:
            with CallbackScope(promise):
                try:
                    callback(view)
                finally:
                    del callback  # in its turn: what goes with it may make requests and wait
        except BaseException as error:  # noqa: BLE001  # user code, as executors do
            failure = _failure(promise, error, f"the callback of {promise.request}", 1)
            log.error("%s its callback failed", promise.label, error=error)
            failure.mark_seen()
            return failure
        return None

    def _settle(self, promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
        is_settled = promise.try_settle(FINISHED, answer, failure)
        if is_settled and promise.told:
            log.debug("%s settled after %s", promise.label, _ms(promise.request.age()))
        if not is_settled and failure is not None:
            failure.mark_seen()  # it was cancelled: nobody waits for it
        if promise.has_done_callbacks:
            workers.run(partial(self._call_done_callbacks, promise))
        else:
            self.leave(promise)
        # Last: a caller who is woken may look for open files, and for the slot.
        if is_settled and not workers.wake_later(promise._wake):
            promise._wake()

    def _call_done_callbacks(self, work: Task) -> None:
        with CallbackScope(work):
            work.call_done_callbacks()
        self.leave(work)

    def _run_call(self, call: Task) -> None:
        if call.done():  # cancelled
            self.leave(call)
            return
        with CallbackScope(call):
            assert isinstance(call, Submitted)  # there is no third kind
            call.run()
        self.leave(call)

    def leave(self, work: Task) -> None:
        if self._shares.waiting and isinstance(work, Promise):
            self._end_share(work, None)
        work.release()
        self._late.discard(work)
        work._leave()  # last: `close` waits for this, and the files are to be closed by then

    # The end.

    def close(self, cancel_futures: bool) -> None:
        """Finish or cancel what is pending, then close the connections.

        Where waiting for that would be waiting for itself, it only sees to it.
        """
        if cancel_futures:
            self.cancel_all()
        if (account := self._accounts.get(None)) is None:
            return
        if self._may_wait():
            self._wait_until(account.wait)
        account.close()
        if self._may_wait():
            self._wait_until(account.join)
            log.flush()

    def _wait_until(self, wait: Callable[[float], bool]) -> None:
        """Wait until `wait` says that it has come; more work may have come meanwhile."""
        self._lend_to_pending()
        while not wait_and_help(wait, SIGNAL_INTERVAL):
            self._lend_to_pending()

    def _lend_to_pending(self) -> None:
        """Have user code of another Http lend its slot to what is pending here, as a wait for each
        would: callbacks here may ask that other Http.
        """
        if (scope := current_scope()) is not None:
            for work in self._pending():
                scope.core.expect(work)

    def _may_wait(self) -> bool:
        """Not in the callbacks of this Http; nor in a finalizer or a signal handler where others
        may need this thread: in a collection, or with a lock of ours.
        """
        if _core.is_collecting() or lifetime.has_locks():
            return False
        scope = current_scope()
        if scope is None:
            return not is_own_thread()
        while scope is not None and scope.work.owner is not self:
            scope = innermost_running(scope.enclosing)
        return scope is None

    def cancel_all(self) -> None:
        """Cancel what is pending; waits for nothing."""
        # What has no slot first: else it would get those that become free meanwhile.
        for work in sorted(self._pending(), key=lambda work: work._has_slot):
            work.cancel()

    def _pending(self) -> list[Task]:
        return [work for account in self._accounts.values() for work in account.works()]

    def is_busy(self) -> bool:
        """Whether anything is pending that the end of the program waits for."""
        if not self._late:
            return any(account.pending for account in self._accounts.values())
        return any(work not in self._late for work in self._pending())

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until nothing is pending, at most `timeout` seconds."""
        for account in self._accounts.values():
            account.wait(timeout)

    def close_at_exit(self) -> None:
        """Begin nothing any more: the interpreter is about to go."""
        self._parked = True
        self._close_connections()

    def cancel_at_exit(self) -> None:
        """Cancel what is pending and close the connections; callbacks are not waited for."""
        self.cancel_all()
        self._close_connections()

    def _close_connections(self) -> None:
        for account in self._accounts.values():
            account.close()
            account.join(1.0)

    def retire(self) -> None:
        """Close the connections when nothing is pending: the Http is gone."""
        for account in self._accounts.values():
            account.close()

    # Around a fork.

    def drop_after_fork(self) -> Callable[[], None]:
        """After it in the child, which has none of the threads; returns what fails the pending."""
        pending = self._pending()
        self._accounts, self._shares, self._late = {}, Coalescer(), set()
        return partial(_lose, pending)


def _submit(work: Task, waits: bool) -> bool:
    """Give it to the core; False in a forked child of the process that made the account."""
    scope = innermost_running(work.scope)
    if scope is not None:
        return work._submit(scope.core)
    # At the end of the program whoever waits may have to help.
    takes_turns = waits and has_native_locks() and not lifetime.is_ending
    return work._submit_and_wait(SIGNAL_INTERVAL) if takes_turns else work._submit(None)


def handle(subject: Any) -> None:  # Any: a Lookup, or Work
    """See to what the core says of a lookup, or of work."""
    if isinstance(subject, _core.Lookup):
        resolve_on_thread(subject)
    elif what := subject._take_what():
        subject.owner.handle(subject, what)


workers.handle = handle
gc.callbacks.append(_core.note_collection)


def _lose(pending: list[Task]) -> None:
    for work in pending:
        if not work.settle(FINISHED, None, _lost(work)):
            work.call_done_callbacks()  # it was done, but a thread that is gone was to call them


def _lost(work: Task) -> Failure:
    error = LostInForkError(f"{work}: it was pending when the process forked")
    if isinstance(work, Promise):
        failure = _failure(work, error, str(work.request), 0)
    else:
        assert isinstance(work, Submitted)  # there is no third kind
        failure = work.failure(error, 0)
    failure.mark_seen()  # that is no news
    return failure


def _too_late(work: Task) -> Failure:
    # Without where it was made: the source can be read no more.
    return Failure(RuntimeError(f"{work}: asked for when the interpreter had ended"))


def _outcome(errand: BlockingCall) -> object:
    """What it returned, or raised."""
    try:
        return errand.function()
    except BaseException as error:  # noqa: BLE001  # user code: the exchange is told
        return error


def _failure(promise: Promise, error: BaseException, what: str, beneath: int) -> Failure:
    annotate(error, what, promise.request.site, request=promise.request)
    return Failure(error, beneath)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"
