"""Workers: the pool of threads that handle the core's events and run tasks, which may block.

A process has a single pool. The worker with the dispatcher's role takes events from the core in
batches, and handles them. Before user code, the worker passes the role on to another worker, which
waits in C, without the GIL.

Rules:
- While tasks are left, a worker is on the way to the next task, or about to be called. A worker
  that takes a task and leaves others first calls another worker, since the task may block. In this
  way few threads run most of many short tasks.
- Idle workers end after `IDLE` seconds, but for the last, which waits for events for ever.
- Callers that wait for promises are woken after each batch, all in one go.
"""

from __future__ import annotations

import itertools
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .. import _core, log
from ..process.lifetime import after_fork, hold_during_forks, register_helper
from ..process.native import threading
from ..process.threads import OwnThread

IDLE = 10.0  # seconds for which an idle worker waits
WATCH_INTERVAL = 5.0  # seconds between two calls of `Workers.watch`, at least

TIMED_OUT, ROLE, CALLED = range(3)  # values of `_core.wait`: WAIT_... of core.h

Handler = Callable[[Any], None]  # Any: work or a lookup, to which events have happened


_numbers = itertools.count(1)


class Worker(OwnThread):
    """A thread of the pool."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(target, f"worker {next(_numbers)}")
        self.has_role = False
        self.is_handling = False
        """Whether the worker is handling a batch of events, and wakes callers after the batch."""
        self.has_ended = False

    def prepare_to_wait(self) -> None:
        if self.has_role:
            workers.pass_on_role(self)
        else:
            workers.hand_over_events()


class Workers:
    """The pool of the process."""

    def __init__(self) -> None:
        # An RLock: a finalizer may come back in the middle.
        self.lock = hold_during_forks(threading.RLock())
        self.handle: Handler | None = None
        """The function that handles events: set once."""
        self.watch: Callable[[], None] | None = None
        """A function that is called now and then, which must not block: set once."""
        self.drop_after_fork()

    def drop_after_fork(self) -> None:
        """Begin without threads and tasks, as in a forked child."""
        self._tasks: deque[Callable[[], None]] = deque()
        # Any: as above. Shared, so that another worker can go on with events that were taken.
        self._events: list[Any] = []
        self._deferred_wakes: deque[Callable[[], None]] = deque()
        self._threads: set[Worker] = set()
        self._last_watch = 0.0
        self._coming = 0  # workers on the way to the next task

    def ensure_started(self) -> None:
        """Start the first worker, if needed; `RuntimeError` if no thread can start."""
        if not self._threads:
            self._start_worker()

    def run(self, task: Callable[[], None]) -> None:
        """Have a worker call `task`, which must not raise."""
        self._tasks.append(task)
        self._call_worker()

    def defer_wake(self, wake: Callable[[], None]) -> bool:
        """Call `wake` after the batch of this thread; False if this thread handles no batch."""
        thread = threading.current_thread()
        if not isinstance(thread, Worker) or not thread.is_handling:
            return False
        self._deferred_wakes.append(wake)
        return True

    def _call_worker(self, has_left_events: bool = False) -> None:
        """Call a worker for tasks, or for events that have been taken; without either, see that a
        worker waits for events.
        """
        with self.lock:
            has_more = has_left_events or bool(self._tasks)
            if self._coming or (not has_more and _core.count_waiting()):
                return
            if has_more and _core.call_waiting():
                self._coming += 1
                return
        with suppress(RuntimeError):  # no thread can start: a busy worker takes the task later
            self._start_worker()

    def _start_worker(self) -> None:
        # Not counted in `_coming`: see the rule of OwnThread.
        worker = Worker(self._run_worker)
        worker.start()
        self._add_thread(worker)

    def _add_thread(self, worker: Worker) -> None:
        with self.lock:
            if not worker.has_ended:
                self._threads.add(worker)

    def pass_on_role(self, worker: Worker) -> None:
        """Give the dispatcher's role to another worker, since `worker` may block."""
        worker.has_role = False
        self._wake_callers()
        _core.pass_on()
        self._call_worker(bool(self._events))

    def hand_over_events(self) -> None:
        """Have another worker go on with events that a worker without the role has taken."""
        self._wake_callers()
        if self._events:
            self._call_worker(has_left_events=True)

    # On the workers.

    def _run_worker(self) -> None:
        worker = threading.current_thread()
        assert isinstance(worker, Worker)  # the target of `_start_worker` only
        self._add_thread(worker)  # here, too: Ctrl-C may have interrupted `_start_worker`
        reason = TIMED_OUT
        try:
            while True:
                self._begin_turn(worker, reason)
                self._handle_all(worker)
                self._watch_now_and_then()
                reason = _core.wait(IDLE, worker.has_role)
                if reason == TIMED_OUT and self._end_if_spare(worker):
                    return
        finally:
            self._remove_thread(worker)

    def _watch_now_and_then(self) -> None:
        # A worker comes here again after IDLE at the latest: a worker always waits for events.
        now = time.monotonic()
        if now - self._last_watch >= WATCH_INTERVAL and self.watch is not None:
            self._last_watch = now
            self.watch()

    def _handle_all(self, worker: Worker) -> None:
        """Handle events, then run tasks, until no new events have come: a called worker may have to
        wait for the GIL, if the program computes.
        """
        while True:
            worker.is_handling = True
            self._handle_events()
            worker.is_handling = False
            if self._tasks:
                if worker.has_role:
                    self.pass_on_role(worker)
                self._run_tasks()
            _core.take_events(self._events)
            if not self._events:
                return

    def _begin_turn(self, worker: Worker, reason: int) -> None:
        worker.has_role = reason == ROLE
        if reason == CALLED:
            self._note_arrival()
        elif reason == ROLE:
            _core.take_events(self._events)

    def _note_arrival(self) -> None:
        with self.lock:
            self._coming = max(0, self._coming - 1)

    def _end_if_spare(self, worker: Worker) -> bool:
        with self.lock:
            # Count waiting workers only: the others may be blocked, or about to end, too.
            is_spare = _core.count_waiting() > 0 and not self._tasks and not self._events
            if is_spare:
                self._remove_thread(worker)
            return is_spare

    def _remove_thread(self, worker: Worker) -> None:
        with self.lock:
            worker.has_ended = True
            self._threads.discard(worker)

    def _handle_events(self) -> None:
        with suppress(IndexError):  # taken by another worker, after `hand_over_events`
            while self._events:
                self._handle_event(self._events.pop(0))
        self._wake_callers()

    def _handle_event(self, subject: Any) -> None:  # Any: as above
        assert self.handle is not None  # set by dispatcher.py
        try:
            self.handle(subject)
        except BaseException as error:  # noqa: BLE001  # a defect of this package: go on
            log.error("an event of the core was not handled", error=error)

    def _wake_callers(self) -> None:
        with suppress(IndexError):  # taken by another worker
            while self._deferred_wakes:
                self._deferred_wakes.popleft()()

    def _run_tasks(self) -> None:
        while self._tasks:
            try:
                task = self._tasks.popleft()
            except IndexError:  # taken by another worker
                return
            self._call_worker()  # the task may block
            task()
            del task

    def help(self) -> None:
        """Handle events and run tasks on this thread, as at the end of a program: perhaps no worker
        can start.
        """
        reason = _core.wait(0, False)
        if reason == CALLED:
            self._note_arrival()
        elif reason == ROLE:  # no worker waits for events: all may be blocked
            _core.take_events(self._events)
            self._handle_events()
            _core.pass_on()
        self._run_tasks()


workers = Workers()
register_helper(workers.help)
after_fork(workers.drop_after_fork)
