"""A server that answers in lockstep: waits for AT_ONCE requests, then answers all.

    python -m bench.instructions.lockstep AT_ONCE

The server prints a URL, and ends at the end of its standard input. A client's cost per request
depends on the number of answers found at each wake-up: with this server always all of them.
"""

import select
import socket
import sys
from typing import Final

from bench.documents import CONTENT, PATH

_ANSWER: Final = b"\r\n".join(
    [
        b"HTTP/1.1 200 OK",
        b"Server: lockstep",
        b"Date: Thu, 01 Jan 2026 00:00:00 GMT",
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(CONTENT),
        b"",
        CONTENT,
    ]
)
_ENOUGH: Final = 65_536
"""Bytes: more than the size of a request."""


class Lockstep:
    """The server, a loop that reacts to ready descriptors."""

    def __init__(self, listening: socket.socket, at_once: int) -> None:
        self._listening = listening
        self._at_once = at_once
        self._clients: dict[int, socket.socket] = {}
        self._asking: list[socket.socket] = []
        self._poll = select.poll()
        self._poll.register(listening, select.POLLIN)
        self._poll.register(sys.stdin, select.POLLIN)

    def serve(self) -> None:
        while sys.stdin.fileno() not in (ready := [fd for fd, _ in self._poll.poll()]):
            for fd in ready:
                self._react(fd)
            if len(self._asking) == self._at_once:
                self._answer()

    def _react(self, fd: int) -> None:
        if fd == self._listening.fileno():
            self._accept()
        elif self._clients[fd].recv(_ENOUGH):
            self._asking.append(self._clients[fd])
        else:
            self._poll.unregister(fd)
            self._clients.pop(fd).close()

    def _accept(self) -> None:
        client, _ = self._listening.accept()
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._clients[client.fileno()] = client
        self._poll.register(client, select.POLLIN)

    def _answer(self) -> None:
        for client in self._asking:
            client.sendall(_ANSWER)
        self._asking.clear()


def main(at_once: int) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=at_once) as listening:
        print(f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}", flush=True)
        Lockstep(listening, at_once).serve()


if __name__ == "__main__":
    main(int(sys.argv[1]))
