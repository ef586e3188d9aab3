"""The transit API without latency, answered as fast as Python can: the clients are to be compared,
and not to wait for the server.

`serving()` runs the server in a process of its own. Rule: requests have no content, as those of the
demo; the server reads the request line, and answers.
"""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.transit import BODIES

_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
_ANSWERS = {path.encode(): _HEAD % len(body) + body for path, body in BODIES.items()}
_MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"


class _Connection(asyncio.Protocol):
    """A connection that answers each request at once."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # a socket's
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            self._transport.write(_ANSWERS.get(head.split(b" ", 2)[1], _MISSING))


async def _serve_until_eof() -> None:
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    print("http://{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await asyncio.to_thread(sys.stdin.read)


@contextmanager
def serving() -> Iterator[str]:
    """Serve the API from another process until the block ends; the value is the URL."""
    command, pipe = [sys.executable, "-m", "demo.quick"], subprocess.PIPE
    project = Path(__file__).resolve().parent.parent
    with subprocess.Popen(command, cwd=project, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None  # a pipe
        yield server.stdout.readline().strip()


if __name__ == "__main__":
    asyncio.run(_serve_until_eof())
