"""Slots: which work goes on, which waits for its turn.

At most `limit` pieces of work have a slot, the deepest first, then in the order in which they
came.

A Turn is a piece of foreign code that runs on a worker on behalf of some work: a callback, say.
What it asks for is its child, one deeper than itself. When it is over, what is left of its children
goes to the turn around it, which may come to wait for them, or else they queue as anybody's do.

A turn lends its slot:

- while it has children here: to any work, which is theirs first, since the deepest go first;
- while it has children in another Http: to deeper work, which they may come to wait for;
- while it waits for what it has not asked for: to deeper work, and to what is deeper than that.

So nobody who waits keeps a slot from what he waits for, however deep, across several Https, and
with a limit of 1 too. And of n turns that wait for a child each no more than `limit` wait at once
on each depth, which bounds the threads.

Rule: bookkeeping only. Whoever calls starts what `take` gives, outside the lock.
"""

from __future__ import annotations

import threading
from collections import deque
from contextvars import ContextVar
from typing import Any, Generic, Protocol, TypeVar

UNKNOWN, QUEUED, WORKING, CALLED, GONE = range(5)


class Slotted(Protocol):
    """What a slot is needed for: a piece of work."""

    turn: Turn | None
    """The turn that it is a child of; to begin with, the one that asked for it."""
    rank: int
    """How much deeper it is than it would be: more than 0 if it is to go before other work."""
    depth: int
    """`rank`, or that much deeper than a child of that turn and of those that wait for it."""
    stage: int
    """How far it is; CALLED when its first turn has begun."""

    @property
    def owner(self) -> Any:  # Any: Slots have no use for it
        """Whose slots these are."""


W = TypeVar("W", bound=Slotted)


class Turn:
    """A piece of foreign code being run by a worker, for `work`, which has a slot at `home`.

    That code is the block of a `with`.
    """

    __slots__ = ("_outer", "around", "borrowers", "depth", "home", "over", "work")

    def __init__(self, work: Slotted, home: Slots[Any]) -> None:  # Any: all kinds of work
        self._outer = current_turn()
        self.work = work
        self.home = home
        self.around = None if work.turn is None else running(work.turn)
        self.depth = work.depth
        self.over = False
        # The Slots where it has children, and the work that it waits for, each with the depth above
        # which it lends. Locked by nobody: each change and copy is one step.
        self.borrowers: dict[object, int] = {}

    def __enter__(self) -> None:
        _turn.set(self)

    def __exit__(self, *_: object) -> None:
        self.end()

    def lends_to(self, depth: int) -> bool:
        """Whether work at `depth` may have its slot."""
        return any(above < depth for above in list(self.borrowers.values()))

    def end(self) -> None:
        """It is over, and has nothing to lend any more; may be said twice."""
        _turn.set(self._outer)
        self.over = True
        for borrower in list(self.borrowers):
            if isinstance(borrower, Slots):
                borrower.orphan(self)
        self.home.lenders.discard(self)
        if self.around is not None:
            self.around = running(self.around)


def running(turn: Turn | None) -> Turn | None:
    """The turn, or if it is over, the innermost around it that is not."""
    while turn is not None and turn.over:
        turn = turn.around
    return turn


# Of the context, not the thread: what `asyncio.to_thread` does for a callback is part of it.
_turn: ContextVar[Turn | None] = ContextVar("turn", default=None)


def current_turn() -> Turn | None:
    """The turn that is running here."""
    return _turn.get()


