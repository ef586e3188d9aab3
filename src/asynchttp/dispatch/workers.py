"""Workers: the threads that see to the core's events, and run what may block. One pool for the
process.

One of them has the role of the dispatcher: it takes the events of the core in batches, and policy
goes on. Then, before user code is run, it passes the role on to another, which waits in C, without
the GIL.

Rules:
- While there are tasks, somebody is on the way to the next, or about to call somebody. Whoever
  takes one that leaves more behind calls for another first, since what was taken may block. So of
  many short tasks that come together, few threads do most.
- Idle workers end after a while, but for one, who waits for events as long as the process lives.
- Whoever waits for a promise is woken after the batch: of many, in one go.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .. import _core, log
from ..process.lifetime import after_fork, hold_during_forks, register_helper
from ..process.threads import OwnThread

IDLE = 10.0  # seconds a worker waits for more

TIMED_OUT, ROLE, CALLED = range(3)  # why `_core.wait` returns

Handler = Callable[[Any], None]  # Any: the work or the lookup that events are about


class Worker(OwnThread):
    """A thread of the pool."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(target, "worker")
        self.has_role = False
        self.is_handling = False
        """Whether the worker sees to a batch of events: callers are woken after the batch."""
        self.is_over = False

    def prepare_to_wait(self) -> None:
        if self.has_role:
            workers.pass_on(self)
        else:
            workers.leave_events()


class Workers:
    """The pool. There is one for the process, which begins anew in a forked child."""

    def __init__(self) -> None:
        # An RLock: a finalizer may come back in the middle.
        self.lock = hold_during_forks(threading.RLock())
        self.handle: Handler | None = None
        """Who sees to events: set once."""
        self.begin_anew()

    def begin_anew(self) -> None:
        """In a forked child, too, which has none of the threads."""
        self._tasks: deque[Callable[[], None]] = deque()
        # Any: as above. Shared, so that another thread can go on with what was taken.
        self._events: list[Any] = []
        self._settled: deque[Callable[[], None]] = deque()
        self._threads: set[Worker] = set()
        self._coming = 0  # workers on their way to the next task

    def begin(self) -> None:
        """See that events are taken from now on; `RuntimeError` if there is no thread to be had."""
        if not self._threads:
            self._start()

    def run(self, task: Callable[[], None]) -> None:
        """Have a worker call `task`, which must not raise."""
        self._tasks.append(task)
        self._call()

    def wake_later(self, wake: Callable[[], None]) -> bool:
        """Have `wake` called after this batch; False if this thread works on none."""
        thread = threading.current_thread()
        if not isinstance(thread, Worker) or not thread.is_handling:
            return False
        self._settled.append(wake)
        return True

    def _call(self, has_left_events: bool = False) -> None:
        """Have somebody on the way to the tasks, or to events that have been taken; where there are
        none, somebody who waits for events.
        """
        with self.lock:
            has_more = has_left_events or bool(self._tasks)
            if self._coming or (not has_more and _core.count_waiting()):
                return
            if has_more and _core.call_waiting():
                self._coming += 1
                return
        with suppress(RuntimeError):  # no thread is to be had: one of the others will come to it
            self._start()

    def _start(self) -> None:
        # Nobody counts on it before it runs: see OwnThread.
        worker = Worker(self._work)
        worker.start()
        self._note(worker)

    def _note(self, worker: Worker) -> None:
        with self.lock:
            if not worker.is_over:
                self._threads.add(worker)

    def pass_on(self, worker: Worker) -> None:
        """Give the role of the dispatcher to another: this worker may be about to block."""
        worker.has_role = False
        self._wake_settled()
        _core.pass_on()
        self._call(bool(self._events))

    def leave_events(self) -> None:
        """Have another worker go on with events that a worker without the role has taken."""
        self._wake_settled()
        if self._events:
            self._call(has_left_events=True)

    # On the threads.

    def _work(self) -> None:
        worker = threading.current_thread()
        assert isinstance(worker, Worker)  # only `_start` names this function
        self._note(worker)  # Ctrl-C may have come where it was started
        why = TIMED_OUT
        try:
            while True:
                self._arrive(worker, why)
                self._work_off(worker)
                why = _core.wait(IDLE, worker.has_role)
                if why == TIMED_OUT and self._end_spare(worker):
                    return
        finally:
            self._end(worker)

    def _work_off(self, worker: Worker) -> None:
        """Events, then tasks, until no new events have come: another worker, who is told of new
        events, may have to wait for the GIL while the program computes.
        """
        while True:
            worker.is_handling = True
            self._handle_events()
            worker.is_handling = False
            if self._tasks:
                if worker.has_role:
                    self.pass_on(worker)
                self._run_tasks()
            _core.take_events(self._events)
            if not self._events:
                return

    def _arrive(self, worker: Worker, why: int) -> None:
        worker.has_role = why == ROLE
        if why == CALLED:
            self._has_come()
        elif why == ROLE:
            _core.take_events(self._events)

    def _has_come(self) -> None:
        with self.lock:
            self._coming = max(0, self._coming - 1)

    def _end_spare(self, worker: Worker) -> bool:
        with self.lock:
            # Others may be blocked, or about to end, too: somebody has to wait for events.
            is_spare = _core.count_waiting() > 0 and not self._tasks and not self._events
            if is_spare:
                self._end(worker)
            return is_spare

    def _end(self, worker: Worker) -> None:
        with self.lock:
            worker.is_over = True
            self._threads.discard(worker)

    def _handle_events(self) -> None:
        with suppress(IndexError):  # another thread goes on with the same events
            while self._events:
                self._handle_one(self._events.pop(0))
        self._wake_settled()

    def _handle_one(self, subject: Any) -> None:  # Any: as above
        assert self.handle is not None  # it is set when the package is imported
        try:
            self.handle(subject)
        except BaseException as error:  # noqa: BLE001  # a defect of ours: the others go on
            log.error("an event of the core was not handled", error=error)

    def _wake_settled(self) -> None:
        with suppress(IndexError):  # another was quicker
            while self._settled:
                self._settled.popleft()()

    def _run_tasks(self) -> None:
        while self._tasks:
            try:
                task = self._tasks.popleft()
            except IndexError:  # another worker was quicker
                return
            self._call()  # the task may block
            task()
            del task

    def help(self) -> None:
        """Do what there is to do, here: at the end of a program there may be no threads for it."""
        why = _core.wait(0, False)
        if why == CALLED:
            self._has_come()
        elif why == ROLE:  # no worker waits for events: all may be blocked
            _core.take_events(self._events)
            self._handle_events()
            _core.pass_on()
        self._run_tasks()


workers = Workers()
register_helper(workers.help)
after_fork(workers.begin_anew)
