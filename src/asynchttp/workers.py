"""Workers: the threads that run what may block.

There are as many as there is to do at once, which Slots bounds; idle ones are used again, the last
to fall idle first, and end after a while.
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
        self._idle: list[threading.Lock] = []
        self._crew = 0  # those of earlier ones are to end
        self._threads: dict[threading.Thread, int] = {}  # each with its crew
        self._ended: set[threading.Thread] = set()  # they take no more tasks

    def run(self, task: Callable[[], None]) -> None:
        """Have a worker call `task`, which must not raise."""
        with self._lock:
            self._tasks.append(task)
            if self._idle:
                self._idle.pop().release()
                return
            if self._start() or (self._threads and not is_helped()):
                return  # without a new thread one of the others will come to it
            self._tasks.pop()
        run_without_thread(task)

    def _start(self) -> bool:
        thread = OwnThread(self._work, "worker")
        self._threads[thread] = self._crew
        try:
            thread.start()
        except RuntimeError:  # the system, or Python, gives none
            del self._threads[thread]
            return False
        return True

    def _work(self) -> None:
        try:
            bell = threading.Lock()
            bell.acquire()
            while self._run_tasks() and self._wait(bell):
                pass
        finally:
            self._end()

    def _end(self) -> None:
        thread = threading.current_thread()
        with self._lock:
            if self._threads.pop(thread, None) is not None:
                self._ended = {each for each in self._ended if each.is_alive()} | {thread}

    def _run_tasks(self) -> bool:
        while True:
            try:
                task = self._tasks.popleft()
            except IndexError:
                return True
            task()
            del task  # while it waits it must not keep anything alive

    def _wait(self, bell: threading.Lock) -> bool:
        """Wait for a task; False when it is time to end."""
        with self._lock:
            if self._tasks:
                return True
            if self._threads[threading.current_thread()] < self._crew:
                self._end()
                return False
            self._idle.append(bell)
        if bell.acquire(timeout=IDLE):
            return True
        with self._lock:
            if bell in self._idle:
                self._idle.remove(bell)
                self._end()
                return False
        return True  # rung at the last moment

    def close(self) -> None:
        """Let the threads that there are now end when they have nothing to do."""
        with self._lock:
            self._crew += 1
            while self._idle:
                self._idle.pop().release()

    def join(self) -> None:
        """Wait for the end of those that were told to."""
        with self._lock:
            told = [thread for thread, crew in self._threads.items() if crew < self._crew]
            ending = [*told, *self._ended]
        for thread in ending:
            if thread is not threading.current_thread():
                thread.join()
