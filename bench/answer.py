"""What granian serves: an RSGI application with all of our documents."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Final, Protocol, TypeAlias

from bench.documents import CONTENT, PATH, ROUTES, ROUTES_PATH, archive

_JSON: Final = ("content-type", "application/json")
_GZIPPED: Final = gzip.compress(ROUTES)
_PIECE: Final = 1_000_000

Headers: TypeAlias = list[tuple[str, str]]


class Scope(Protocol):
    """The part of RSGI's scope that is used here."""

    path: str


class Transport(Protocol):
    """Where the pieces of a body go."""

    async def send_bytes(self, piece: bytes) -> None: ...


class Answering(Protocol):
    """The part of RSGI's protocol object that is used here."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...

    def response_stream(self, status: int, headers: Headers) -> Transport: ...


async def answer(scope: Scope, protocol: Answering) -> None:
    if scope.path == PATH:
        protocol.response_bytes(200, [_JSON], CONTENT)
    else:
        _, name, *numbers = scope.path.split("/")
        await _OTHERS.get(name, _answer_nothing)(protocol, *numbers)


async def _answer_routes(protocol: Answering) -> None:
    protocol.response_bytes(200, [_JSON, ("content-encoding", "gzip")], _GZIPPED)


async def _answer_late(protocol: Answering, seconds: str) -> None:
    await asyncio.sleep(float(seconds))
    protocol.response_bytes(200, [_JSON], CONTENT)


async def _answer_archive(protocol: Answering, size: str) -> None:
    transport = protocol.response_stream(200, [("content-length", size)])
    for piece in _pieces(int(size)):
        await transport.send_bytes(piece)


@cache
def _pieces(size: int) -> list[bytes]:
    body = archive(size)
    return [body[begin : begin + _PIECE] for begin in range(0, size, _PIECE)]


async def _answer_nothing(protocol: Answering, *_: str) -> None:
    protocol.response_bytes(404, [], b"")


_OTHERS: Final[dict[str, Callable[..., Awaitable[None]]]] = {
    ROUTES_PATH.strip("/"): _answer_routes,
    "late": _answer_late,
    "archive": _answer_archive,
}
