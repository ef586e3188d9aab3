"""Work: a LeanFuture that the core works on when there is a slot, and that can be taken back."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from .. import _core
from .callback_scope import CallbackScope, current_scope
from .future import CANCELLED_AND_NOTIFIED, LeanFuture

T = TypeVar("T")


class Owner(Protocol):
    """Who works on it."""

    @property
    def account(self) -> _core.Account:
        """Its account with the core."""

    def withdraw(self, work: Work[Any]) -> None:  # Any: whatever its value is
        """It has been cancelled."""


class Work(LeanFuture[T]):
    """A future with an owner, and with the scope of the user code that asked for it."""

    __slots__ = ()

    owner: Owner
    scope: CallbackScope | None
    rank = 0
    """How many levels deeper than others it is queued."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.scope = current_scope()
        super().__init__(owner.account, self.rank)

    def expect(self) -> None:
        if not self._is_done and (scope := current_scope()) is not None and scope.work is not self:
            scope.core.expect(self)

    def finish(self) -> None:
        """It is over: give back what only the work needed."""
        self.scope = None  # else each would keep all before it alive

    def cancel(self) -> bool:
        if self.try_settle(CANCELLED_AND_NOTIFIED, None, None):
            self.owner.withdraw(self)
            self._wake()
            self.call_done_callbacks()
        return self.cancelled()
