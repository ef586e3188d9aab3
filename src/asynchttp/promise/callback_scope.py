"""CallbackScope: user code, a callback say, that runs on a worker on behalf of some work.

Requests of the user code are children of the work, one level deeper; the user code lends its slot
to children, and to work that it waits for. The core keeps that account (core/slots.h); this module
knows which user code runs on the current thread.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from .. import _core


class CallbackScope:
    """The block of the `with` is user code that a worker runs for `work`, which has a slot."""

    __slots__ = ("_previous", "core", "enclosing", "is_over", "work")

    # Any: work of any kind, which is above this layer.
    def __init__(self, work: Any) -> None:
        self._previous = current_scope()
        self.work = work
        self.enclosing = innermost_running(work.scope)
        self.core = _core.Scope(work)
        self.is_over = False

    def __enter__(self) -> None:
        _scope.set(self)

    def __exit__(self, *_: object) -> None:
        _scope.set(self._previous)
        self.is_over = True
        self.core.close()
        self.enclosing = innermost_running(self.enclosing)


def innermost_running(scope: CallbackScope | None) -> CallbackScope | None:
    """`scope`, or if `scope` is over, the innermost enclosing scope that still runs."""
    while scope is not None and scope.is_over:
        scope = scope.enclosing
    return scope


# Of the context, not the thread: a function that a callback gives `asyncio.to_thread` is in scope.
_scope: ContextVar[CallbackScope | None] = ContextVar("scope", default=None)


def current_scope() -> CallbackScope | None:
    """The scope of the code that is running, or None outside user code of a worker."""
    return _scope.get()
