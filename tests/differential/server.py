"""Three real servers that give a scenario's answers and record the requests.

Rules: the servers live as long as the tests and keep their ports, so that bytes sent and stored by
two clients can be compared. The end of a `ScenarioRun` closes all connections of the run.
"""

import base64
import gzip
import socket
import ssl
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Self

from tests.differential.clock import Clock
from tests.differential.scenario import Answer, Fields, RequiredCredentials, Resource, Scenario
from tests.servers.certificates import tls_server_context
from tests.servers.raw import RawServer, ServerConnection, Step
from tests.servers.recording import RecordedRequest, try_record_request


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def _deflate(content: bytes) -> bytes:
    return zlib.compress(content)[2:-4]


HTTPLIB2_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _gzip,
    "zlib": zlib.compress,
    "deflate": _deflate,
}
"""Codings that httplib2 decodes."""

ASYNCHTTP_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "GZIP": _gzip,
    "x-gzip": _gzip,
    "identity, gzip": _gzip,
    "gzip, deflate": lambda content: _deflate(_gzip(content)),
}
"""Codings that only asynchttp decodes."""

CODINGS = {**HTTPLIB2_CODINGS, **ASYNCHTTP_CODINGS}
"""Codings that the servers apply; any other Content-Encoding is only a header."""

CORK = getattr(socket, "TCP_CORK", 4)
"""The socket option that holds back bytes until more come; 4 is TCP_NOPUSH on macOS."""

NEXT_NONCE = 'nextnonce="NEXT"'
"""A value of Authentication-Info, in which NEXT stands for a nonce."""

NOT_FOUND = Answer(404, content=b"not found")


class Framed(NamedTuple):
    """Content on the wire: framing headers, bytes, and whether the connection ends afterwards."""

    fields: Fields
    payload: bytes
    closes: bool = False
    ends_tls: bool = True
    """Whether TLS ends with close_notify; without close_notify the end may be a truncation."""


def _length(content: bytes, beyond: int = 0) -> Fields:
    return (("Content-Length", str(len(content) + beyond)),)


def _chunks(content: bytes) -> bytes:
    """Content in chunks of up to three bytes, without the last chunk."""
    chunks = (content[start : start + 3] for start in range(0, len(content), 3))
    return b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)


CHUNKED: Fields = (("Transfer-Encoding", "chunked"),)
CLOSE: Fields = (("Connection", "close"),)

FRAMINGS: Mapping[str, Callable[[bytes], Framed]] = {
    "length": lambda content: Framed(_length(content), content),
    "chunked": lambda content: Framed(CHUNKED, _chunks(content) + b"0\r\n\r\n"),
    "trailer": lambda content: Framed(CHUNKED, _chunks(content) + b"0\r\nX-Late: 1\r\n\r\n"),
    "close": lambda content: Framed((), content, closes=True),
    "close, ragged": lambda content: Framed((), content, closes=True, ends_tls=False),
    "length, close": lambda content: Framed(_length(content) + CLOSE, content, closes=True),
    "length, gone": lambda content: Framed(_length(content), content, closes=True),
    "chunked, close": lambda content: Framed(
        CHUNKED + CLOSE, _chunks(content) + b"0\r\n\r\n", closes=True
    ),
    "too short": lambda content: Framed(_length(content, 3), content, closes=True),
    "cut off": lambda content: Framed(CHUNKED, _chunks(content), closes=True),
}
"""Ways to announce the end of content, some of them broken."""

UNANNOUNCED = ("length, gone", "too short", "cut off")
"""The framings that close the connection although no header announces the close."""


def parse_request(head: bytes, body: bytes) -> RecordedRequest:
    line, *fields = head.decode("latin-1").splitlines()
    split = (field.partition(":") for field in fields)
    return RecordedRequest(
        line, sorted((name.lower(), value.strip()) for name, _, value in split), body
    )


def _send_last(connection: ServerConnection, answer: Framed) -> None:
    """Send the payload together with the end of the connection: a client sees both or none."""
    connection.socket.setsockopt(socket.IPPROTO_TCP, CORK, 1)
    connection.socket.sendall(answer.payload)
    if answer.ends_tls and isinstance(connection.socket, ssl.SSLSocket):
        connection.socket.settimeout(0)  # do not wait for the client's close_notify
        with suppress(ssl.SSLWantReadError):
            connection.socket.unwrap()


