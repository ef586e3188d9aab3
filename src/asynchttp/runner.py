"""Runner: takes each request from the queue to the settled promise.

    submitted > queued > has a slot: exchange and engine in turn > callback > settled > slot free

Rules:
- What comes from outside (a caller, the engine, a worker) ends with `pump`, and only that starts
  the next; nothing below it does, so that no chain of failures can grow the stack.
- Foreign code (callbacks, done-callbacks, `then`) and slow decoding run on workers; the rest runs
  where it is, so that a plain request needs no worker.
- Nobody is told of what the I/O thread has delivered before that has let go of it: what goes with
  the last reference to a promise is foreign code as well.
- A promise keeps its slot until its last foreign code has run.
- A Runner survives its Http: it finishes what is pending, then its threads end.
"""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import RLock
from typing import Any, TypeVar

from . import lifetime, log
from .calls import Call, Following
from .callsite import Frames
from .engine.curl import CurlEngine, on_io_thread
from .errors import LostInForkError
from .failure import Failure, annotate
from .future import FINISHED, LeanFuture
from .lazy import Content
from .model import Errand, Reply, Share, Transfer, Unshare
from .promise import Promise
from .response import Answer, Response
from .shares import Shares
from .slots import Slots, Turn, current_turn, running
from .threads import (
    GLANCE,
    calls_foreign_code,
    in_our_midst,
    is_daemon_of_the_program,
    on_own_thread,
)
from .work import Work
from .workers import Workers

T = TypeVar("T")

ALL = sys.maxsize  # frames of a traceback: each keeps those alive that called it


Task = Work[Any]  # Any: whatever its value is


