"""Calls of functions, which run on a worker when a slot is free.

`Http.submit` returns a Submitted, `Promise.then` a Then: both are Futures of the function's value.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..messages.callsite import CallSite, Frames
from ..messages.response import Response
from ..promise.callback_scope import FRAMES_IN_CONTEXT, Permit, in_context
from ..promise.failure import Failure, annotate
from ..promise.future import FINISHED
from ..promise.lazy_pair import Content
from ..promise.promise import Promise
from ..promise.work import Owner, Work

T = TypeVar("T")


class Submitted(Work[T]):
    """A Future of `function()`. Errors get a note with `description` and `frames`."""

    __slots__ = ("description", "frames", "function")

    def __init__(
        self, owner: Owner, function: Callable[[], T], description: str, frames: Frames
    ) -> None:
        super().__init__(owner)
        self.function = in_context(function)
        self.description = description
        self.frames = frames

    def run(self) -> None:
        """Call the function and settle, unless the call was cancelled."""
        if not self.set_running_or_notify_cancel():
            return
        function = self.function
        del self.function
        try:
            try:
                value = function()
            finally:
                del function  # in the scope: finalizers may make requests and wait
        except BaseException as error:  # noqa: BLE001  # user code, as executors do
            self.settle(FINISHED, None, self.make_failure(error, 1 + FRAMES_IN_CONTEXT))
        else:
            self.set_result(value)

    def make_failure(self, error: BaseException, skipped_frames: int) -> Failure:
        """The failure of the call, with a note where the call was made."""
        annotate(error, self.description, CallSite(self.frames))
        return Failure(error, skipped_frames)

    def __str__(self) -> str:
        return self.description


class Then(Submitted[T]):
    """A Future of `function(response, content)`; if the promise fails, of the same failure."""

    __slots__ = ("promise",)

    rank = 1  # before requests that are queued: the promise is answered already

    def __init__(
        self, owner: Owner, promise: Promise, function: Callable[[Response, Content], T]
    ) -> None:
        super().__init__(
            owner,
            lambda: function(promise.response, promise.content),
            f"a function that follows {promise.request}",
            promise.request.frames,
        )
        self.promise = promise

    def make_failure(self, error: BaseException, skipped_frames: int) -> Failure:
        request = self.promise.request
        annotate(error, self.description, request.site, request=request)
        return Failure(error, skipped_frames + 1)  # the lambda, too

    def lend_slot(self) -> Permit | None:
        self.promise.lend_slot()
        return super().lend_slot()

    def run(self) -> None:
        if self.promise.cancelled():
            self.cancel()
        elif (error := self.promise.exception()) is None:
            super().run()
        elif self.set_running_or_notify_cancel():
            self.set_exception(error)
