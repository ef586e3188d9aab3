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
        with self._lock:
            self._tasks.append(task)
            if self._coming or self._wake() or self._start():
                return
            if self._threads and not is_helped():
                return  # without a new thread one of the others will come to it
            self._tasks.pop()
        run_without_thread(task)

    def _wake(self) -> bool:
        if not self._idle:
            return False
        thread, bell = self._idle.popitem()
        self._coming.add(thread)
        bell.release()
        return True

    def _start(self) -> bool:
        thread = OwnThread(self._work, "worker")
        try:
            self._threads[thread] = self._crew
            self._coming.add(thread)
            thread.start()
        except BaseException as error:
            # Should it have begun nevertheless, it comes all the same.
            self._threads.pop(thread, None)
            self._coming.discard(thread)
            if isinstance(error, RuntimeError):  # the system, or Python, gives none
                return False
            raise  # Ctrl-C
        return True

    def _work(self) -> None:
        thread = threading.current_thread()
        try:
            with self._lock:
                self._threads.setdefault(thread, self._crew)
            bell = threading.Lock()
            bell.acquire()
            while True:
                # Here the one before is let go of: that may take long, so nobody counts on it.
                task = self._take(thread)
                if task is None and (task := self._next(thread, bell)) is None:
                    return
                task()
        finally:
            self._end()

    def _end(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            self._coming.discard(thread)
            if self._threads.pop(thread, None) is not None:
                self._ended = {each for each in self._ended if each.is_alive()} | {thread}

    def _next(self, thread: threading.Thread, bell: threading.Lock) -> Callable[[], None] | None:
        """The next task, waited for; None when it is time to end."""
        while True:
            with self._lock:
                if (task := self._take(thread)) is not None:
                    return task
                if self._threads[thread] < self._crew:
                    self._end()
                    return None
                self._idle[thread] = bell
            if not bell.acquire(timeout=IDLE) and self._gives_up(thread, bell):
                return None

    def _take(self, thread: threading.Thread) -> Callable[[], None] | None:
        """The next task, if there is one."""
        with self._lock:
            self._coming.discard(thread)
            if not self._tasks:
                return None
            task = self._tasks.popleft()
            if self._tasks and not self._coming and not self._wake() and not self._start():
                # This one or another comes to them, but perhaps after what it waits for.
                while self._tasks and is_helped():
                    run_without_thread(self._tasks.popleft())
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
            told = [thread for thread, crew in self._threads.items() if crew < self._crew]
            ending = [*told, *self._ended]
        for thread in ending:
            if thread is not threading.current_thread():
                thread.join()
