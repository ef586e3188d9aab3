"""Workers: the threads that run what may block.

One is started only if none is idle or about to be: there are no more than there was to do at once,
which Slots bounds, but for those that are just letting go of a task. Idle ones are used again, the
last to fall idle first; they end after a while.

Rule: while there are tasks, somebody is on the way to the next, or about to call somebody. Whoever
takes one that leaves more behind calls for another first, since what he took may block. So of many
short tasks that come together, few threads do most.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

from .threads import OwnThread, is_helped, run_without_thread

IDLE = 10.0  # seconds a worker waits for more


class Newcomer(NamedTuple):
    """A worker that has not come yet."""

    crew: int
    by: int | None
    """The identity of the thread that is about to start it; None when it has."""


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
        self._newcomers: dict[threading.Thread, Newcomer] = {}  # they have not come yet
        self._ended: set[threading.Thread] = set()  # they take no more tasks

    def run(self, task: Callable[[], None]) -> None:
        """Have a worker call `task`, which must not raise."""
        self._tasks.append(task)
        self._call()

    def take_over(self, tasks: deque[Callable[[], None]]) -> None:
        """Have workers call all of them, which nobody here has any more when one of them begins."""
        with suppress(IndexError):  # another was quicker
            while tasks:
                self._tasks.append(tasks.popleft())
        self._call()

    def _call(self) -> None:
        """Have somebody on the way to the tasks."""
        if self._coming:
            return  # asked first without the lock: who comes looks again, once he is there
        newcomer: OwnThread | None = None
        try:
            with self._lock:
                if not self._tasks or self._coming:
                    return
                if (self._newcomers and self._is_starting()) or self._wake():
                    return
                newcomer = OwnThread(partial(self._work, self._crew), "worker")
                self._newcomers[newcomer] = Newcomer(self._crew, threading.get_ident())
            self._start(newcomer)
        except BaseException:  # Ctrl-C; should it have begun nevertheless, it comes all the same
            self._forget(newcomer)
            self._call()
            raise

    def _forget(self, newcomer: OwnThread | None) -> None:
        if newcomer is not None:
            with self._lock:
                self._newcomers.pop(newcomer, None)

    def _is_starting(self) -> bool:
        """Whether there is a newcomer; not one that starts only after what this thread does now."""
        here = threading.get_ident()
        newcomers = list(self._newcomers.items())  # a finalizer may come back here
        return any(here not in (each.ident, how.by) for each, how in newcomers)

    def _wake(self) -> bool:
        if not self._idle:
            return False
        thread, bell = next(reversed(self._idle.items()))
        try:  # Ctrl-C can come after any call
            del self._idle[thread]
            self._coming.add(thread)
        finally:
            bell.release()
        return True

    def _start(self, newcomer: OwnThread) -> None:
        try:
            newcomer.start()
        except RuntimeError:  # the system, or Python, gives none
            self._forget(newcomer)
            self._do_without()
            return
        with self._lock:
            if newcomer in self._newcomers:  # it has not come yet
                self._newcomers[newcomer] = Newcomer(self._newcomers[newcomer].crew, None)

    def _do_without(self) -> None:
        """One of the others will come to the tasks; but perhaps after what it waits for."""
        while self._tasks and (is_helped() or not self._threads):
            with suppress(IndexError):  # another was quicker
                run_without_thread(self._tasks.popleft())

    def _work(self, crew: int) -> None:
        thread = threading.current_thread()
        try:
            with self._lock:
                self._threads[thread] = crew
                self._coming.add(thread)
                self._newcomers.pop(thread, None)
            bell = threading.Lock()
            bell.acquire()
            while True:
                # Here the one before is let go of. That may take long: nobody counts on this thread
                # but who waits for the task that it has taken.
                if (task := self._take(thread)) is not None:
                    if self._tasks:
                        self._call()
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
            if self._threads[thread] < self._crew:
                self._end()
                return False
            self._idle[thread] = bell
        return bell.acquire(timeout=IDLE) or not self._gives_up(thread, bell)

    def _take(self, thread: threading.Thread) -> Callable[[], None] | None:
        """The next task, if there is one."""
        with self._lock:
            self._coming.discard(thread)
            return self._tasks.popleft() if self._tasks else None

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
            crews = {each: how.crew for each, how in list(self._newcomers.items())} | self._threads
            told = [thread for thread, crew in crews.items() if crew < self._crew]
            ending = [*told, *self._ended]
        for thread in ending:
            if thread is not threading.current_thread():
                thread.join()
