"""The ASGI application of the hypercorn servers, with every normal behaviour.

    /echo                        the request as JSON; any method
    /status/CODE?Name=value      the status CODE, with the given headers in the given order
    /hops/COUNT?code=302         COUNT redirects, then /echo; &absolute=1 for whole URLs
    /loop                        a redirect to /loop
    /bytes/COUNT?chunked=1       COUNT bytes, with Content-Length or in chunks
    /text/CHARSET?text=          the text in the charset
    /coded/CODING?text=          gzip, zlib or deflate; &zeros=COUNT appends zeros (for a bomb),
                                 &cut=COUNT drops bytes from the end
    /not-gzip                    claims to be gzip, but is plain text
    /slow?head=S&body=S          S seconds before the head, or in the middle of the body
    /drip/COUNT?every=S          one byte at a time
    /held/NAME?label=TEXT        the label, once the test lets the server answer;
                                 &sent=COUNT: waits after COUNT bytes of the label

Rules: every request is recorded before the answer; each `HeldAnswers` has a name of its own, so
that no test answers a request left by another test.
"""

import asyncio
import gzip
import itertools
import threading
import zlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send

from tests.servers.event_log import EventLog

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
"""The methods that every path takes; PROPFIND stands for methods outside of HTTP itself."""


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as received. Names and values of headers are latin-1, in order."""

    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    body: bytes
    port: int
    """The client's port: the same port means the same connection."""

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name.lower()), None)


class HeldAnswers:
    """Requests to `url` wait until the test lets the server answer.

    `arrived` has the labels of all requests in order; `aborted` the labels of requests whose client
    disconnected while waiting. `waiting` counts the waiting requests, `most_waiting` is the maximum
    of `waiting`: a request is counted out before the answer, so that a client's next request is
    never counted beside the answered request.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._unanswered: deque[Future[None]] = deque()
        self._is_answering = False
        self._lock = threading.Lock()
        self.arrived: EventLog[str] = EventLog()
        self.aborted: EventLog[str] = EventLog()
        self.waiting = 0
        self.most_waiting = 0

    def url(self, label: str = "", sent: int | None = None) -> str:
        """A URL whose request waits; with `sent`, after the head and `sent` bytes of the body."""
        return f"{self._url}?label={label}" + ("" if sent is None else f"&sent={sent}")

    def answer(self, count: int = 1) -> None:
        """Answer the `count` longest waiting requests."""
        with self._lock:
            answered = [self._unanswered.popleft() for _ in range(count)]
        _release(answered)

    def answer_all(self) -> None:
        """Answer all requests, now and later."""
        with self._lock:
            self._is_answering = True
            answered = list(self._unanswered)
            self._unanswered.clear()
        _release(answered)

    async def wait(self, label: str, request: Request) -> None:
        """On the server: return when the test answers or the client has disconnected."""
        waiter = self._enter(label)
        try:
            await _wait_while_connected(request, asyncio.shield(asyncio.wrap_future(waiter)))
        finally:
            self._leave(label, waiter)

    def _enter(self, label: str) -> Future[None]:
        waiter: Future[None] = Future()
        with self._lock:
            self.waiting += 1
            self.most_waiting = max(self.most_waiting, self.waiting)
            if self._is_answering:
                waiter.set_result(None)
            else:
                self._unanswered.append(waiter)
        self.arrived.add(label)
        return waiter

    def _leave(self, label: str, waiter: Future[None]) -> None:
        with self._lock:
            self.waiting -= 1
            aborted = waiter in self._unanswered
            if aborted:
                self._unanswered.remove(waiter)
        if aborted:
            self.aborted.add(label)


def _release(waiters: list[Future[None]]) -> None:
    for waiter in waiters:
        waiter.set_result(None)


class App:
    """The application with its received requests and its held answers."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self._names = itertools.count(1)
        self._held: dict[str, HeldAnswers] = {}
        self._routes = Starlette(routes=_routes())
        self._routes.state.held = self._held
        self.received: EventLog[ReceivedRequest] = EventLog()

    def hold_answers(self) -> HeldAnswers:
        name = f"test-{next(self._names)}"
        held = self._held[name] = HeldAnswers(f"{self._origin}/held/{name}")
        return held

    def clear_received(self) -> None:
        self.received = EventLog()

    def answer_all_held(self) -> None:
        for held in self._held.values():
            held.answer_all()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            body = await _whole_body(receive)
            self.received.add(_received(scope, body))
            receive = _starting_with(body, receive)
        await self._routes(scope, receive, send)


async def _whole_body(receive: Receive) -> bytes:
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def _starting_with(body: bytes, receive: Receive) -> Receive:
    """A `receive` that yields the already received body first."""
    kept: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return kept.pop() if kept else await receive()

    return again


