"""Workers: the threads that run what may block.

There are never more than there was to do at once, which Slots bounds: one is started only if none
is idle or about to be. Idle ones are used again, the last to fall idle first; they end after a
while.

Rule: while there are tasks, somebody is on the way to the next. Whoever takes one that leaves more
behind calls for another first, since what he took may block. So of many short tasks that come
together, few threads do most.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .threads import OwnThread, is_helped, run_without_thread

IDLE = 10.0  # seconds a worker waits for more


class Workers:
    """Runs functions on threads.

    >>> workers, done = Workers(), threading.Event()
    >>> workers.run(done.set)
    >>> done.wait(5)
    True
    >>> workers.close()
    """

    def __init__(self) -> None:
        # An RLock: a finalizer may come back in the middle of `run`.
        self._lock = threading.RLock()
        self._tasks: deque[Callable[[], None]] = deque()
        self._idle: dict[threading.Thread, threading.Lock] = {}  # each with what wakes it
        self._coming: set[threading.Thread] = set()  # on their way to the next task
        self._crew = 0  # those of earlier ones are to end
        self._threads: dict[threading.Thread, int] = {}  # each with its crew
        self._ended: set[threading.Thread] = set()  # they take no more tasks

    def run(self, task: Callable[[], None]) -> None:
        """Have a worker call `task`, which must not raise."""
        newcomers: list[OwnThread] = []
        try:
            with self._lock:
                self._tasks.append(task)
                self._call(newcomers)
            if newcomers:
                self._start(newcomers)
        except BaseException:  # Ctrl-C, and nobody knows whether they have begun
            self._replace(newcomers)
            raise

    def _call(self, newcomers: list[OwnThread]) -> None:
        """Have somebody on the way to the tasks: if need be, a newcomer, who is yet to be started.

        That is for when the lock is free.
        """
        if not self._tasks or self._coming or self._wake():
            return
        newcomer = OwnThread(self._work, "worker")
        newcomers.append(newcomer)
        self._threads[newcomer] = self._crew
        self._coming.add(newcomer)

    def _wake(self) -> bool:
        if not self._idle:
            return False
        thread, bell = self._idle.popitem()
        self._coming.add(thread)
        bell.release()
        return True

    def _start(self, newcomers: list[OwnThread]) -> None:
        try:
            for newcomer in newcomers:
                newcomer.start()
        except RuntimeError:  # the system, or Python, gives none
            self._forget(newcomers)
            self._do_without()

    def _replace(self, newcomers: list[OwnThread]) -> None:
        """Should they have begun nevertheless, they come all the same."""
        self._forget(newcomers)
        others: list[OwnThread] = []
        with self._lock:
            self._call(others)
        self._start(others)

    def _forget(self, newcomers: list[OwnThread]) -> None:
        with self._lock:
            for newcomer in newcomers:
                self._threads.pop(newcomer, None)
                self._coming.discard(newcomer)

    def _do_without(self) -> None:
        """One of the others will come to the tasks; but perhaps after what it waits for."""
        with self._lock:
            if self._threads and not is_helped():
                return
            tasks, self._tasks = self._tasks, deque()
        for task in tasks:
            run_without_thread(task)

    def _work(self) -> None:
        thread = threading.current_thread()
        try:
            bell = threading.Lock()
            bell.acquire()
            while True:
                # Here the one before is let go of: that may take long, so nobody counts on it.
                newcomers: list[OwnThread] = []
                task = self._take(thread, newcomers)
                if newcomers:
                    self._start(newcomers)
                if task is not None:
                    task()
                elif not self._wait(thread, bell):
                    return
        finally:
            self._end()

    def _end(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            self._coming.discard(thread)
            if self._threads.pop(thread, None) is not None:
                self._ended = {each for each in self._ended if each.is_alive()} | {thread}

    def _wait(self, thread: threading.Thread, bell: threading.Lock) -> bool:
        """Wait until there may be a task; False when it is time to end."""
        with self._lock:
            if self._tasks:
                return True
            # It may have been forgotten, see `run`.
            if self._threads.setdefault(thread, self._crew) < self._crew:
                self._end()
                return False
            self._idle[thread] = bell
        return bell.acquire(timeout=IDLE) or not self._gives_up(thread, bell)

    def _take(
        self, thread: threading.Thread, newcomers: list[OwnThread]
    ) -> Callable[[], None] | None:
        """The next task, if there is one; somebody is called for those behind it."""
        with self._lock:
            self._coming.discard(thread)
            task = self._tasks.popleft() if self._tasks else None
            self._call(newcomers)
            return task

    def _gives_up(self, thread: threading.Thread, bell: threading.Lock) -> bool:
        with self._lock:
            if self._idle.pop(thread, None) is not None:
                self._end()
                return True
        bell.acquire()  # woken at the last moment
        return False

    def about_to_finish(self) -> None:
        """The task that this worker runs will not block any more."""
        if (thread := threading.current_thread()) in self._threads:
            self._coming.add(thread)

    def close(self) -> None:
        """Let the threads that there are now end when they have nothing to do."""
        with self._lock:
            self._crew += 1
            while self._wake():
                pass

    def join(self) -> None:
        """Wait for the end of those that were told to."""
        with self._lock:
            told = [thread for thread, crew in list(self._threads.items()) if crew < self._crew]
            ending = [*told, *self._ended]
        for thread in ending:
            if thread is not threading.current_thread():
                thread.join()