class Runner:
    """Works on the requests of one Http."""

    def __init__(self, max_workers: int) -> None:
        self._slots: Slots[Task] = Slots(max_workers)
        self._closing = self._parked = False
        self._shares: Shares[Promise] = Shares()
        # What follows from what the I/O thread has delivered: who is to be woken, what is to run.
        self._to_wake: deque[Callable[[], object]] = deque()
        self._to_run: deque[Callable[[], None]] = deque()
        self._answering: set[Promise] = set()
        self._late: set[Task] = set()  # the end of the program does not wait for it
        self._make_threads()
        lifetime.last(self)

    def _make_threads(self) -> None:
        self._workers = Workers()
        self._engine: CurlEngine[Promise] = CurlEngine(self, self._workers.run)

    # From callers.

    def submit(self, promise: Promise) -> None:
        """Work on it as soon as there is a slot."""
        if promise.told:
            log.debug("%s queued: %s", promise.label, promise.request)
        self._closing = False
        if lifetime.ending and is_daemon_of_the_program():
            self._late.add(promise)
            if self._parked:
                return  # there is no time to begin it
        self._enter(promise)

    def limit(self, workers: int) -> None:
        """Work on so many at once from now on."""
        self._slots.limit = workers
        self.pump()

    def answer(self, promise: Promise) -> tuple[Response, bytes]:
        """Work on it, and wait for its value.

        On this thread, if it is the only one that does so: of many, one I/O thread does it best.
        """
        try:
            self._answering.add(promise)
            if self._may_see_through(promise):
                self._see_through(promise)
            else:
                self.submit(promise)
                promise.wait()
        except BaseException:  # Ctrl-C: nobody will ever see what comes of it
            promise.cancel()
            raise
        finally:
            self._answering.discard(promise)
        return promise.plain()

    def _may_see_through(self, promise: Promise) -> bool:
        if sys.is_finalizing() or not promise.may_be_interrupted:
            return False
        # A finalizer on an I/O thread must: there it might wait for itself.
        return len(self._answering) == 1 or on_io_thread()

    def _see_through(self, promise: Promise) -> None:
        turn = Turn(promise, self._slots)
        try:
            with turn:  # what a signal handler asks for here goes first
                self._engine.callers.attend(promise, partial(self.submit, promise), promise.is_over)
        except BaseException:  # its transfer is gone
            turn.end()  # Ctrl-C may have come before it had
            self._forsake(promise)
            raise

    def _forsake(self, work: Task) -> None:
        """It is half begun, and nobody knows how far."""
        work.cancel()
        self._leave(work)
        self.pump()

    def _enter(self, work: Task) -> None:
        if sys.is_finalizing():  # no thread would ever run
            work.conclude_and_tell(FINISHED, None, _too_late(work))
            return
        try:
            self._slots.enter(work)
            self.pump()
            if (turn := work.turn) is not None:
                self._pump_home(turn)
        except BaseException:  # Ctrl-C in the middle of it
            self._forsake(work)
            raise

    def follow(self, promise: Promise, function: Callable[[Response, Content], T]) -> LeanFuture[T]:
        """The work of `Promise.then`."""
        following = Following(self, promise, function)
        promise.add_done_callback(lambda _: self._enter_following(following))
        return following

    def _enter_following(self, following: Following[T]) -> None:
        if not following.done():
            self._enter(following)

    def call(self, function: Callable[[], T], what: str, frames: Frames) -> LeanFuture[T]:
        """The work of `Http.submit`."""
        call = Call(self, function, what, frames)
        self._closing = False
        self._enter(call)
        return call

    def withdraw(self, work: Task) -> None:
        """It has been cancelled."""
        if self._slots.withdraw(work):
            self._let_go(work)
        elif isinstance(work, Promise):
            if self._shares.withdraw(work):
                self._leave(work)
                self.pump()
            else:
                self._engine.cancel(work)

    def expect(self, work: Task, turn: Turn) -> None:
        """The turn waits for `work`. Seen to on a worker: here locks may be held."""
        if turn is not work.turn and work not in turn.borrowers:
            self._on_worker(self._expect, work, turn)

    def _expect(self, work: Task, turn: Turn) -> None:
        self._slots.expect(work, turn)
        self._pump_home(turn)

    def _pump_home(self, turn: Turn) -> None:
        """It may lend its slot from now on."""
        if turn.home is not self._slots:
            turn.work.owner.pump()

    # From the queue to the engine.

    def pump(self) -> None:
        """Start what there is a slot for."""
        while (work := self._slots.take()) is not None:
            try:
                self._begin(work)
            except BaseException:  # Ctrl-C in the middle of it
                self._forsake(work)
                raise

    def _begin(self, work: Task) -> None:
        if not isinstance(work, Promise):
            self._on_worker(self._run_call, work)
        elif work.done():  # cancelled
            self._leave(work)
        else:
            if work.told:
                log.debug("%s started after %s", work.label, _ms(work.request.age()))
            work.begin()
            self._step(work, None)

    def _step(self, promise: Promise, outcome: object, on_errands: bool = False) -> None:
        """Go on with the exchange; `outcome` is what came of its last step.

        `on_errands`: this is the worker that runs them for it, and has nothing else to do.
        """
        exchange = promise.exchange
        if exchange is None:
            return  # forsaken at this very moment
        try:
            if isinstance(outcome, BaseException):
                step = exchange.throw(outcome)
            else:
                step = exchange.send(outcome)
            if isinstance(step, Transfer):
                self._transfer(promise, step, outcome)
            else:
                self._do(promise, step, on_errands)
        except StopIteration as end:
            if on_errands:
                self._about_to_finish()
            self._answered(promise, end.value, None)
        except BaseException as error:  # it fails the request, unless it is Ctrl-C
            if not isinstance(error, Exception) and error is not outcome:
                raise
            # One that was delivered has been nowhere but in our code.
            beneath = ALL if error is outcome else 2
            self._answered(promise, None, _failure(promise, error, str(promise.request), beneath))

    def _do(self, promise: Promise, step: Errand | Share | Unshare, on_errands: bool) -> None:
        if isinstance(step, Share):
            self._share(promise, step)
        elif isinstance(step, Unshare):
            self._shares.forget(step.url)
            self._step(promise, None, on_errands)
        elif on_errands:
            self._do_errand(promise, step)
        else:
            self._on_worker(self._do_errand, promise, step)

    def _transfer(self, promise: Promise, transfer: Transfer, outcome: object) -> None:
        if promise.told and isinstance(outcome, Reply):
            how = "redirected to" if 300 <= outcome.status < 400 else "sent again to"
            log.debug("%s %s %s", promise.label, how, transfer.url)
        self._engine.start(promise, transfer)
        if promise.cancelled():  # perhaps before the engine knew of it
            self._engine.cancel(promise)

    def _do_errand(self, promise: Promise, errand: Errand) -> None:
        with self._slots.turn_of(promise):
            outcome = _outcome(errand)
        if promise.done():  # cancelled meanwhile
            self._leave(promise)
        else:
            self._step(promise, outcome, on_errands=True)

    def _share(self, promise: Promise, share: Share) -> None:
        if not self._shares.join(share, promise):
            self._step(promise, None)
        elif promise.done() and self._shares.withdraw(promise):
            self._leave(promise)

    def _end_share(self, promise: Promise, answer: Answer | None) -> None:
        """Those that waited for its answer get it, if they may, or ask themselves."""
        ended = self._shares.end(promise)
        if ended is None:
            return
        share, waiting = ended
        for each in waiting:
            if promise.cancelled():
                self._share(each, share)  # the first of them is who the others wait for
            elif answer is not None and share.may(answer):
                self._step(each, answer)
            else:
                self._step(each, None)

    # From the engine, on its thread.

    def deliver(self, token: Promise, outcome: Reply | BaseException) -> None:
        self._take_in(token, outcome)
        self.pump()

    def deliver_to_caller(self, token: Promise, outcome: Reply | BaseException) -> None:
        self._take_in(token, outcome)
        if self._slots.has_queued:
            self._workers.run(self.pump)  # where no Ctrl-C comes: the next is somebody else's

    def _take_in(self, token: Promise, outcome: Reply | BaseException) -> None:
        if token.told:
            self._tell_of_outcome(token, outcome)
        if token.done():  # cancelled
            self._leave(token)
        else:
            self._step(token, outcome)

    def connected(
        self, token: Promise, address: str, port: int, is_new: bool, seconds: float
    ) -> None:
        how = "connected to" if is_new else "connection reused:"
        log.debug("%s %s %s port %d in %s", token.label, how, address, port, _ms(seconds))

    def _tell_of_outcome(self, promise: Promise, outcome: Reply | BaseException) -> None:
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

    def about_to_block(self) -> None:
        with suppress(IndexError):  # an I/O thread that ends and the one after it may both be here
            while self._to_wake:
                self._to_wake.popleft()()
        if self._to_run:
            self._workers.take_over(self._to_run)

    # From the answer to the settled promise.

    def _answered(self, promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
        if self._shares.waiting:
            self._end_share(promise, answer)
        if promise.callback is None:
            self._settle(promise, answer, failure)
        else:
            self._on_worker(self._call_back, promise, answer, failure)

    def _call_back(self, promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
        view = promise.begin_callback(answer, failure)
        if view is not None:
            began = time.monotonic()
            error = self._run_callback(promise, view)
            if promise.told:
                log.debug("%s callback ran %s", promise.label, _ms(time.monotonic() - began))
            failure = failure or error
        self._about_to_finish()  # before the slot is free: it may need a thread
        self._settle(promise, answer, failure)
        promise.end_callback()

    @calls_foreign_code
    def _run_callback(self, promise: Promise, view: Promise) -> Failure | None:
        callback, promise.callback = promise.callback, None
        assert callback is not None  # else nothing would be called back
        try:
            with self._slots.turn_of(promise):
                try:
                    callback(view)
                finally:
                    del callback  # in its turn: what goes with it may make requests and wait
        except BaseException as error:  # noqa: BLE001  # foreign code, as executors do
            failure = _failure(promise, error, f"the callback of {promise.request}", 1)
            log.error("%s its callback failed", promise.label, error=error)
            failure.mark_seen()
            return failure
        return None

    def _settle(self, promise: Promise, answer: Answer | None, failure: Failure | None) -> None:
        if promise.conclude(FINISHED, answer, failure):
            if promise.told:
                log.debug("%s settled after %s", promise.label, _ms(promise.request.age()))
            if promise.sleepers is not None:
                self._wake(promise)
        elif failure is not None:
            failure.mark_seen()  # it was cancelled: nobody waits for it
        if promise.has_done_callbacks:
            self._on_worker(self._call_done_callbacks, promise)
        else:
            self._leave(promise)

    def _wake(self, promise: Promise) -> None:
        if self._engine.is_current_thread():
            self._to_wake.extend(promise.take_sleepers())
        else:
            promise.wake()

    def _call_done_callbacks(self, work: Task) -> None:
        with self._slots.turn_of(work):
            work.call_done_callbacks()
        self._about_to_finish()
        self._leave(work)

    def _leave(self, work: Task) -> None:
        self._slots.leave(work)
        if self._shares.waiting and isinstance(work, Promise):
            self._end_share(work, None)
        self._let_go(work)

    def _let_go(self, work: Task) -> None:
        work.finish()
        if self._late:
            self._late.discard(work)
        if self._closing and self.is_idle():
            self._end_threads()

    # On workers.

    def _on_worker(self, function: Callable[..., None], *arguments: object) -> None:
        task = partial(self._run, function, arguments)
        if self._engine.is_current_thread():
            self._to_run.append(task)
        else:
            self._workers.run(task)

    def _run(self, function: Callable[..., None], arguments: tuple[object, ...]) -> None:
        function(*arguments)
        self.pump()

    def _about_to_finish(self) -> None:
        if current_turn() is None:  # else it helps, in the middle of a callback of its own
            self._workers.about_to_finish()

    def _run_call(self, call: Task) -> None:
        with self._slots.turn_of(call):
            assert isinstance(call, Call)  # there is no third kind
            call.run()
        self._about_to_finish()
        self._leave(call)

    # The end.

    def is_idle(self) -> bool:
        """Whether nothing is pending."""
        return self._slots.is_empty()

    def close(self, cancel_futures: bool) -> None:
        """Finish or cancel what is pending, then end the threads.

        Where waiting for that would be waiting for itself, it only sees to it.
        """
        if cancel_futures:
            self.cancel_all()
        self.retire()
        if self._may_wait():
            while not self._slots.wait_until_empty(GLANCE):
                pass
            self._end_threads()
            self._engine.join()
            self._workers.join()
            log.flush()

    def _may_wait(self) -> bool:
        """Not in its own callbacks, nor in a finalizer or a signal handler that came between."""
        if in_our_midst():
            return False
        turn = current_turn()
        if turn is None:
            return not on_own_thread()
        while turn is not None and turn.work.owner is not self:
            turn = running(turn.around)
        return turn is None

    def cancel_all(self) -> None:
        """Cancel what is pending; waits for nothing."""
        for work in self._slots.pending():
            work.cancel()

    def is_busy(self) -> bool:
        """Whether anything is pending that the end of the program waits for."""
        if not self._late:
            return not self.is_idle()
        return any(work not in self._late for work in self._slots.pending())

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until nothing is pending, at most `timeout` seconds."""
        self._slots.wait_until_empty(timeout)

    def park(self) -> None:
        """Keep the threads from any further move: the interpreter is about to go."""
        self._end_threads()
        if self.is_idle():
            self._engine.join(timeout=1)
        self._parked = True
        self._engine.park()

    def abort(self) -> None:
        """Cancel what is pending and end the I/O; callbacks are not waited for."""
        self.cancel_all()
        self._end_threads()
        self._engine.join(timeout=1)

    def retire(self) -> None:
        """Let the threads end when nothing is pending."""
        self._closing = True
        if self.is_idle():
            self._end_threads()

    def _end_threads(self) -> None:
        self._engine.close()
        self._workers.close()

    # Around a fork.

    def resting(self) -> list[RLock]:
        """What keeps its I/O still, outside libcurl."""
        return self._engine.resting()

    def locks(self) -> list[RLock]:
        """What then lets nothing else change, either."""
        return [self._slots.lock, *self._engine.locks()]

    def start_afresh(self) -> Callable[[], None]:
        """After it in the child, which has none of the threads; returns what fails the pending."""
        pending, abandoned = self._slots.pending(), self._engine
        self._slots, self._shares = Slots(self._slots.limit), Shares()
        self._make_threads()
        abandoned.abandon()
        return partial(_lose, pending)


def _lose(pending: list[Task]) -> None:
    for work in pending:
        if not work.conclude_and_tell(FINISHED, None, _lost(work)):
            work.call_done_callbacks()  # it was done, but a thread that is gone was to call them


def _lost(work: Task) -> Failure:
    error = LostInForkError(f"{work}: it was pending when the process forked")
    if isinstance(work, Promise):
        failure = _failure(work, error, str(work.request), 0)
    else:
        assert isinstance(work, Call)  # there is no third kind
        failure = work.failure(error, 0)
    failure.mark_seen()  # that is no news
    return failure


def _too_late(work: Task) -> Failure:
    # Without where it was made: the source can be read no more.
    return Failure(RuntimeError(f"{work}: asked for when the interpreter had ended"))


@calls_foreign_code
def _outcome(errand: Errand) -> object:
    """What it returned, or raised."""
    try:
        return errand.function()
    except BaseException as error:  # noqa: BLE001  # foreign code: the exchange is told
        return error


def _failure(promise: Promise, error: BaseException, what: str, beneath: int) -> Failure:
    annotate(error, what, promise.request.site, request=promise.request)
    return Failure(error, beneath)


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"