class Slots(Generic[W]):
    """The slots of one Http."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.lenders: set[Turn] = set()
        """The turns of work here that may have something to lend."""
        self.lock = threading.RLock()
        """Nothing changes here while somebody else has it."""
        self._emptied = threading.Condition(self.lock)
        self._times_emptied = 0
        self._queues: list[deque[W]] = [deque()]  # by depth
        self._queued = 0
        self._working: set[W] = set()
        self._children: dict[Turn, dict[W, None]] = {}  # in their order
        self._awaited: dict[W, list[Turn]] = {}  # who waits for it without having asked for it

    def turn_of(self, work: W) -> Turn:
        """To run foreign code in, for `work`."""
        work.stage = CALLED
        return Turn(work, self)

    # Into the queue, out of it, and out.

    def enter(self, work: W) -> None:
        """Queue it."""
        with self.lock:
            if work.turn is not None:
                self._give_to(work.turn, work)
            work.stage = QUEUED
            self._queued += 1
            self._queue_at(work.depth).append(work)

    @property
    def has_queued(self) -> bool:
        """Whether anything waits for a slot."""
        return self._queued > 0

    def take(self) -> W | None:
        """Give the next piece of work a slot; None when none is free or nothing waits."""
        # Asked first without the lock: whoever changes that asks again.
        if not self._queued or (len(self._working) >= self.limit and not self.lenders):
            return None
        with self.lock:
            depth = self._deepest()
            if len(self._working) >= self.limit <= self._kept_from(depth):
                return None
            if not (queue := self._queues[depth]):
                return None  # a signal handler or a finalizer was quicker
            work = queue.popleft()
            work.stage = WORKING
            self._queued -= 1
            self._working.add(work)  # last: Ctrl-C can come after any call
            return work

    def leave(self, work: W) -> None:
        """It is over: its slot is free."""
        with self.lock:
            if work in self._working:
                self._working.discard(work)
                self._forget(work)

    def withdraw(self, work: W) -> bool:
        """Take it out of the queue; False if it is not there any more."""
        with self.lock:
            if work.stage not in (UNKNOWN, QUEUED):
                return False
            was_queued = work.stage == QUEUED
            self._queued -= was_queued
            self._forget(work)
            self._sweep(work.depth)
            return was_queued

    def _forget(self, work: W) -> None:
        work.stage = GONE
        turn, work.turn = work.turn, None  # else each would keep all before it alive
        if turn is not None:
            self._take_away(turn, work)
        for waiting in self._awaited.pop(work, ()):
            waiting.borrowers.pop(work, None)
        if not self._queued and not self._working:
            self._times_emptied += 1
            self._emptied.notify_all()

    # The queues. What was withdrawn or moved stays in its old one until it would be next.

    def _queue_at(self, depth: int) -> deque[W]:
        while len(self._queues) <= depth:
            self._queues.append(deque())
        return self._queues[depth]

    def _deepest(self) -> int:
        """The depth of what goes next."""
        depth = len(self._queues) - 1
        while not self._next_at(depth) and depth:
            depth -= 1
        return depth

    def _next_at(self, depth: int) -> bool:
        queue = self._queues[depth]
        while queue:
            if (work := queue[0]).stage == QUEUED and work.depth == depth:
                return True
            queue.popleft()
        return False

    def _sweep(self, depth: int) -> None:
        queue = self._queue_at(depth)
        if not self._queued or len(queue) > 2 * self._queued + 100:
            waiting = [work for work in queue if _waits_at(depth, work)]
            queue.clear()
            queue.extend(waiting)

    def _kept_from(self, depth: int) -> int:
        """How many slots are not to be had for work at `depth`."""
        lent = [turn for turn in self.lenders.copy() if turn.lends_to(depth)]
        return len(self._working) - len(lent)

    # Turns.

    def _give_to(self, turn: Turn | None, work: W) -> None:
        """Make it a child of `turn`, or of the innermost around that is not over."""
        while turn is not None:
            # Before the question, for the same reason as in `expect`.
            turn.borrowers[self] = -1 if turn.home is self else turn.depth
            if not turn.over:
                turn.home.lenders.add(turn)
                self._children.setdefault(turn, {})[work] = None
                break
            turn = turn.around
        work.turn = turn
        work.depth = self._depth_of(work)

    def _depth_of(self, work: W) -> int:
        """One deeper than whoever waits for it, or may come to."""
        waiting = [*self._awaited.get(work, ()), work.turn]
        depths = (turn.depth + 1 for turn in waiting if turn is not None)
        return work.rank + max(depths, default=0)

    def _take_away(self, turn: Turn, work: W) -> None:
        children = self._children.get(turn, {})
        children.pop(work, None)
        if not children:
            self._children.pop(turn, None)
            turn.borrowers.pop(self, None)

    def orphan(self, turn: Turn) -> None:
        """The turn is over: whose its children are now."""
        with self.lock:
            for work in self._children.pop(turn, ()):
                self._give_to(turn.around, work)
                self._move(work)

    def expect(self, work: W, turn: Turn) -> None:
        """The turn waits for work that is not its child."""
        with self.lock:
            if work.stage == GONE:
                return
            self._awaited.setdefault(work, []).append(turn)
            if work.stage != CALLED:
                work.depth = self._depth_of(work)
                self._move(work)
            turn.borrowers[work] = min(turn.depth, work.depth)
            turn.home.lenders.add(turn)
            if turn.over:  # asked last: its end sees this, or this sees its end
                turn.home.lenders.discard(turn)

    def _move(self, work: W) -> None:
        """To the queue of its depth, which has changed."""
        if work.stage == QUEUED:
            self._queue_at(work.depth).append(work)

    # All of it.

    def pending(self) -> list[W]:
        """All that is queued or being worked on, the queued first."""
        with self.lock:
            # Copies: a finalizer may come back here and add to them.
            queues = enumerate([queue.copy() for queue in self._queues])
            queued = [work for at, queue in queues for work in queue if _waits_at(at, work)]
            return list(dict.fromkeys(queued)) + list(self._working)

    def is_empty(self) -> bool:
        """Whether nothing is queued or worked on."""
        with self.lock:
            return not self._queued and not self._working

    def wait_until_empty(self, timeout: float) -> bool:
        """Wait for that, at most `timeout` seconds."""
        with self.lock:
            before = self._times_emptied  # it may be empty for a moment only

            def is_or_was_empty() -> bool:
                return self.is_empty() or self._times_emptied > before

            return self._emptied.wait_for(is_or_was_empty, timeout)


def _waits_at(depth: int, work: Slotted) -> bool:
    return work.stage == QUEUED and work.depth == depth
