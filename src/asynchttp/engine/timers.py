"""Timers: the loop's one heap of things to do later.

A cancelled timer stays in the heap until its time, unless half of the heap is such: then they are
swept out, so that requests that end long before their timeouts leave nothing behind.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable
from itertools import count

FEW = 64  # timers: not worth a sweep


class Timer:
    """Something to do at a time."""

    __slots__ = ("action",)

    def __init__(self, action: Callable[[], None]) -> None:
        self.action: Callable[[], None] | None = action


class Timers:
    """What is due when; times are those of `time.monotonic`.

    >>> timers = Timers()
    >>> timer = timers.after(0, lambda: print("now"))
    >>> timers.run_due()
    now
    """

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, Timer]] = []
        """What there is to do, the next first; empty if nothing."""
        self._order = count()
        self._cancelled = 0

    def after(self, seconds: float, action: Callable[[], None]) -> Timer:
        """Have `action` called once, `seconds` from now."""
        timer = Timer(action)
        heapq.heappush(self.heap, (time.monotonic() + seconds, next(self._order), timer))
        return timer

    def cancel(self, timer: Timer) -> None:
        """Forget it, if it has not run."""
        if timer.action is not None:
            timer.action = None
            self._cancelled += 1
            if self._cancelled > FEW and self._cancelled * 2 > len(self.heap):
                self._sweep()

    def _sweep(self) -> None:
        self.heap = [entry for entry in self.heap if entry[2].action is not None]
        heapq.heapify(self.heap)
        self._cancelled = 0

    def pause(self) -> float:
        """Seconds until the next is due; infinite when there is none."""
        return max(0.0, self.heap[0][0] - time.monotonic()) if self.heap else float("inf")

    def run_due(self) -> None:
        """Do what is due."""
        now = time.monotonic()
        while self.heap and self.heap[0][0] <= now:
            action = self._take()
            if action is not None:
                action()

    def _take(self) -> Callable[[], None] | None:
        timer = heapq.heappop(self.heap)[2]
        action, timer.action = timer.action, None
        if action is None:
            self._cancelled -= 1
        return action
