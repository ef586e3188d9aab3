"""Promise: what `Http.request` returns at once.

A `concurrent.futures.Future` of `(response, content)` that unpacks as that pair, can be awaited,
and aborts its transfer when it is cancelled.

Rules:
- `response` and `content` are there at once, and block when they are looked at (lazy.py).
- While the callback runs, everybody waits but the callback: it is given a promise of its own,
  settled already, that shares the request and all attributes with this one. In the callback's own
  thread this one answers too.
- Whatever fills or replaces anything here does so under `state_lock`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import InvalidStateError
from functools import partial
from typing import TYPE_CHECKING, Protocol, TypeVar

from .. import _core
from ..engine.outcome import outcome_of
from ..engine.plans import needs_no_flags, prepare
from ..engine.upload import Upload
from ..messages.body import Body
from ..messages.callsite import Frames
from ..messages.request import Headers, Request
from ..messages.response import Answer, Response
from ..messages.settings import Settings
from ..messages.transfer import Reply, Transfer
from ..messages.uri import origin_of
from ..policy.exchange import Exchange, exchange, first_transfer, policy_statuses, raise_error
from ..policy.redirects import default_location
from . import work
from .callback_scope import current_scope
from .failure import Failure
from .future import FINISHED, LeanFuture, state_lock
from .lazy_pair import Content, PendingResponse, resolve_in_place, share_attributes
from .work import Work

T = TypeVar("T")
Callback = Callable[["Promise"], object]

ORIGINS = 1024  # how many plans of one kind are kept

if TYPE_CHECKING:

    class _Pair(tuple[Response, Content]):
        """What a type checker sees, so that unpacking gives each its type."""
else:
    # A real tuple would need both objects at once, and could not be hashed by identity.
    _Pair = object


class Owner(work.Owner, Protocol):
    """What a promise needs of whoever works on it."""

    def follow(self, promise: Promise, function: Callable[[Response, Content], T]) -> LeanFuture[T]:
        """Run `function` when the promise is settled."""


class Promise(Work[tuple[Response, bytes]], _Pair):
    """The response and content of a request that may still be on its way.

    >>> promise = Http().request(url)
    >>> response, content = promise
    >>> response.status, promise.done()
    (200, True)
    """

    __slots__ = ()  # the attributes are members of _core.Work, None until they are set

    owner: Owner
    number: int
    callback: Callback | None
    told: bool
    """Whether the log tells its story."""
    exchange: Exchange | None
    """What it means, from when it is begun until it is over."""
    transfer: Transfer | None
    """The transfer on the wire, or the last; None for a first one by a known plan."""
    upload: Upload | None
    _settings: Settings
    _error: Exception | None  # why it cannot even be sent
    _step_uri: str | None  # the URI of the first step, where the core was not given `_uri` itself
    _view: Promise | None
    _response: Response | None
    _content: Content | None
    # The request, as it was made.
    _request: Request | None
    _method: str
    _uri: str
    _headers: Headers | None
    _body: Body | None
    _redirections: int
    _made: float
    _frames: Frames

    @property
    def request(self) -> Request:
        """What was asked for: method, uri, headers; when and where it was made."""
        with state_lock:
            if self._request is None:
                self._request = Request(
                    self._method,
                    self._uri,
                    self._headers,
                    self._body,
                    self._redirections,
                    self._made,
                    self._frames,
                )
            return self._request

    def prepare(self) -> None:
        """Give the core its first transfer, if that follows from the request alone."""
        settings = self._settings
        if self._error is not None or not settings.is_plain:
            return
        plans = settings.plans_for(self._kind()) if needs_no_flags() else None
        body = self._body
        if plans is None or not self._start(plans, None if body is None else body.content):
            self._prepare_anew(plans)

    def _kind(self) -> Hashable:
        """With the origin, what decides the plan of the first transfer; None: that needs a look."""
        method, headers, body = self._method, self._headers, self._body
        if type(method) is not str:  # the exchange refuses it
            return None
        if headers is None and body is None:
            return method
        if body is not None and (body.chunked or not body.in_memory or method == "HEAD"):
            return None  # the transfer is not to have the body as it is (RFC 9110, 9.3.2)
        items = () if headers is None else tuple(headers.items())
        is_text = all(type(part) is str for item in items for part in item)
        return (method, body is not None, items) if is_text else None

    def _prepare_anew(self, plans: dict[str, _core.Plan] | None) -> None:
        try:
            if (first := first_transfer(self.request, self._settings)) is not None:
                transfer, self._step_uri = first
                plan = self._give(transfer)
                if plans is not None and (origin := origin_of(self._uri)):
                    if len(plans) >= ORIGINS:
                        plans.clear()
                    plans[origin] = plan
        except Exception:  # noqa: BLE001  # the exchange comes to the same, and raises it
            return

    def begin(self, has_transfer: bool) -> Exchange:
        """Work out what it means; up to its first transfer, if the core has made that."""
        if self._error is not None:
            self.exchange = raise_error(self._error)
        else:
            self.exchange = exchange(self.request, self._settings)
        if has_transfer:
            step = next(self.exchange)
            assert isinstance(step, Transfer)  # the same as in `prepare`
            self.transfer = step
        return self.exchange

    def make(self, transfer: Transfer) -> None:
        """Have the core make a transfer."""
        self._give(transfer)
        self._transfer()

    def _give(self, transfer: Transfer) -> _core.Plan:
        body = transfer.body
        self.transfer = transfer
        prepared = prepare(transfer, policy_statuses(transfer.method, self._settings))
        self._set_transfer(*prepared)
        self.upload = None if body is None or body.in_memory else Upload(body, self._transfers)
        if prepared.has_events:
            self._observe()
        return prepared.plan

    def fetch_piece(self, run: Callable[[Callable[[], None]], None]) -> None:
        """Have `run` read the piece of the body that the transfer asks for."""
        upload = self.upload
        if upload is not None and upload.transfer == self._asking:  # else that transfer is over
            upload.read_on_worker(partial(self._give_piece, upload.transfer), run)

    def outcome(self) -> Reply | BaseException:
        """What came of the transfer that has ended."""
        assert self.transfer is not None  # it has been begun
        if self.upload is not None and self.upload.error is not None:
            return self.upload.error
        return outcome_of(self, self.transfer)

    def finish(self) -> None:
        """Nothing more will happen to it: give back what only the work needed."""
        super().finish()
        self.exchange = self.transfer = self.upload = None
        if self._body is not None:
            self._body.close()

    # The pair.

    @property
    def response(self) -> Response:
        """The response; looked at before it is there, it blocks, and raises what went wrong."""
        with state_lock:
            if self._response is None:
                answer = self._answer_if_there()
                self._response = self._pending() if answer is None else answer.response
            return self._response

    @property
    def content(self) -> Content:
        """The content; looked at before it is there, it blocks, and raises what went wrong."""
        with state_lock:
            if self._content is None:
                answer = self._answer_if_there()
                self._content = Content.to_come(self) if answer is None else Content.of(answer)
            return self._content

    def _pair(self) -> tuple[Response, Content]:
        return self.response, self.content

    def _answer_if_there(self) -> Answer | None:
        is_there = self._state == FINISHED and self._failure is None
        return self._made_answer() if is_there else None

    def _pending(self) -> Response:
        pending = PendingResponse(self)
        if self._view is not None and self._view._failure is None:
            share_attributes(pending, self._view.response)
        return pending

    if not TYPE_CHECKING:  # where it is a tuple

        def __iter__(self) -> Iterator[Response | Content]:
            return iter(self._pair())

        def __len__(self) -> int:
            return 2

        def __getitem__(self, index: int | slice) -> object:
            return self._pair()[index]

    # Looking.

    def wait(self, timeout: float | None = None) -> bool:
        return LeanFuture.wait(self._here(), timeout)

    def result(self, timeout: float | None = None) -> tuple[Response, bytes]:
        """The plain pair, waited for at most `timeout` seconds.

        Raises what went wrong, `TimeoutError`, or `concurrent.futures.CancelledError`.
        """
        return LeanFuture.result(self._here(), timeout)

    def plain(self) -> tuple[Response, bytes]:
        """The same when it is done, and nobody has the promise but who asks."""
        answer = self._answer()
        with state_lock:  # an Answer has no lock of its own
            return answer.response, answer.content

    def exception(self, timeout: float | None = None) -> BaseException | None:
        return LeanFuture.exception(self._here(), timeout)

    def _value(self) -> tuple[Response, bytes]:
        answer = self._answer()
        return self.present_response(), answer.content

    def _answer(self) -> Answer:
        """The answer of a promise that is done; raises its failure."""
        if self._state != FINISHED or self._failure is not None:
            self._raise()
        return self._made_answer()

    def _made_answer(self) -> Answer:
        if self._result is None:
            with state_lock:
                answer = self._plain_answer()
                if self._result is None:
                    self._result = answer
            self._forget_answer()
        result: Answer | None = self._result
        if result is None:
            raise InvalidStateError(f"{self!r} was settled from outside, with no answer")
        return result

    def _plain_answer(self) -> Answer | None:
        """The answer of a request that ended in the core; None if it has been made meanwhile."""
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

    def _here(self) -> Promise:
        """The one to look at in this thread: in its own callback, the callback's."""
        view = self._view
        scope = None if view is None else current_scope()
        return self if view is None or scope is None or scope.work is not self else view

    # For the lazy pair: a lazy.Source.

    def present_response(self) -> Response:
        here = self._here()
        LeanFuture.wait(here)
        with state_lock:
            ready = here._answer().response
            if here is not self:
                return ready
            if type(self._response) is PendingResponse:
                resolve_in_place(self._response, ready)
            elif self._response is None:
                self._response = ready
            return self._response

    def present_answer(self) -> Answer:
        here = self._here()
        LeanFuture.wait(here)
        return here._answer()

    def may_keep(self) -> bool:
        return self._is_done

    def running(self) -> bool:
        """True while it is being worked on."""
        return not self._is_done and self._has_slot

    # Acting on it.

    def cancel(self) -> bool:
        """Take it out of the queue, or abort its transfer; False when it is over, or its callback
        runs. From then on, looking raises `concurrent.futures.CancelledError`.
        """
        cancelled = super().cancel()
        if cancelled:
            self.callback = None  # let go of here, and not wherever the promise ends
        return cancelled

    def then(self, function: Callable[[Response, Content], T]) -> LeanFuture[T]:
        """A Future of `function(response, content)`, which runs on a worker when both are there.

        If the request fails, so does the Future, and `function` is not called.

        >>> Http().request(url).then(lambda response, content: len(content)).result()
        5
        """
        return self.owner.follow(self, function)

    def begin_callback(
        self, answer: Answer | None, failure: Failure | None
    ) -> CallbackPromise | None:
        """The promise to call back with; None if it was cancelled, which it cannot be any more."""
        view = CallbackPromise(self, answer, failure)
        with state_lock:
            if not self._run():
                return None
            if type(self._response) is PendingResponse and failure is None:
                share_attributes(self._response, view.response)
            self._view = view
            return view

    def answer_seen(self) -> Answer | None:
        """The answer, if the callback that runs has looked at it."""
        seen: Answer | None = None if self._view is None else self._view._result
        return seen

    def end_callback(self) -> None:
        """It is settled: nobody needs the callback's promise any more."""
        self._view = None
        if self._result is not None:
            self._forget_answer()

    @property
    def label(self) -> str:
        """How the log names it."""
        return f"#{self.number}"

    def __str__(self) -> str:
        return str(self.request)

    def __repr__(self) -> str:
        return f"<Promise #{self.number} {self.request} {self._outcome()}>"

    def _outcome(self) -> str:
        if self._failure is not None:
            return f"failed: {self._failure.exception!r}"
        return "running" if self.running() else super()._outcome()


Sequence.register(Promise)  # for `match`

new_promise: Callable[[Owner, _core.Account, Settings, str, str, int], Promise] = partial(
    _core.ask, Promise
)
"""Make a promise: owner, account, settings, method, URI, and how many redirects to follow."""


class CallbackPromise(Promise):
    """What a callback is given: settled already, else the same promise in all respects."""

    __slots__ = ("_of",)

    def __init__(self, of: Promise, answer: Answer | None, failure: Failure | None) -> None:
        LeanFuture.__init__(self)
        self._of = of
        self.number, self.owner, self.told = of.number, of.owner, of.told
        self.__dict__ = of.__dict__
        self._result, self._failure = answer, failure
        self._finish()

    @property
    def request(self) -> Request:
        return self._of.request

    def _plain_answer(self) -> Answer | None:
        return self._of._answer_if_there() or self._of._plain_answer()

    def __eq__(self, other: object) -> bool:
        return other is self or other is self._of

    def __hash__(self) -> int:
        return hash(self._of)
