"""The RSGI application for granian, the server without nginx: all documents but late answers."""

import gzip
from functools import cache
from typing import Final, Protocol, TypeAlias

from bench.documents import CONTENT, GZIPPED, PATH, archive

_JSON: Final = ("content-type", "application/json")
_COMPRESSED: Final = {path: gzip.compress(content) for path, content in GZIPPED.items()}
_ARCHIVE: Final = "/archive/"
_PIECE: Final = 1_000_000

Headers: TypeAlias = list[tuple[str, str]]


class Scope(Protocol):
    """The part of RSGI's scope that `answer` uses."""

    path: str


class Transport(Protocol):
    """Takes the pieces of a body."""

    async def send_bytes(self, piece: bytes) -> None: ...


class Answering(Protocol):
    """The part of RSGI's protocol object that `answer` uses."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None: ...

    def response_stream(self, status: int, headers: Headers) -> Transport: ...


async def answer(scope: Scope, protocol: Answering) -> None:
    path = scope.path
    if path == PATH:
        protocol.response_bytes(200, [_JSON], CONTENT)
    elif path in _COMPRESSED:
        protocol.response_bytes(200, [_JSON, ("content-encoding", "gzip")], _COMPRESSED[path])
    elif path.startswith(_ARCHIVE):
        await _answer_archive(protocol, path.removeprefix(_ARCHIVE))
    else:
        protocol.response_bytes(404, [], b"")


async def _answer_archive(protocol: Answering, size: str) -> None:
    transport = protocol.response_stream(200, [("content-length", size)])
    for piece in _pieces(int(size)):
        await transport.send_bytes(piece)


@cache
def _pieces(size: int) -> list[bytes]:
    body = archive(size)
    return [body[begin : begin + _PIECE] for begin in range(0, size, _PIECE)]
