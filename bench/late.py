"""The server of late answers: /late/SECONDS is the small document after so many seconds; the small
document's own path answers at once.

    python -m bench.late PORT

Thousands of requests may wait at the same time. Each is answered within 1 or 2 ms of the given
time, with 24 µs of processor time per request (granian: 62 µs, and 25 ms too late with 500 requests
of 10 ms at once). Rules: plain HTTP/1.1, GET only, no pipelining: a request ends with its head.
"""

import asyncio
import sys
from functools import cache
from typing import Final, cast

import uvloop

from bench.documents import CONTENT, PATH

_BACKLOG: Final = 4096
_PREFIX: Final = "/late/"


class LateAnswers(asyncio.Protocol):
    """A connection. At most one request is under way; the answer may be due later."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._received = b""
        self._due: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which writes

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._received.endswith(b"\r\n\r\n"):
            delay, answer = _answer(self._received.split(b" ", 2)[1].decode())
            self._received = b""
            if delay:
                self._due = self._loop.call_later(delay, self._transport.write, answer)
            else:
                self._transport.write(answer)

    def connection_lost(self, error: Exception | None) -> None:
        if self._due:
            self._due.cancel()


@cache
def _answer(path: str) -> tuple[float, bytes]:
    """The delay in seconds, and the answer."""
    if path.startswith(_PREFIX):
        return float(path.removeprefix(_PREFIX)), _response("200 OK", CONTENT)
    if path == PATH:
        return 0, _response("200 OK", CONTENT)
    return 0, _response("404 Not Found", b"")


def _response(status: str, content: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}",
        "Server: late",
        "Date: Thu, 01 Jan 2026 00:00:00 GMT",
        "Content-Type: application/json",
        f"Content-Length: {len(content)}",
        "Connection: keep-alive",
    )
    return "\r\n".join([*head, "", ""]).encode() + content


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        LateAnswers, "127.0.0.1", port, backlog=_BACKLOG, reuse_port=True
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
