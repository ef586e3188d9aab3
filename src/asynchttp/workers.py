"""Workers: the threads that run what may block.

There are as many as there is to do at once, which Slots bounds; idle ones are used again, the last
to fall idle first, and end after a while.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from .threads import OwnThread

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
        self._threads: set[threading.Thread] = set()
        self._closing = False

    def run(self, task: Callable[[], None]) -> None:
        """Have a worker call `task`, which must not raise.

        Raises `RuntimeError` if there is no worker and the system gives none.
        """
        with self._lock:
            self._tasks.append(task)
            if self._idle:
                self._idle.pop().release()
            else:
                self._start()

    def _start(self) -> None:
        thread = OwnThread(self._work, "worker")
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError:
            self._threads.discard(thread)
            if not self._threads:  # else one of them will come to it
                self._tasks.pop()
                raise

    def _work(self) -> None:
        try:
            bell = threading.Lock()
            bell.acquire()
            while self._run_tasks() and self._wait(bell):
                pass
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())

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
            if self._closing:
                return False
            self._idle.append(bell)
        if bell.acquire(timeout=IDLE):
            return True
        with self._lock:
            if bell in self._idle:
                self._idle.remove(bell)
                return False
        return True  # rung at the last moment

    def close(self) -> None:
        """Let the threads end when they have nothing to do."""
        with self._lock:
            self._closing = True
            while self._idle:
                self._idle.pop().release()

    def open(self) -> None:
        """Keep idle threads again."""
        self._closing = False

    def join(self) -> None:
        """Wait for the threads to end, after `close`."""
        for thread in list(self._threads):
            if thread is not threading.current_thread():
                thread.join()
        self.open()
