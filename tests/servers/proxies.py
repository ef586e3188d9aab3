"""Proxies: real ones, each a program of its own, and the words of SOCKS for scripted ones.

    with RealProxy("http", "me:secret") as proxy: ...
    raw_server([*tunnel, head, send(OK)])  # a proxy that answers by itself

Rules: a real proxy says on its standard output where it listens, then what it is asked to connect
to, before it does: so of all that was answered, it has told. It ends when its standard input does:
so no proxy is left behind, whatever ends the tests.
"""

import asyncio
import os
import re
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Self

import pproxy  # type: ignore[import-untyped]
from proxy import Proxy
from proxy.http.parser import HttpParser
from proxy.http.proxy import HttpProxyBasePlugin
from proxy.plugin import FilterByUpstreamHostPlugin

from tests.servers.raw import Peer, Step, head, send

ROOT = Path(__file__).parents[2]
FORBIDDEN = "forbidden.test"
"""The host that a real HTTP proxy connects nobody to."""
THAT_IS_ALL = "that is all"


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
        self._ask, self._told = self._process.stdin, self._process.stdout
        self.port = int(self._told.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ask.close()
        self._process.wait()
        self._told.close()

    def passed(self) -> list[str]:
        """All that came through since this was asked last: how, and to where."""
        self._ask.write("passed?\n")
        lines = (line.strip() for line in self._told)
        return list(takewhile(lambda line: line != THAT_IS_ALL, lines))


# The real ones' programs.


def answer_until_the_end() -> None:
    for _ in sys.stdin:
        say(THAT_IS_ALL)


def say(what: object) -> None:
    """A line of its own, whatever other processes say."""
    os.write(1, f"{what}\n".encode())


class Witness(HttpProxyBasePlugin):
    """Says what a request asks for, once it is allowed."""

    def before_upstream_connection(self, request: HttpParser) -> HttpParser:
        target = b"%s %s:%d" % (request.method or b"", request.host or b"", request.port or 0)
        say(target.decode())
        return request


def be_http_proxy(login: str) -> None:
    options = ["--port", "0", "--num-acceptors", "1", "--log-level", "CRITICAL"]
    options += ["--filtered-upstream-hosts", FORBIDDEN]
    options += ["--basic-auth", login] if login else []
    with Proxy(options, plugins=[FilterByUpstreamHostPlugin, Witness]) as proxy:
        say(proxy.flags.port)
        answer_until_the_end()


def be_socks_proxy(kind: str, login: str) -> None:
    asyncio.run(serve_socks(f"{kind}://127.0.0.1:0" + (f"#{login}" if login else "")))


async def serve_socks(uri: str) -> None:
    def tell(event: str) -> None:
        """Of what pproxy tells, who is connected to whom."""
        if match := re.fullmatch(r"(\w+) \S+ -> (\S+)", event):
            say(" ".join(match.groups()))

    # A login is good for one connection, not for all that come from the same address later.
    terms = {"rserver": [pproxy.DIRECT], "verbose": tell, "authtime": -1}
    serving = await pproxy.Server(uri).start_server(terms)
    say(serving.sockets[0].getsockname()[1])
    await asyncio.to_thread(answer_until_the_end)
    serving.close()


def main(kind: str, login: str) -> None:
    if kind == "http":
        be_http_proxy(login)
    else:
        be_socks_proxy(kind, login)


# What scripted ones do. What the client says is in the server's `bodies`.

ESTABLISHED = send(b"HTTP/1.1 200 Connection established\r\n\r\n")
tunnel: list[Step] = [head, ESTABLISHED]
"""An HTTP proxy that agrees."""


def heard(peer: Peer, count: int) -> bytes:
    """The next bytes from the client."""
    said = peer.reader.read(count)
    if len(said) < count:
        raise ConnectionAbortedError("closed in the middle of SOCKS")
    return said


def methods(choice: int) -> Step:
    """SOCKS5: takes the list of ways to log in, and chooses."""

    def step(peer: Peer) -> None:
        peer.server.bodies.add(heard(peer, heard(peer, 2)[1]))
        peer.socket.sendall(bytes([5, choice]))

    return step


def verdict(status: int) -> Step:
    """SOCKS5: takes user and password, and says what it thinks of them."""

    def step(peer: Peer) -> None:
        user = heard(peer, heard(peer, 2)[1])
        peer.server.bodies.add(user + b":" + heard(peer, heard(peer, 1)[0]))
        peer.socket.sendall(bytes([1, status]))

    return step


def reply(status: int) -> Step:
    """SOCKS5: takes where to connect to (kind of address, address and port), and answers."""

    def step(peer: Peer) -> None:
        kind = heard(peer, 4)[3:]
        length = {b"\1": b"\4", b"\4": b"\20"}.get(kind) or heard(peer, 1)
        peer.server.bodies.add(kind + heard(peer, length[0] + 2))
        peer.socket.sendall(bytes([5, status, 0, 1, 0, 0, 0, 0, 0, 0]))

    return step


def reply4(status: int) -> Step:
    """SOCKS4: takes where to connect to (port, address, user, name if any), and answers."""

    def step(peer: Peer) -> None:
        where = heard(peer, 8)[2:] + _until_zero(peer)
        by_name = where[2:5] == b"\0\0\0"
        peer.server.bodies.add(where + (_until_zero(peer) if by_name else b""))
        peer.socket.sendall(bytes([0, status, 0, 0, 0, 0, 0, 0]))

    return step


def _until_zero(peer: Peer) -> bytes:
    return b"".join(iter(lambda: heard(peer, 1), b"\0")) + b"\0"


AGREE5: list[Step] = [methods(0), reply(0)]
AGREE4: list[Step] = [reply4(0x5A)]
"""SOCKS proxies that agree."""

if __name__ == "__main__":
    main(*sys.argv[1:])
