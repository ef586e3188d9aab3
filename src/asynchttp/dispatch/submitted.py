"""Calls: functions that run on a worker when there is a slot, and whose values are futures.

`Submitted` is what `Http.submit` gives, `Then` what `Promise.then` gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..messages.callsite import CallSite, Frames
from ..messages.response import Response
from ..promise.failure import Failure, annotate
from ..promise.future import FINISHED
from ..promise.lazy_pair import Content
from ..promise.promise import Promise
from ..promise.work import Owner, Work

T = TypeVar("T")


class Submitted(Work[T]):
    """The value of `function()`; `what` and `frames` say in an error which call it was."""

    __slots__ = ("frames", "function", "what")

    def __init__(self, owner: Owner, function: Callable[[], T], what: str, frames: Frames) -> None:
        super().__init__(owner)
        self.function = function
        self.what = what
        self.frames = frames

    def run(self) -> None:
        """Call the function, unless it was cancelled."""
        if not self.set_running_or_notify_cancel():
            return
        function = self.function
        del self.function
        try:
            try:
                value = function()
            finally:
                del function  # in its turn: what goes with it may make requests and wait
        except BaseException as error:  # noqa: BLE001  # user code, as executors do
            self.settle(FINISHED, None, self.failure(error, 1))
        else:
            self.set_result(value)

    def failure(self, error: BaseException, beneath: int) -> Failure:
        """`error`, which says where the call was made."""
        annotate(error, self.what, CallSite(self.frames))
        return Failure(error, beneath)

    def __str__(self) -> str:
        return self.what


class Then(Submitted[T]):
    """The value of `function(response, content)`, or the failure of the promise that it follows."""

    __slots__ = ("promise",)

    rank = 1  # what has been answered comes before what has not been asked

    def __init__(
        self, owner: Owner, promise: Promise, function: Callable[[Response, Content], T]
    ) -> None:
        what = f"a function that follows {promise.request}"
        super().__init__(
            owner,
            lambda: function(promise.response, promise.content),
            what,
            promise.request.frames,
        )
        self.promise = promise

    def failure(self, error: BaseException, beneath: int) -> Failure:
        request = self.promise.request
        annotate(error, self.what, request.site, request=request)
        return Failure(error, beneath + 1)

    def lend_slot(self) -> None:
        super().lend_slot()
        self.promise.lend_slot()

    def run(self) -> None:
        if self.promise.cancelled():
            self.cancel()
        elif (error := self.promise.exception()) is None:
            super().run()
        elif self.set_running_or_notify_cancel():
            self.set_exception(error)
