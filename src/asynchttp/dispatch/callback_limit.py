"""CallbackLimit: how many callbacks of one Http run at once (`max_callbacks`).

Rules:
- A callback has a Permit, and returns the permit at its end.
- A callback lends its permit while it waits for a request or a call, whose callback may need the
  permit, and takes the permit back after the wait. Several threads may wait for one callback.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from ..process.native import threading
from ..process.threads import wait_and_help
from .workers import workers


class CallbackLimit:
    """Runs callbacks in order, on workers, at most `limit` at once."""

    def __init__(self, limit: int | None = None) -> None:
        self._limit = limit
        self._running = 0
        self._waiting: deque[Callable[[], None]] = deque()
        self._lock = threading.RLock()  # an RLock: a finalizer may come in the middle

    def set_limit(self, limit: int | None) -> None:
        """Run at most `limit` callbacks at once, from now on; any number for None."""
        self._limit = limit
        self._start_waiting()

    def run(self, callback: Callable[[Permit], None]) -> None:
        """Have a worker call `callback`, when a permit is free."""
        self._waiting.append(partial(self._call, callback))
        self._start_waiting()

    def without_permits(self) -> CallbackLimit:
        """The same limit, for a forked child."""
        return CallbackLimit(self._limit)

    def _call(self, callback: Callable[[Permit], None]) -> None:
        permit = Permit(self)
        try:
            callback(permit)
        finally:
            permit.end()

    def acquire(self) -> None:
        """Wait for a permit, before callbacks that have not begun."""
        has_permit = threading.Event()
        self._waiting.appendleft(has_permit.set)
        self._start_waiting()
        wait_and_help(lambda seconds: has_permit.wait(None if seconds < 0 else seconds), None)

    def release(self) -> None:
        """Return a permit."""
        with self._lock:
            self._running -= 1
        self._start_waiting()

    def _start_waiting(self) -> None:
        while (start := self._take_waiting()) is not None:
            workers.run(start)

    def _take_waiting(self) -> Callable[[], None] | None:
        with self._lock:
            is_full = self._limit is not None and self._running >= self._limit
            if is_full or not self._waiting:
                return None
            self._running += 1
            return self._waiting.popleft()


class Permit:
    """The permit of a callback that runs."""

    def __init__(self, limit: CallbackLimit) -> None:
        self._limit = limit
        self._lock = threading.RLock()
        self._waits = 0
        self._is_mine = True

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Lend the permit during the block, in which a thread of the callback waits."""
        self.lend()
        try:
            yield
        finally:
            self._take_back()

    def lend(self) -> None:
        """Lend the permit, for good where no `_take_back` follows."""
        with self._lock:
            self._waits += 1
            was_mine, self._is_mine = self._is_mine, False
        if was_mine:
            self._limit.release()

    def _take_back(self) -> None:
        with self._lock:
            self._waits -= 1
            if self._waits:
                return
        self._limit.acquire()
        if not self._keep():
            self._limit.release()

    def _keep(self) -> bool:
        """Keep a permit just acquired; False if another thread waits now, or has the permit."""
        with self._lock:
            if self._waits or self._is_mine:
                return False
            self._is_mine = True
            return True

    def end(self) -> None:
        """The callback is over."""
        if self._is_mine:
            self._limit.release()
