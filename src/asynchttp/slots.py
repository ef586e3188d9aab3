"""Slots: which work goes on, which waits for its turn.

At most `limit` pieces of work have a slot, the deepest first, then in the order in which they
came.

A Turn is a piece of foreign code that runs on a worker on behalf of some work: a callback, say.
Work that it asks for is its child, one deeper than itself, and while a turn has children it lends
them its slot. So there is always a slot for the children of turns that wait for them, however deep
and with a limit of 1 too; and since the deepest go first, of n turns that wait for a child each no
more than `limit` wait at once on each depth, which bounds the threads.

Rule: bookkeeping only. Whoever calls starts what `take` gives, outside the lock.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, Protocol, TypeVar

UNKNOWN, QUEUED, WORKING, GONE = range(4)


class Slotted(Protocol):
    """What a slot is needed for: a piece of work."""

    turn: Turn | None
    """The turn that asked for it, if any."""
    stage: int
    """Slots' own: how far it is."""

    @property
    def owner(self) -> object:
        """Whose slots these are."""

    @property
    def depth(self) -> int:
        """0, or one more than the turn that asked for it."""


W = TypeVar("W", bound=Slotted)


class Turn:
    """A piece of foreign code being run by a worker, for `work`."""

    __slots__ = ("borrowers", "depth", "work")

    def __init__(self, work: Slotted) -> None:
        self.work = work
        self.depth: int = work.depth
        self.borrowers: set[Slots[Any]] = set()  # Any: all kinds of work can borrow


_here = threading.local()


def current_turn() -> Turn | None:
    """The turn that this thread is running."""
    return getattr(_here, "turn", None)


@contextmanager
def taking_turn(work: Slotted) -> Iterator[None]:
    """Run foreign code as a turn of `work`; at the end it has nothing to lend any more."""
    outer, turn = current_turn(), Turn(work)
    _here.turn = turn
    try:
        yield
    finally:
        _here.turn = outer
        for slots in turn.borrowers:
            slots.stop_lending(turn)


class Slots(Generic[W]):
    """The slots of one Http."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._lock = threading.RLock()
        self._emptied = threading.Condition(self._lock)
        self._queues: list[deque[W]] = [deque()]  # by depth
        self._queued = 0
        self._working: set[W] = set()
        self._lending: dict[Turn, int] = {}  # how many children each has here

    def hold(self) -> None:
        """Let nothing change here until `release`."""
        self._lock.acquire()

    def release(self) -> None:
        """Let others in again."""
        self._lock.release()

    def enter(self, work: W) -> None:
        """Queue it."""
        with self._lock:
            if work.turn is not None:
                self._lending[work.turn] = self._lending.get(work.turn, 0) + 1
                work.turn.borrowers.add(self)
            self._queue_at(work.depth).append(work)
            work.stage = QUEUED
            self._queued += 1

    def _queue_at(self, depth: int) -> deque[W]:
        while len(self._queues) <= depth:
            self._queues.append(deque())
        return self._queues[depth]

    def take(self) -> W | None:
        """Give the next piece of work a slot; None when none is free or nothing waits."""
        with self._lock:
            if not self._queued or len(self._working) - len(self._lending) >= self.limit:
                return None
            work = self._next()
            work.stage = WORKING
            self._queued -= 1
            self._working.add(work)
            return work

    def _next(self) -> W:
        for queue in reversed(self._queues):
            while queue:
                work = queue.popleft()
                if work.stage == QUEUED:  # not withdrawn
                    return work
        raise AssertionError("something is queued")

    def leave(self, work: W) -> None:
        """It is over: its slot is free."""
        with self._lock:
            if work in self._working:
                self._working.discard(work)
                self._forget(work)

    def withdraw(self, work: W) -> bool:
        """Take it out of the queue; False if it is not there any more."""
        with self._lock:
            if work.stage != QUEUED:
                return False
            self._queued -= 1
            self._forget(work)
            self._sweep(self._queues[work.depth])
            return True

    def _sweep(self, queue: deque[W]) -> None:
        """Withdrawn work stays in its queue, until it is most of it."""
        if len(queue) > 2 * self._queued + 100:
            waiting = [work for work in queue if work.stage == QUEUED]
            queue.clear()
            queue.extend(waiting)

    def _forget(self, work: W) -> None:
        work.stage = GONE
        turn = work.turn
        if turn is not None and turn in self._lending:
            self._lending[turn] -= 1
            if not self._lending[turn]:
                del self._lending[turn]
        if not self._queued and not self._working:
            self._emptied.notify_all()

    def stop_lending(self, turn: Turn) -> None:
        """The turn is over; its children go on with the slots that there are."""
        with self._lock:
            self._lending.pop(turn, None)

    def pending(self) -> list[W]:
        """All that is queued or being worked on, the queued first."""
        with self._lock:
            queued = [work for queue in self._queues for work in queue if work.stage == QUEUED]
            return queued + list(self._working)

    def wait_until_empty(self, timeout: float | None = None) -> bool:
        """Wait until nothing is queued or worked on, at most `timeout` seconds."""
        with self._lock:
            return self._emptied.wait_for(lambda: not self._queued and not self._working, timeout)
