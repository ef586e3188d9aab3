"""Promise: the pending result that `Http.request` returns.

A `concurrent.futures.Future` of `(response, content)` that unpacks as this pair and can be awaited;
`cancel` aborts the transfer.

Rules:
- `response` and `content` return at once; the first look at either blocks (lazy_pair.py).
- While the callback runs, all other code waits. The callback gets a CallbackPromise, which is
  settled and shares the request and all attributes with the promise. User code in the scope of the
  callback may look at either.
- All attributes of a promise are changed under `state_lock`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import InvalidStateError
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from .. import _core
from ..messages.request import Request
from ..messages.response import Answer, Response
from ..messages.settings import Settings
from ..policy.redirects import default_location
from . import work
from .callback_scope import Permit, current_scope
from .failure import Failure
from .future import FINISHED, LeanFuture, state_lock
from .lazy_pair import Content, PendingResponse, resolve_in_place, share_attributes
from .request_work import RequestWork

T = TypeVar("T")
Callback = Callable[["Promise"], object]

if TYPE_CHECKING:

    class _Pair(tuple[Response, Content]):
        """For type checkers only: unpacking gives a Response and a Content."""
else:
    # A real tuple would need both objects at once, and would hash their values.
    _Pair = object


class Owner(work.Owner, Protocol):
    """The dispatcher of an Http, as a promise sees the dispatcher."""

    def submit_then(
        self, promise: Promise, function: Callable[[Response, Content], T]
    ) -> LeanFuture[T]:
        """Call `function(response, content)` on a worker when `promise` is settled."""

    def run_callback(self, callback: Callable[[Permit], None]) -> None:
        """Have a worker call `callback` when `max_callbacks` permits."""


class Promise(RequestWork, _Pair):
    """The response and content of a request, perhaps not answered yet.

    >>> promise = Http().request(url)
    >>> response, content = promise
    >>> response.status, promise.done()
    (200, True)
    """

    __slots__ = ()  # the attributes are members of _core.Work, None until they are set

    owner: Owner
    callback: Callback | None
    _view: Promise | None  # the CallbackPromise, while the callback runs
    _response: Response | None
    _content: Content | None

    # The pair.

    @property
    def response(self) -> Response:
        """The response. Every look blocks until the request is done, and raises the failure."""
        with state_lock:
            if self._response is None:
                answer = self._answer_if_done()
                self._response = (
                    self._make_pending_response() if answer is None else answer.response
                )
            return self._response

    @property
    def content(self) -> Content:
        """The content. Every look blocks until the request is done, and raises the failure."""
        with state_lock:
            if self._content is None:
                answer = self._answer_if_done()
                self._content = Content.pending(self) if answer is None else Content.of(answer)
            return self._content

    def _pair(self) -> tuple[Response, Content]:
        return self.response, self.content

    def _answer_if_done(self) -> Answer | None:
        has_answer = self._state == FINISHED and self._failure is None
        return self._load_answer() if has_answer else None

    def _make_pending_response(self) -> Response:
        pending = PendingResponse(self)
        if self._view is not None and self._view._failure is None:
            share_attributes(pending, self._view.response)
        return pending

    if not TYPE_CHECKING:  # for a type checker, a promise is a tuple

        def __iter__(self) -> Iterator[Response | Content]:
            return iter(self._pair())

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int | slice) -> object:
            return self._pair()[index]

    # Looking.

    def wait(self, timeout: float | None = None) -> bool:
        return LeanFuture.wait(self._for_this_code(), timeout)

    def result(self, timeout: float | None = None) -> tuple[Response, bytes]:
        """Wait at most `timeout` seconds, then return the response and the content as plain bytes.

        Raises the failure, `ResultTimeoutError`, or `concurrent.futures.CancelledError`.
        """
        return LeanFuture.result(self._for_this_code(), timeout)

    def take_result(self) -> tuple[Response, bytes]:
        """`result` of a promise that is done, and that no other code has."""
        answer = self._get_answer()
        with state_lock:  # an Answer has no lock
            return answer.response, answer.content

    def exception(self, timeout: float | None = None) -> BaseException | None:
        return LeanFuture.exception(self._for_this_code(), timeout)

    def with_plain_content(self) -> Promise:
        """This promise, which is done, with a content that is real bytes: for httplib2's code."""
        self._content = self._get_answer().content  # type: ignore[assignment]  # on purpose
        return self

    def _get_value(self) -> tuple[Response, bytes]:
        answer = self._get_answer()
        return self.wait_for_response(), answer.content

    def _get_answer(self) -> Answer:
        """Return the answer of a promise that is done, or raise the failure."""
        if self._state != FINISHED or self._failure is not None:
            self._raise_failure()
        return self._load_answer()

    def _load_answer(self) -> Answer:
        if self._result is None:
            with state_lock:
                answer = self._read_answer()
                if self._result is None:
                    self._result = answer
            self._forget_answer()
        result: Answer | None = self._result
        if result is None:
            raise InvalidStateError(f"{self!r} was settled from outside, with no answer")
        return result

    def _read_answer(self) -> Answer | None:
        """Read the answer of a request that ended in the core, or return None if read already."""
        response = Response.__new__(Response)
        if (read := self._read(response)) is None:
            return None
        status_line, content, is_decoded = read
        response.complete(status_line, content, is_decoded)
        step_uri = self._step_uri or self._uri
        uri = default_location(step_uri, self._method, response.status, self._settings)
        if uri is not None:
            response.setdefault("content-location", uri)
        return Answer.of(response, content)

    def _for_this_code(self) -> Promise:
        """The CallbackPromise for user code in the scope of the callback, otherwise `self`."""
        view = self._view
        scope = None if view is None else current_scope()
        return self if view is None or scope is None or scope.work is not self else view

    # For the lazy pair: lazy_pair.Source.

    def wait_for_response(self) -> Response:
        promise = self._for_this_code()
        LeanFuture.wait(promise)
        with state_lock:
            ready = promise._get_answer().response
            if promise is not self:
                return ready
            if type(self._response) is PendingResponse:
                resolve_in_place(self._response, ready)
            elif self._response is None:
                self._response = ready
            return self._response

    def wait_for_answer(self) -> Answer:
        promise = self._for_this_code()
        LeanFuture.wait(promise)
        return promise._get_answer()

    def is_final(self) -> bool:
        return self._is_done

    def running(self) -> bool:
        """True while the request has a slot, the callback included."""
        return not self._is_done and self._has_slot

    # Cancelling and following.

    def cancel(self) -> bool:
        """Take the request out of the queue, or abort the transfer; False when the request is done
        or the callback runs. After cancelling, every look raises
        `concurrent.futures.CancelledError`.
        """
        cancelled = super().cancel()
        if cancelled:
            self.callback = None  # dropped now, so that its finalizers run on this thread
        return cancelled

    def then(self, function: Callable[[Response, Content], T]) -> LeanFuture[T]:
        """Call `function(response, content)` on a worker when the request is done.

        Returns a Future of the value of `function`. If the request fails, `function` is not called,
        and the Future has the failure.

        >>> Http().request(url).then(lambda response, content: len(content)).result()
        5
        """
        return self.owner.submit_then(self, function)

    def begin_callback(
        self, answer: Answer | None, failure: Failure | None
    ) -> CallbackPromise | None:
        """Make the promise for the callback, or return None if the request was cancelled. From now
        on `cancel` has no effect.
        """
        view = CallbackPromise(self, answer, failure)
        with state_lock:
            if not self._run():
                return None
            if type(self._response) is PendingResponse and failure is None:
                share_attributes(self._response, view.response)
            self._view = view
            return view

    def callback_answer(self) -> Answer | None:
        """The answer, if the callback has looked at the answer."""
        answer: Answer | None = None if self._view is None else self._view._result
        return answer

    def end_callback(self) -> None:
        """Release the promise of the callback, once this promise is settled."""
        self._view = None
        if self._result is not None:
            self._forget_answer()

    def __repr__(self) -> str:
        return f"<Promise #{self.number} {self.request} {self._describe_state()}>"

    def _describe_state(self) -> str:
        if self._failure is not None:
            return f"failed: {self._failure.exception!r}"
        return "running" if self.running() else super()._describe_state()


Sequence.register(Promise)  # for `match`

new_promise: Callable[[Owner, _core.Account, Settings, str, str, int], Promise] = partial(
    _core.ask, Promise
)
"""Make a promise from owner, account, settings, method, URI and the limit of redirects."""


class CallbackPromise(Promise):
    """The promise that a callback gets: settled, otherwise the same as the original promise."""

    __slots__ = ("_original",)

    def __init__(self, original: Promise, answer: Answer | None, failure: Failure | None) -> None:
        LeanFuture.__init__(self)
        self._original = original
        self.number, self.owner = original.number, original.owner
        self.is_logged = original.is_logged
        self.__dict__ = original.__dict__
        self._result, self._failure = answer, failure
        self._finish()

    @property
    def request(self) -> Request:
        return self._original.request

    def _read_answer(self) -> Answer | None:
        return self._original._answer_if_done() or self._original._read_answer()

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._original

    def __hash__(self) -> int:
        return hash(self._original)
