"""Work: a LeanFuture that somebody works on when there is a slot, and that can be taken back."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from .future import CANCELLED_AND_NOTIFIED, DONE, LeanFuture
from .slots import UNKNOWN, Turn, current_turn

T = TypeVar("T")


class Owner(Protocol):
    """Who works on it."""

    def withdraw(self, work: Work[Any]) -> None:  # Any: whatever its value is
        """It has been cancelled."""

    def expect(self, work: Work[Any], turn: Turn) -> None:  # Any: as above
        """The turn is about to wait for it."""

    def pump(self) -> None:
        """A slot may have become free."""


class Work(LeanFuture[T]):
    """A future with an owner; see slots.py for what the rest means."""

    __slots__ = ("depth", "owner", "stage", "turn")

    owner: Owner
    rank = 0

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner
        self.stage = UNKNOWN
        self.turn: Turn | None = current_turn()
        self.depth = self.rank

    def expect(self) -> None:
        if self._state not in DONE and (turn := current_turn()) is not None:
            self.owner.expect(self, turn)

    def finish(self) -> None:
        """It is over: give back what only the work needed."""

    def cancel(self) -> bool:
        if self.conclude(CANCELLED_AND_NOTIFIED, None, None):
            self.owner.withdraw(self)
            self.wake()
            self.call_done_callbacks()
        return self.cancelled()
