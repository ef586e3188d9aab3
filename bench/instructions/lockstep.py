"""A server that answers in lockstep: nothing, until so many have asked; then all of them at once.

    python -m bench.instructions.lockstep AT_ONCE

It prints its URL, and ends when its standard input does. What a request costs a client depends on
how many answers it finds whenever it wakes up; here, however fast it is, it finds them all.
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
"""Bytes: more than a request has."""


class Lockstep:
    """The server: everything that it does is a reaction to a descriptor that is ready."""

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
