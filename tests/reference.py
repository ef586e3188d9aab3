"""Make a request with httplib2 and with asynchttp, and compare the outcomes and the sent bytes.

    assert_same_as_httplib2(
        raw_server, [answer_requests(MOVED, OK)], lambda http, url: http.request(url("/start"))
    )

Rules: httplib2 is right; each client has a server of its own, and PORT stands for that server's
port in compared text. The test of an intended difference gives the reason.
"""

import traceback
import warnings
from collections.abc import Callable
from contextlib import closing
from typing import Any, NamedTuple, TypeAlias

import httplib2

import asynchttp
from asynchttp import RequestTimeoutError
from tests.servers.event_log import PATIENCE
from tests.servers.raw import RawServer, Step
from tests.servers.recording import PORT, RecordedRequest, recorded_requests

Pair: TypeAlias = Any
"""The response and content that `request` returns. Any: httplib2 has no types for the pair."""
Url: TypeAlias = Callable[[str], str]
"""Returns a path's URL."""
MakeRequest: TypeAlias = Callable[[httplib2.Http, Url], Pair]
"""Makes a request with the given client."""


class Outcome(NamedTuple):
    """The pair returned by a client, or the exception raised by the client."""

    fields: dict[str, str] | None = None
    status: int = 0
    reason: str = ""
    version: int = 0
    content: bytes = b""
    previous: "Outcome | None" = None
    error: type[BaseException] | None = None
    details: object = None


class ClientResult(NamedTuple):
    """All compared results of a client."""

    outcome: Outcome
    requests: list[RecordedRequest]


# The clients.


def get(http: httplib2.Http, url: Url) -> Pair:
    """The simplest request."""
    return http.request(url("/"))


def request_with_both(
    servers: Callable[..., RawServer], script: list[Step], make_request: MakeRequest = get
) -> tuple[ClientResult, ClientResult]:
    """Make a request with httplib2 and with asynchttp."""
    theirs = _make_request(httplib2.Http, servers(script), make_request)
    return theirs, _make_request(asynchttp.Http, servers(script), make_request)


def assert_same_as_httplib2(
    servers: Callable[..., RawServer], script: list[Step], make_request: MakeRequest = get
) -> ClientResult:
    """Make a request with both clients, and assert equal results."""
    theirs, ours = request_with_both(servers, script, make_request)
    assert ours == theirs, f"asynchttp: {ours}\nhttplib2: {theirs}"
    return ours


def _make_request(
    client: type[httplib2.Http], server: RawServer, make_request: MakeRequest
) -> ClientResult:
    with closing(client(timeout=PATIENCE)) as http:
        try:
            outcome = _answered(*make_request(http, server.url))
        except Exception as error:  # noqa: BLE001 - the error is compared
            outcome = Outcome(error=class_for_callers(error), details=_details(error))
    return ClientResult(_replace_port(outcome, server.port), recorded_requests(server))


def class_for_callers(error: Exception) -> type[Exception]:
    """The class that callers of httplib2 know."""
    return TimeoutError if isinstance(error, RequestTimeoutError) else type(error)


def _answered(response: httplib2.Response, content: bytes) -> Outcome:
    previous = response.previous
    return Outcome(
        dict(response),
        response.status,
        response.reason,
        response.version,
        bytes(content),
        None if previous is None else _answered(previous, b""),
    )


def close_leaked_sockets(error: Exception) -> None:
    """A failed httplib2 leaves sockets open, held by the frames of its error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        traceback.clear_frames(error.__traceback__)


def _details(error: Exception) -> object:
    """The parts of an error that callers read."""
    if isinstance(error, httplib2.error.HttpLib2ErrorWithResponse):
        response: Any = error.response  # Any: a Response, which its types leave open
        return str(error), dict(response), response.status, error.content
    return getattr(error, "errno", None), getattr(error, "partial", None)


def _replace_port(outcome: Outcome, port: int) -> Outcome:
    previous = outcome.previous
    return outcome._replace(
        fields=_without_port(outcome.fields, port),
        previous=None if previous is None else _replace_port(previous, port),
        details=_without_port(outcome.details, port),
    )


def _without_port(value: Any, port: int) -> Any:  # Any: text, or a container of text
    if isinstance(value, str):
        return value.replace(f":{port}", f":{PORT}")
    if isinstance(value, dict):
        return {name: _without_port(each, port) for name, each in value.items()}
    if isinstance(value, tuple):
        return tuple(_without_port(each, port) for each in value)
    return value