class ScenarioRun:
    """A scenario being played: the servers' state, and all `requests` so far."""

    def __init__(
        self, scenario: Scenario, clock: Clock, with_addresses: Callable[[str], str]
    ) -> None:
        self.requests: list[RecordedRequest] = []
        self._connections: list[ServerConnection] = []
        self._resources = {
            with_addresses(each.url).partition("#")[0]: each for each in scenario.resources
        }
        self._clock = clock
        self._with_addresses = with_addresses
        self._answer_counts: Counter[str] = Counter()
        self._let_in: Counter[str] = Counter()

    def serve(self, origin: str, connection: ServerConnection) -> None:
        """Answer all requests of a connection."""
        self._connections.append(connection)
        while try_record_request(connection):
            request = parse_request(connection.server.heads[-1], connection.server.bodies[-1])
            self.requests.append(request)
            answer = self._answer(origin, request)
            if answer.closes:
                _send_last(connection, answer)
                break
            connection.socket.sendall(answer.payload)

    def close(self) -> None:
        for connection in self._connections:
            connection.shut_down()

    def _answer(self, origin: str, request: RecordedRequest) -> Framed:
        method, target, _ = request.line.split(" ", 2)
        resource = self._resources.get(origin + target)
        answer = self._chosen(resource, request) if resource else NOT_FOUND
        return self._sent(answer, method)

    def _chosen(self, resource: Resource, request: RecordedRequest) -> Answer:
        if resource.guard and (refused := self._refused(resource, resource.guard, request)):
            return refused
        given = self._answer_counts[resource.url]
        answer = resource.answers[min(given, len(resource.answers) - 1)]
        if resource.validates and _matches_validator(answer, self._fields(answer.fields), request):
            return replace(answer, status=304)
        self._answer_counts[resource.url] += 1
        return self._with_next_nonce(resource, answer)

    def _with_next_nonce(self, resource: Resource, answer: Answer) -> Answer:
        """The answer with the next nonce filled in, which becomes the current nonce."""
        if resource.guard is None or ("Authentication-Info", NEXT_NONCE) not in answer.fields:
            return answer
        uses = resource.guard.uses
        number = self._let_in[resource.url] // uses + 1
        self._let_in[resource.url] = number * uses
        given = tuple(
            (name, value.replace("NEXT", f"nonce{number}")) for name, value in answer.fields
        )
        return replace(answer, fields=given)

    def _refused(
        self, resource: Resource, guard: RequiredCredentials, request: RecordedRequest
    ) -> Answer | None:
        number, named = self._let_in[resource.url] // guard.uses, _user_of(request)
        if named is None or (guard.user and named != guard.user):
            return _unauthorized(guard, number, stale=False)
        if "NONCE" in "".join(guard.challenges) and f'"nonce{number}"' not in _credentials(request):
            return _unauthorized(guard, number, guard.stale)
        self._let_in[resource.url] += 1
        return None

    def _sent(self, answer: Answer, method: str) -> Framed:
        """The whole answer, head and content, as the payload."""
        framed = _framed(answer)
        lines = [f"{answer.version} {answer.status} {answer.reason}"]
        lines += [f"{name}: {value}" for name, value in self._fields(framed.fields)]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        content = framed.payload if method != "HEAD" else b""
        closes = framed.closes or answer.version == "HTTP/1.0"
        payload = head + content if answer.status else content
        return framed._replace(payload=payload, closes=closes)

    def _fields(self, given: Fields) -> Fields:
        return tuple((name, self.value(value)) for name, value in given)

    def value(self, value: str) -> str:
        """A header's value with the date or the addresses filled in."""
        return self._clock.date(int(value[1:])) if value[:1] == "@" else self._with_addresses(value)


def _framed(answer: Answer) -> Framed:
    """The answer's fields and content on the wire."""
    if answer.status in (204, 304):  # never any content
        return Framed(answer.fields, b"")
    content = answer.content
    if answer.packed and answer.coding in CODINGS:
        content = CODINGS[answer.coding](content)
    coding: Fields = (("Content-Encoding", answer.coding),) if answer.coding else ()
    framed = FRAMINGS[answer.framing](content)
    return framed._replace(fields=answer.fields + coding + framed.fields)


def _matches_validator(answer: Answer, fields: Fields, request: RecordedRequest) -> bool:
    """Whether the request's condition names the answer's ETag or Last-Modified."""
    known = {name.lower(): value for name, value in fields}
    if (tag := request.header("if-none-match")) is not None:
        return tag == known.get("etag")
    since = request.header("if-modified-since")
    return since is not None and since == known.get("last-modified")


def _credentials(request: RecordedRequest) -> str:
    given = request.header("authorization") or ""
    return request.header("x-wsse") or "" if given.startswith("WSSE") else given


def _user_of(request: RecordedRequest) -> str | None:
    """The user name in the request's credentials."""
    scheme, _, rest = _credentials(request).partition(" ")
    if scheme == "Basic":
        return base64.b64decode(rest).decode().partition(":")[0]
    _, found, name = rest.lower().partition('username="')
    return name.partition('"')[0] if found else None


def _unauthorized(guard: RequiredCredentials, number: int, stale: bool) -> Answer:
    challenges = (each.replace("NONCE", f"nonce{number}") for each in guard.challenges)
    suffix = ", stale=true" if stale else ""
    fields = tuple(("WWW-Authenticate", each + suffix) for each in challenges)
    return Answer(401, fields, b"who are you?")


class OriginServers:
    """The three servers; `playing` gives the servers a scenario."""

    def __init__(self, pem: Path) -> None:
        self._run: ScenarioRun | None = None
        self._servers = ExitStack()
        self._addresses = {
            name: f"//{host}:{self._start(origin, pem).port}"
            for origin, name, host in (
                ("http://one", "//one", "127.0.0.1"),
                ("http://two", "//two", "localhost"),
                ("https://three", "//three", "localhost"),
            )
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._servers.close()

    def _start(self, origin: str, pem: Path) -> RawServer:
        tls = tls_server_context(pem) if origin.startswith("https:") else None
        return self._servers.enter_context(RawServer([self._serving(origin)], tls=tls))

    def _serving(self, origin: str) -> Step:
        def step(connection: ServerConnection) -> None:
            if (run := self._run) is not None:
                run.serve(self.with_addresses(origin), connection)

        return step

    def with_addresses(self, text: str) -> str:
        """The text with the servers' addresses in place of the servers' names."""
        for name, address in self._addresses.items():
            text = text.replace(name, address).replace(f"@{name[2:]}", f"@{address[2:]}")
        return text

    def with_names(self, text: str) -> str:
        """The text with the servers' names in place of the addresses, for readers."""
        for name, address in self._addresses.items():
            text = text.replace(address, name).replace(address[2:], name[2:])
        return text

    @contextmanager
    def playing(self, scenario: Scenario, clock: Clock) -> Iterator[ScenarioRun]:
        self._run = run = ScenarioRun(scenario, clock, self.with_addresses)
        try:
            yield run
        finally:
            self._run = None
            run.close()