def _received(scope: Scope, body: bytes) -> ReceivedRequest:
    query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
    return ReceivedRequest(
        method=scope["method"],
        target=scope["raw_path"].decode("latin-1") + query,
        version=scope["http_version"],
        headers=[
            (key.decode("latin-1"), value.decode("latin-1")) for key, value in scope["headers"]
        ],
        body=body,
        port=scope["client"][1],
    )


async def _wait_while_connected(request: Request, awaited: Awaitable[None]) -> None:
    """Wait for `awaited`, or until the client closes the connection or resets the stream."""
    either = {asyncio.ensure_future(awaited), asyncio.ensure_future(_wait_for_disconnect(request))}
    try:
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in either:
            each.cancel()


async def _wait_for_disconnect(request: Request) -> None:
    message: Message = {"type": "http.request"}
    while message["type"] != "http.disconnect":
        message = await request.receive()


def _number(request: Request, name: str, default: float = 0) -> float:
    return float(request.query_params.get(name, default))


async def echo(request: Request) -> Response:
    received = _received(request.scope, await request.body())
    return JSONResponse({**vars(received), "body": received.body.decode("latin-1")})


async def status(request: Request) -> Response:
    code = request.path_params["code"]
    response = Response(f"status {code}" if code not in (204, 304) else b"", code)
    for name, value in request.query_params.multi_items():
        response.headers.append(name, value)
    return response


async def hops(request: Request) -> Response:
    count = request.path_params["count"]
    target = f"/hops/{count - 1}?{request.query_params}" if count > 1 else "/echo"
    origin = str(request.base_url).rstrip("/") if "absolute" in request.query_params else ""
    code = int(_number(request, "code", 302))
    return Response(f"{count} to go", code, headers={"Location": origin + target})


async def loop(_: Request) -> Response:
    return Response("round and round", 302, headers={"Location": "/loop"})


def patterned_bytes(start: int, stop: int) -> bytes:
    """A part of the body of /bytes: 251 values in turn, so that no two blocks are alike."""
    turns = bytes(range(251)) * ((stop - start) // 251 + 2)
    return turns[start % 251 :][: stop - start]


async def some_bytes(request: Request) -> Response:
    count, piece = request.path_params["count"], 64 * 1024

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, count, piece):
            yield patterned_bytes(start, min(start + piece, count))

    headers = {} if "chunked" in request.query_params else {"Content-Length": str(count)}
    return StreamingResponse(pieces(), headers=headers, media_type="application/octet-stream")


async def text(request: Request) -> Response:
    charset = request.path_params["charset"]
    body = request.query_params["text"].encode(charset)
    return Response(body, headers={"Content-Type": f"text/plain; charset={charset}"})


def _raw_deflate(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "deflate": ("deflate", _raw_deflate),
}


async def coded(request: Request) -> Response:
    name, encode = CODINGS[request.path_params["coding"]]
    plain = request.query_params.get("text", "").encode() + bytes(int(_number(request, "zeros")))
    packed = encode(plain)
    body = packed[: len(packed) - int(_number(request, "cut"))]
    return Response(body, headers={"Content-Encoding": name}, media_type="text/plain")


async def not_gzip(_: Request) -> Response:
    return Response(b"this is no gzip", headers={"Content-Encoding": "gzip"})


async def slow(request: Request) -> Response:
    await _wait_while_connected(request, asyncio.sleep(_number(request, "head")))

    async def halves() -> AsyncIterator[bytes]:
        yield b"first half, "
        await asyncio.sleep(_number(request, "body"))
        yield b"second half"

    return StreamingResponse(halves(), media_type="text/plain")


async def drip(request: Request) -> Response:
    count, every = request.path_params["count"], _number(request, "every")

    async def drops() -> AsyncIterator[bytes]:
        for start in range(count):
            yield patterned_bytes(start, start + 1)
            await asyncio.sleep(every)

    return StreamingResponse(drops(), headers={"Content-Length": str(count)})


async def held(request: Request) -> Response:
    label = request.query_params["label"]
    answers: HeldAnswers = request.app.state.held[request.path_params["name"]]
    if "sent" not in request.query_params:
        await answers.wait(label, request)
        return Response(label)

    async def halves() -> AsyncIterator[str]:
        sent = int(_number(request, "sent"))
        yield label[:sent]
        await answers.wait(label, request)
        yield label[sent:]

    return StreamingResponse(halves(), headers={"Content-Length": str(len(label))})


def _routes() -> list[Route]:
    paths = {
        "/echo": echo,
        "/status/{code:int}": status,
        "/hops/{count:int}": hops,
        "/loop": loop,
        "/bytes/{count:int}": some_bytes,
        "/text/{charset}": text,
        "/coded/{coding}": coded,
        "/not-gzip": not_gzip,
        "/slow": slow,
        "/drip/{count:int}": drip,
        "/held/{name}": held,
    }
    return [Route(path, endpoint, methods=METHODS) for path, endpoint in paths.items()]
