"""Play a cell: a request meets a fault, and the next request goes to the same server.

Rules:
- Only the request that meets silence has a short timeout. A busy machine may delay all others.
- `Outcome` says what happened, `Cell.wanted` what the table demands, and `problems` compares.
"""

import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import closing, nullcontext
from functools import cached_property
from pathlib import Path
from ssl import SSLContext, TLSVersion
from tempfile import mkdtemp
from typing import Any, NamedTuple

from asynchttp import Http, Promise
from tests.faults.fault import Certificate, Fault
from tests.faults.kinds import Kind
from tests.faults.server import FAULT, HANGING, NEXT, WARM, FaultServer
from tests.faults.table import Cell
from tests.faults.wanted import Answer, Wanted
from tests.servers.certificates import (
    Authority,
    sign_expired,
    sign_for_other_host,
    sign_for_this_machine,
    tls_server_context,
)
from tests.servers.event_log import PATIENCE

SILENCE, TLS_SILENCE = 0.5, 2.0
"""Seconds until a silent server's request times out; with TLS enough for a handshake, too."""


class HangError(Exception):
    """A request did not end."""


class Met(NamedTuple):
    """The end of a request."""

    result: Answer | Exception
    fields: frozenset[str] = frozenset()
    """The names of the response's header fields."""

    def is_one_of(self, wanted: Iterable[Answer | type[Exception]]) -> bool:
        return any(self._is(each) for each in wanted)

    def _is(self, wanted: Answer | type[Exception]) -> bool:
        if isinstance(wanted, type):
            return isinstance(self.result, wanted)
        is_equal = self.result == wanted._replace(without=())
        return is_equal and self.fields.isdisjoint(wanted.without)


def met_by(look: Callable[[], Any]) -> Met:  # Any: a pair of httplib2's
    """Look at a request's response and content."""
    try:
        response, content = look()
    except Exception as error:  # noqa: BLE001 - the outcome
        return Met(error.with_traceback(None))  # frames keep the server and the Http
    return Met(Answer(response.status, bytes(content)), frozenset(response))


class Outcome(NamedTuple):
    met: Met
    sent: int
    """How often the server has read the request."""
    is_reused: bool
    following: Answer | Exception
    """The result of the next request."""
    is_late: bool
    """The server was not silent, but the request ended with its timeout only."""

    def problems(self, wanted: Wanted) -> list[str]:
        """How the outcome differs from the demand."""
        checks = {
            f"result {self.met.result!r}": self.met.is_one_of(wanted.results),
            f"sent {self.sent} times": self.sent in wanted.sent,
            f"reused {self.is_reused}": wanted.is_reused in (None, self.is_reused),
            f"next {self.following!r}": self.following == Answer(200, NEXT.encode()),
            "ended by its timeout": not self.is_late,
        }
        return [what for what, is_right in checks.items() if not is_right]


class Stage:
    """All cells share these: certificates, and a directory for files and caches."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = Authority(directory)
        self._stranger = Authority(self.new_directory())
        self.authority_file = str(self._authority.pem)
        self._contexts = {
            (certificate, is_http2): self._make_context(certificate, is_http2)
            for certificate in Certificate
            for is_http2 in (False, True)
        }

    def new_directory(self) -> Path:
        return Path(mkdtemp(dir=self._directory))

    @cached_property
    def upload(self) -> Path:
        """A file larger than the buffers of HTTP/2."""
        path = self._directory / "upload"
        path.write_bytes(b"f" * 300_000)
        return path

    def context(self, fault: Fault, has_recovered: bool) -> SSLContext:
        """The server's side of TLS."""
        certificate = fault.certificate
        assert certificate is not None
        return self._contexts[Certificate.GOOD if has_recovered else certificate, fault.is_http2]

    def _make_context(self, certificate: Certificate, is_http2: bool) -> SSLContext:
        makers = {
            Certificate.OTHER_HOST: lambda: sign_for_other_host(self._authority),
            Certificate.EXPIRED: lambda: sign_expired(self._authority),
            Certificate.SELF_SIGNED: lambda: sign_for_this_machine(self._stranger),
        }
        context = tls_server_context(
            makers.get(certificate, lambda: sign_for_this_machine(self._authority))()
        )
        if is_http2:
            context.set_alpn_protocols(["h2", "http/1.1"])
        if old := _OLD.get(certificate):
            _limit_version(context, old)
        return context


_OLD = {Certificate.TLS_1_0: TLSVersion.TLSv1, Certificate.TLS_1_1: TLSVersion.TLSv1_1}


def _limit_version(context: SSLContext, version: TLSVersion) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = TLSVersion.TLSv1
        context.maximum_version = version
    context.set_ciphers("ALL:@SECLEVEL=0")


def play(cell: Cell, stage: Stage) -> Outcome:
    """Play the cell. An error of the server's steps is raised."""
    with (
        FaultServer(cell.fault, stage.context) as server,
        closing(_make_http(cell.kind, stage)) as http,
    ):
        began = time.monotonic()
        met = _meet_fault(http, cell, server, stage)
        seconds = time.monotonic() - began
        following = _ask(http, _plain(cell.kind), server.url(NEXT), stage)
    sent = server.connections_of(FAULT)
    return Outcome(
        met,
        len(sent),
        not set(sent).isdisjoint(server.connections_of(NEXT)),
        following.result,
        not cell.fault.is_silent and seconds >= PATIENCE,
    )


def _plain(kind: Kind) -> Kind:
    """A GET in the same form."""
    return Kind("plain", is_blocking=kind.is_blocking)


def _make_http(kind: Kind, stage: Stage) -> Http:
    cache = str(stage.new_directory()) if kind.has_cache else None
    return Http(cache, PATIENCE, ca_certs=stage.authority_file, blocking=kind.is_blocking)


def _meet_fault(http: Http, cell: Cell, server: FaultServer, stage: Stage) -> Met:
    fault, kind = cell
    if kind.is_kept:
        _ask(http, _plain(kind), server.url(WARM), stage)
    with fault.port() if fault.port else nullcontext(server.port) as port:
        url = server.url(FAULT).replace(f":{server.port}/", f":{port}/")
        http.timeout = _timeout(fault)
        met = _ask(http, kind, url, stage)
        http.timeout = PATIENCE
    server.recover()
    if fault.settles:
        server.ended_strikes.wait_for(1)
    return met


def _timeout(fault: Fault) -> float:
    if not fault.is_silent:
        return PATIENCE
    return TLS_SILENCE if fault.certificate else SILENCE


def _ask(http: Http, kind: Kind, url: str, stage: Stage) -> Met:
    """Make a request, and wait for the result."""
    return met_by(lambda: _result(http, kind, url, stage))


def _result(http: Http, kind: Kind, url: str, stage: Stage) -> Any:  # Any: as of httplib2
    seen: list[BaseException | None] = []

    def call_back(promise: Promise) -> None:
        seen.append(promise.exception())

    pending: Any = _start(http, kind, url, stage, call_back if kind.has_callback else None)
    if not isinstance(pending, Promise):
        return pending
    if not pending.wait(HANGING):
        raise HangError
    assert seen == [pending.exception()] or not kind.has_callback, "the callback saw otherwise"
    return pending.result()


def _start(
    http: Http, kind: Kind, url: str, stage: Stage, callback: Callable[[Promise], object] | None
) -> Promise:
    if kind.has_file:
        with stage.upload.open("rb") as file:
            return http.request(url, kind.method, file)
    body = None if kind.is_idempotent else b"order=1234"
    return http.request(url, kind.method, body, callback=callback)
