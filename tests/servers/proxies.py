"""Real proxies, each a program of its own, and steps for scripted proxies.

    with RealProxy("http", "me:secret") as proxy: ...
    raw_server([*ACCEPT_TUNNEL, read_head, send(OK)])  # a scripted proxy that plays the target, too

Rules: a real proxy prints its port, then each target before connecting to the target; after an
answer the target has been printed. A proxy ends at the end of its standard input, and so never
outlives the tests, not even killed tests.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Coroutine, Generator
from itertools import takewhile
from pathlib import Path
from typing import Any, Self

import pproxy  # type: ignore[import-untyped]
from proxy import Proxy
from proxy.http.parser import HttpParser
from proxy.http.proxy import HttpProxyBasePlugin
from proxy.plugin import FilterByUpstreamHostPlugin

from tests.servers.raw import ServerConnection, Step, read_head, send

ROOT = Path(__file__).parents[2]
FORBIDDEN_HOST = "forbidden.test"
"""The host that a real HTTP proxy refuses to connect to."""
END_OF_TARGETS = "end of targets"


class RealProxy:
    """A proxy of `kind`: http, socks4 or socks5; `login` is "user:password", or "" for none."""

    def __init__(self, kind: str, login: str = "") -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, kind, login],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._stdin, self._stdout = self._process.stdin, self._process.stdout
        self.port = int(self._stdout.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stdin.close()
        self._process.wait()
        self._stdout.close()

    def take_targets(self) -> list[str]:
        """The targets requested since the last call, with method or protocol."""
        self._stdin.write("targets?\n")
        lines = (line.strip() for line in self._stdout)
        return list(takewhile(lambda line: line != END_OF_TARGETS, lines))


# The programs of real proxies.


def answer_until_end_of_input() -> None:
    for _ in sys.stdin:
        print_line(END_OF_TARGETS)


def print_line(text: object) -> None:
    """Print by a single write, so that lines of several processes do not mix."""
    os.write(1, f"{text}\n".encode())


class PrintTargets(HttpProxyBasePlugin):
    """Prints the target of each allowed request."""

    def before_upstream_connection(self, request: HttpParser) -> HttpParser:
        target = b"%s %s:%d" % (request.method or b"", request.host or b"", request.port or 0)
        print_line(target.decode())
        return request


def run_http_proxy(login: str) -> None:
    options = ["--port", "0", "--num-acceptors", "1", "--log-level", "CRITICAL"]
    options += ["--filtered-upstream-hosts", FORBIDDEN_HOST]
    options += ["--basic-auth", login] if login else []
    with Proxy(options, plugins=[FilterByUpstreamHostPlugin, PrintTargets]) as proxy:
        print_line(proxy.flags.port)
        answer_until_end_of_input()


def run_socks_proxy(kind: str, login: str) -> None:
    asyncio.run(serve_socks(f"{kind}://127.0.0.1:0" + (f"#{login}" if login else "")))


referenced_tasks: set[asyncio.Task[Any]] = set()  # Any: pproxy's tasks, which have no types


def make_referenced_task(
    loop: asyncio.AbstractEventLoop,
    coroutine: Coroutine[Any, Any, Any] | Generator[Any, Any, Any],  # Any: as above
    /,
    **options: Any,  # Any: as asyncio passes them
) -> asyncio.Task[Any]:
    """Keep a reference until the task is done. pproxy keeps none, and asyncio only a weak one: a
    garbage collection would reset a connection.
    """
    task = asyncio.Task(coroutine, loop=loop, **options)
    referenced_tasks.add(task)
    task.add_done_callback(referenced_tasks.discard)
    return task


async def serve_socks(uri: str) -> None:
    def print_target(event: str) -> None:
        """Print the target of a pproxy event about a connection."""
        if match := re.fullmatch(r"(\w+) \S+ -> (\S+)", event):
            print_line(" ".join(match.groups()))

    asyncio.get_running_loop().set_task_factory(make_referenced_task)
    # -1: a login is valid for one connection, not for later connections from the same address.
    options = {"rserver": [pproxy.DIRECT], "verbose": print_target, "authtime": -1}
    serving = await pproxy.Server(uri).start_server(options)
    print_line(serving.sockets[0].getsockname()[1])
    await asyncio.to_thread(answer_until_end_of_input)
    serving.close()


def main(kind: str, login: str) -> None:
    if kind == "http":
        run_http_proxy(login)
    else:
        run_socks_proxy(kind, login)


# Steps of scripted proxies, which record the client's messages in the server's `bodies`.

SEND_ESTABLISHED = send(b"HTTP/1.1 200 Connection established\r\n\r\n")
ACCEPT_TUNNEL: list[Step] = [read_head, SEND_ESTABLISHED]
"""An HTTP proxy that establishes the tunnel."""


def read_exactly(connection: ServerConnection, count: int) -> bytes:
    """The next `count` bytes from the client."""
    received = connection.reader.read(count)
    if len(received) < count:
        raise ConnectionAbortedError("closed in the middle of SOCKS")
    return received


def choose_socks5_method(choice: int) -> Step:
    """SOCKS5: read the list of authentication methods, and choose a method."""

    def step(connection: ServerConnection) -> None:
        connection.server.bodies.add(read_exactly(connection, read_exactly(connection, 2)[1]))
        connection.socket.sendall(bytes([5, choice]))

    return step


def answer_socks5_login(status: int) -> Step:
    """SOCKS5: read user and password, and answer with the status."""

    def step(connection: ServerConnection) -> None:
        user = read_exactly(connection, read_exactly(connection, 2)[1])
        connection.server.bodies.add(
            user + b":" + read_exactly(connection, read_exactly(connection, 1)[0])
        )
        connection.socket.sendall(bytes([1, status]))

    return step


def answer_socks5_connect(status: int) -> Step:
    """SOCKS5: read the target (kind of address, address and port), and answer with the status."""

    def step(connection: ServerConnection) -> None:
        kind = read_exactly(connection, 4)[3:]
        length = {b"\1": b"\4", b"\4": b"\20"}.get(kind) or read_exactly(connection, 1)
        connection.server.bodies.add(kind + read_exactly(connection, length[0] + 2))
        connection.socket.sendall(bytes([5, status, 0, 1, 0, 0, 0, 0, 0, 0]))

    return step


def answer_socks4_connect(status: int) -> Step:
    """SOCKS4: read the target (port, address, user, maybe a name), and answer with the status."""

    def step(connection: ServerConnection) -> None:
        target = read_exactly(connection, 8)[2:] + _until_zero(connection)
        by_name = target[2:5] == b"\0\0\0"
        connection.server.bodies.add(target + (_until_zero(connection) if by_name else b""))
        connection.socket.sendall(bytes([0, status, 0, 0, 0, 0, 0, 0]))

    return step


def _until_zero(connection: ServerConnection) -> bytes:
    return b"".join(iter(lambda: read_exactly(connection, 1), b"\0")) + b"\0"


ACCEPT_SOCKS5: list[Step] = [choose_socks5_method(0), answer_socks5_connect(0)]
ACCEPT_SOCKS4: list[Step] = [answer_socks4_connect(0x5A)]
"""SOCKS proxies that establish the tunnel."""

if __name__ == "__main__":
    main(*sys.argv[1:])
