"""Make a request with httplib2 and with asynchttp, and compare the outcomes and the sent bytes.

    same(raw_server, [answers(MOVED, OK)], lambda http, url: http.request(url("/start"), "POST"))

Rules: httplib2 is right; each client has a server of its own, and PORT stands for that server's
port in sent and compared text. The test of an intended difference gives the reason.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from io import BufferedReader
from typing import Any, NamedTuple, TypeAlias

import httplib2

import asynchttp
from tests.servers.event_log import PATIENCE
from tests.servers.raw import RawServer, ServerConnection, Step

PORT = "PORT"

Pair: TypeAlias = Any
"""The response and content that `request` returns. Any: httplib2 has no types for the pair."""
Url: TypeAlias = Callable[[str], str]
"""Returns a path's URL."""
Ask: TypeAlias = Callable[[httplib2.Http, Url], Pair]
"""Makes a request with the given client."""


class Wire(NamedTuple):
    """A request as received by the server; header names in lower case, sorted."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


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


class Comparison(NamedTuple):
    """All compared results of a client."""

    outcome: Outcome
    requests: list[Wire]


# The server.


def answers(*given: bytes) -> Step:
    """Answer each request, on any connection, with the next answer; repeat the last answer."""

    def step(connection: ServerConnection) -> None:
        while try_record(connection):
            answer = given[min(len(connection.server.heads), len(given)) - 1]
            connection.socket.sendall(answer.replace(PORT.encode(), b"%d" % connection.server.port))

    return step


def record(connection: ServerConnection) -> None:
    """Read a request with its body."""
    try_record(connection)


def try_record(connection: ServerConnection) -> bool:
    """Read a request with its body; False when the client has closed the connection."""
    head = b""
    while (line := connection.reader.readline()).strip():
        head += line
    if head:
        body = _body(head, connection.reader)
        connection.server.bodies.add(body)
        connection.server.heads.add(head)
        connection.server.requests.add((head, body))
    return bool(head)


def _body(head: bytes, reader: BufferedReader) -> bytes:
    if length := re.search(rb"(?im)^content-length: *(\d+)", head):
        return reader.read(int(length[1]))
    if re.search(rb"(?im)^transfer-encoding: *chunked", head):
        return b"".join(_chunks(reader))
    return b""


def _chunks(reader: BufferedReader) -> Iterator[bytes]:
    while size := int(reader.readline() or b"0", 16):
        yield reader.read(size)
        reader.readline()
    reader.readline()


def requests_of(server: RawServer) -> list[Wire]:
    """The requests recorded so far."""
    return [_wire(head, body, server.port) for head, body in server.requests]


def _wire(head: bytes, body: bytes, port: int) -> Wire:
    line, *fields = head.decode("latin-1").replace(f":{port}", f":{PORT}").splitlines()
    split = (field.partition(":") for field in fields)
    return Wire(line, sorted((name.lower(), value.strip()) for name, _, value in split), body)


# The clients.


def get(http: httplib2.Http, url: Url) -> Pair:
    """The simplest request."""
    return http.request(url("/"))


def run_both(
    servers: Callable[..., RawServer], script: list[Step], ask: Ask = get
) -> tuple[Comparison, Comparison]:
    """Make a request with httplib2 and with asynchttp."""
    theirs = _story(httplib2.Http, servers(script), ask)
    return theirs, _story(asynchttp.Http, servers(script), ask)


def assert_same(
    servers: Callable[..., RawServer], script: list[Step], ask: Ask = get
) -> Comparison:
    """Make a request with both clients, and assert equal stories."""
    theirs, ours = run_both(servers, script, ask)
    assert ours == theirs, f"asynchttp: {ours}\nhttplib2: {theirs}"
    return ours


def _story(client: type[httplib2.Http], server: RawServer, ask: Ask) -> Comparison:
    with closing(client(timeout=PATIENCE)) as http:
        try:
            outcome = _answered(*ask(http, server.url))
        except Exception as error:  # noqa: BLE001 - the error is compared
            outcome = Outcome(error=type(error), details=_details(error))
    return Comparison(_anonymous(outcome, server.port), requests_of(server))


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


def _details(error: Exception) -> object:
    """The parts of an error that callers read."""
    if isinstance(error, httplib2.error.HttpLib2ErrorWithResponse):
        response: Any = error.response  # Any: a Response, which its types leave open
        return str(error), dict(response), response.status, error.content
    return getattr(error, "errno", None), getattr(error, "partial", None)


def _anonymous(outcome: Outcome, port: int) -> Outcome:
    previous = outcome.previous
    return outcome._replace(
        fields=_without_port(outcome.fields, port),
        previous=None if previous is None else _anonymous(previous, port),
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
