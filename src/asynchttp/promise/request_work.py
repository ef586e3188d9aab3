"""RequestWork: the request of a promise, as work of the core.

Rules:
- A first transfer that follows from request and settings alone is made in `prepare_transfer`, on
  the caller's thread. Requests of one kind to one origin share a plan, found by the core itself.
- Any other request begins as an event; a worker then steps through the exchange.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial

from .. import _core
from ..engine.outcome import outcome_of
from ..engine.plans import needs_no_flags, prepare
from ..engine.upload import Upload
from ..messages.body import Body
from ..messages.callsite import Frames
from ..messages.request import Headers, Request
from ..messages.response import Response
from ..messages.settings import Settings
from ..messages.transfer import Reply, Transfer
from ..messages.uri import origin_of
from ..policy.exchange import Exchange, exchange, first_transfer, policy_statuses, raise_error
from .callback_scope import CallbackScope
from .future import state_lock
from .work import Work

ORIGINS = 1024  # how many plans of one kind are stored


class RequestWork(Work[tuple[Response, bytes]]):
    """A request: the arguments of `Http.request`, the exchange, and the transfer under way."""

    __slots__ = ()  # the attributes are members of _core.Work, None until they are set

    number: int
    is_logged: bool
    """Whether the log gets a line for each step of the request."""
    exchange: Exchange | None
    """The steps of the request: a generator, from the first event to the end of the request."""
    transfer: Transfer | None
    """The last transfer, or None for a first transfer by a stored plan."""
    upload: Upload | None
    _settings: Settings
    _error: Exception | None  # why the request cannot even be sent
    _step_uri: str | None  # the URI of the first transfer, if not `_uri`
    # The arguments of `Http.request`.
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
        """The request: method, uri, headers; when and where in the code the request was made."""
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

    def prepare_transfer(self) -> None:
        """Give the core the first transfer, if the transfer follows from the request alone."""
        settings = self._settings
        if self._error is not None or not settings.is_plain:
            return
        plans = settings.plans_for(self._plan_kind()) if needs_no_flags() else None
        body = self._body
        if plans is None or not self._start(plans, None if body is None else body.content):
            self._prepare_and_store(plans)

    def _plan_kind(self) -> Hashable:
        """The key of the plan for the first transfer, apart from the origin, or None."""
        method, headers, body = self._method, self._headers, self._body
        if type(method) is not str:  # refused by the exchange
            return None
        if headers is None and body is None:
            return method
        if body is not None and (body.chunked or not body.in_memory or method == "HEAD"):
            return None  # a transfer never has such a body unchanged (HEAD: RFC 9110, 9.3.2)
        items = () if headers is None else tuple(headers.items())
        is_text = all(type(part) is str for item in items for part in item)
        return (method, body is not None, items) if is_text else None

    def _prepare_and_store(self, plans: dict[str, _core.Plan] | None) -> None:
        try:
            if (first := first_transfer(self.request, self._settings)) is not None:
                transfer, self._step_uri = first
                plan = self._set_up(transfer)
                if plans is not None and (origin := origin_of(self._uri)):
                    if len(plans) >= ORIGINS:
                        plans.clear()
                    plans[origin] = plan
        except Exception:  # noqa: BLE001  # the exchange raises the same error later
            return

    def begin_exchange(self, has_transfer: bool) -> Exchange:
        """Make the exchange; `has_transfer`: step over the first transfer, which the core made."""
        if self._error is not None:
            self.exchange = raise_error(self._error)
        else:
            self.exchange = exchange(self.request, self._settings)
        if has_transfer:
            step = next(self.exchange)
            assert isinstance(step, Transfer)  # as in `prepare_transfer`
            self.transfer = step
        return self.exchange

    def start_transfer(self, transfer: Transfer) -> None:
        """Have the core make `transfer`."""
        self._set_up(transfer)
        if transfer.delay:
            self._delay(transfer.delay)
        self._transfer()

    def _set_up(self, transfer: Transfer) -> _core.Plan:
        body = transfer.body
        self._close_upload()
        self.transfer = transfer
        prepared = prepare(transfer, policy_statuses(transfer.method, self._settings))
        self._set_transfer(*prepared)
        self.upload = None if body is None or body.in_memory else Upload(body, self._transfers)
        if prepared.has_events:
            self._observe()
        return prepared.plan

    def _close_upload(self) -> None:
        if (
            upload := self.upload
        ) is not None:  # read once: another thread may set `upload` to None
            upload.close()

    def fetch_piece(self, run: Callable[[Callable[[], None]], None]) -> None:
        """Have `run` read the piece of the body for which the core has asked."""
        upload = self.upload
        if upload is not None and upload.transfer == self._asking:  # not for an earlier transfer
            give = partial(self._give_piece, upload.transfer)
            upload.read_on_worker(give, lambda read: run(partial(self._run_in_scope, read)))

    def _run_in_scope(self, read: Callable[[], None]) -> None:
        with CallbackScope(self):  # an iterable may make requests
            read()

    def outcome(self) -> Reply | BaseException:
        """The reply to the transfer that has ended, or the error."""
        assert self.transfer is not None  # set when the transfer began
        if self.upload is not None and self.upload.error is not None:
            return self.upload.error
        return outcome_of(self, self.transfer)

    def release(self) -> None:
        super().release()
        self._close_upload()
        self.exchange = self.transfer = self.upload = None
        if self._body is not None:
            self._body.close()

    @property
    def label(self) -> str:
        """The name of the request in the log."""
        return f"#{self.number}"

    def __str__(self) -> str:
        return str(self.request)
