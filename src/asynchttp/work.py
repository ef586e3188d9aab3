"""Work: a LeanFuture that somebody works on when there is a slot, and that can be taken back."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from .future import CANCELLED_AND_NOTIFIED, LeanFuture
from .slots import UNKNOWN, Turn, current_turn

T = TypeVar("T")


class Owner(Protocol):
    """Who works on it."""

    def withdraw(self, work: Work[Any]) -> None:  # Any: whatever its value is
        """It has been cancelled."""


class Work(LeanFuture[T]):
    """A future with an owner; see slots.py for what the rest means."""

    __slots__ = ("owner", "stage", "turn")

    owner: Owner

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner
        self.stage = UNKNOWN
        self.turn: Turn | None = current_turn()

    @property
    def depth(self) -> int:
        """How many callbacks within callbacks it was asked for in."""
        return 0 if self.turn is None else self.turn.depth + 1

    def finish(self) -> None:
        """It is over: give back what only the work needed."""

    def cancel(self) -> bool:
        if self.conclude(CANCELLED_AND_NOTIFIED, None, None):
            self.owner.withdraw(self)
            self.wake()
            self.call_done_callbacks()
        return self.cancelled()
