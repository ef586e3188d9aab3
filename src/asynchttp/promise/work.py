"""Work: a LeanFuture that the core queues until a slot is free, and that can be cancelled."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from .. import _core
from .callback_scope import CallbackScope, Permit, current_scope
from .future import CANCELLED_AND_NOTIFIED, LeanFuture

T = TypeVar("T")


class Owner(Protocol):
    """The dispatcher of an Http, as work sees the dispatcher."""

    @property
    def account(self) -> _core.Account:
        """The account in the core."""

    def stop_cancelled(self, work: Work[Any]) -> None:  # Any: work with any value
        """Stop what the core does for `work`, which has just been cancelled."""

    def leave(self, work: Work[Any]) -> None:  # Any: as above
        """Give the slot of `work` back: the last user code of `work` has run."""


class Work(LeanFuture[T]):
    """A future with an owner, and with the scope of the user code that asked for the work."""

    __slots__ = ()

    owner: Owner
    scope: CallbackScope | None
    rank = 0
    """How many levels deeper than requests the core queues the work."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.scope = current_scope()
        super().__init__(owner.account, self.rank)

    def lend_slot(self) -> Permit | None:
        if self._is_done or (scope := current_scope()) is None or scope.work is self:
            return None
        scope.core.expect(self)
        return scope.permit

    def release(self) -> None:
        """Release all that only unfinished work needs."""
        self.scope = None  # otherwise each work would keep all enclosing work alive

    def cancel(self) -> bool:
        if self.try_settle(CANCELLED_AND_NOTIFIED, None, None):
            self.owner.stop_cancelled(self)
            self._wake()
            self.call_done_callbacks()
        return self.cancelled()
