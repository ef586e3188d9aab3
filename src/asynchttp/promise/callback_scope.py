"""CallbackScope: user code, a callback say, that runs on a worker on behalf of some work.

Requests of the user code are children of the work, one level deeper; the user code lends its slot
to children, and to work that it waits for. The core keeps that account (core/slots.h); this module
knows which user code runs on the current thread.

User code runs in a copy of the context (`contextvars`) of the code that gave the function, as with
asyncio: `in_context`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import Any, ParamSpec, Protocol, TypeVar

from .. import _core

P = ParamSpec("P")
T = TypeVar("T")


class Permit(Protocol):
    """The permit of a callback to run at the same time as others (`max_callbacks`)."""

    def lent(self) -> AbstractContextManager[None]:
        """Lend the permit during the block, in which a thread of the callback waits."""

    def lend(self) -> None:
        """Lend the permit for the rest of the callback."""


class CallbackScope:
    """The block of the `with` is user code that a worker runs for `work`, which has a slot."""

    __slots__ = ("_previous", "core", "enclosing", "is_over", "permit", "work")

    # Any: work of any kind, which is above this layer.
    def __init__(self, work: Any, permit: Permit | None = None) -> None:
        self._previous = current_scope()
        self.work = work
        self.permit = permit
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


def in_context(function: Callable[P, T]) -> Callable[P, T]:
    """A function that calls `function`, once, in a copy of the present context."""
    return partial(_run_in_context, copy_context(), function)


FRAMES_IN_CONTEXT = 2
"""The frames of this module in a traceback of the function that `in_context` returns."""


# Any: the arguments of `function`, here and below.
def _run_in_context(context: Context, function: Callable[..., T], *args: Any) -> T:
    return context.run(_run_in_scope, current_scope(), function, *args)


def _run_in_scope(scope: CallbackScope | None, function: Callable[..., T], *args: Any) -> T:
    _scope.set(scope)  # the context is older than the scope
    return function(*args)
