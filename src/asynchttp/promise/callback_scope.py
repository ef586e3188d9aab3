"""CallbackScope: user code that runs on a worker on behalf of some work, a callback say.

What the code asks for is a child of the work, one level deeper; the code lends its slot to
children, and to work that it waits for. The rule is the core's (core/slots.h); here is only who
runs where.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from .. import _core


class CallbackScope:
    """User code being run by a worker, for `work`, which has a slot. The code is the block of a
    `with`.
    """

    __slots__ = ("_outer", "around", "core", "over", "work")

    # Any: work of any kind, which is above this layer.
    def __init__(self, work: Any) -> None:
        self._outer = current_scope()
        self.work = work
        self.around = running(work.scope)
        self.core = _core.Scope(work)
        self.over = False

    def __enter__(self) -> None:
        _scope.set(self)

    def __exit__(self, *_: object) -> None:
        _scope.set(self._outer)
        self.over = True
        self.core.close()
        self.around = running(self.around)


def running(scope: CallbackScope | None) -> CallbackScope | None:
    """The scope, or if it is over, the innermost around it that is not."""
    while scope is not None and scope.over:
        scope = scope.around
    return scope


# Of the context, not the thread: what `asyncio.to_thread` does for a callback is part of it.
_scope: ContextVar[CallbackScope | None] = ContextVar("scope", default=None)


def current_scope() -> CallbackScope | None:
    """The scope that is running here."""
    return _scope.get()
