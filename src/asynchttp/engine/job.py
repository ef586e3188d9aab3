"""Job: a Transfer on its way through the loop."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Generic, TypeVar

from ..model import Transfer
from .easy import Easy
from .timers import Timer

if TYPE_CHECKING:
    from .shard import Shard

Token = TypeVar("Token", bound=Hashable)


class Job(Generic[Token]):
    """A transfer that has been asked for, and how far it is."""

    __slots__ = (
        "admitted",
        "easy",
        "is_pioneer",
        "last_moved",
        "progress",
        "shard",
        "timer",
        "token",
        "transfer",
    )

    def __init__(self, token: Token, transfer: Transfer) -> None:
        self.token = token
        self.transfer = transfer
        self.admitted = False  # has waited for a pioneer
        self.is_pioneer = False  # others may be waiting for it
        self.easy: Easy | None = None
        self.shard: Shard[Token] | None = None  # while it is on the wire
        # When there is a timeout:
        self.timer: Timer | None = None
        self.last_moved = 0.0
        self.progress: tuple[float, ...] = ()
