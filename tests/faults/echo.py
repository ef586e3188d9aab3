"""A small fast server in a process of its own: the content of each answer is the request's path.

    /hold/COUNT/...     answered when so many of these requests wait
    /after/MS/...       answered after so many milliseconds

The process prints its port, and ends with its standard input.
"""

import asyncio
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

PROJECT = Path(__file__).parents[2]

Url: TypeAlias = Callable[[str], str]


@contextmanager
def echo_server() -> Iterator[Url]:
    """Run the server; the value makes URLs from paths."""
    command = [sys.executable, "-m", "tests.faults.echo"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=PROJECT, text=True
    ) as process:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield lambda path: f"http://127.0.0.1:{port}{path}"


class _Connection(asyncio.Protocol):
    def __init__(self, held: "list[tuple[_Connection, str]]") -> None:
        self._held = held  # of all connections
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *heads, self._received = (self._received + data).split(b"\r\n\r\n")
        for head in heads:
            self._answer(head.split(b" ", 2)[1].decode())

    def _answer(self, path: str) -> None:
        match path.split("/")[1:3]:
            case ["hold", count]:
                self._held.append((self, path))
                if len(self._held) == int(count):
                    self._answer_held()
            case ["after", milliseconds]:
                loop = asyncio.get_running_loop()
                loop.call_later(int(milliseconds) / 1000, self._send, path)
            case _:
                self._send(path)

    def _answer_held(self) -> None:
        for connection, path in self._held:
            connection._send(path)
        self._held.clear()

    def _send(self, path: str) -> None:
        length = len(path)
        answer = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}"
        self._transport.write(answer.encode())


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    held: list[tuple[_Connection, str]] = []
    server = await loop.create_server(lambda: _Connection(held), "127.0.0.1", 0, backlog=20_000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(_serve())
