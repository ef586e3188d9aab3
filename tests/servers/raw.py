r"""Scripted sockets: a test says, step by step, what the server does on each connection.

    raw_server([head, send(OK), until_closed])
    raw_server([head, send(b"HTTP/1.1 200 OK\r\n"), reset], [head, send(OK)])

The first connection gets the first script, and so on; those after the last get the last one.
A script that ends closes its connection.

Rules: no step waits for longer than PATIENCE; that, and any error other than the client's going,
is raised when the server is closed, and so fails the test.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, repeat
from typing import Self, TypeAlias

from tests.servers.seen import PATIENCE, Seen

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
"""A small good answer, after which the connection may be used again."""


class Peer:
    """One connection's other end, and the server that it came to."""

    def __init__(self, server: "RawServer", connection: socket.socket, port: int) -> None:
        connection.settimeout(PATIENCE)
        self.server = server
        self.port = port
        self.socket = connection
        self.reader = connection.makefile("rb")

    def secure(self, context: ssl.SSLContext) -> None:
        """Goes on in TLS, once the handshake is through."""
        self.reader.close()
        self.socket = secured = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        secured.do_handshake()
        self.reader = self.socket.makefile("rb")

    def wake(self) -> None:
        """Ends the connection under a step that waits for it on another thread."""
        with suppress(OSError):
            socket.socket.shutdown(self.socket, socket.SHUT_RDWR)  # SSLSocket's is not for that

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


Step: TypeAlias = Callable[[Peer], None]


def head(peer: Peer) -> None:
    """Reads a request up to the empty line, and records it."""
    read_head(peer)


def read_head(peer: Peer) -> bytes:
    """The same; returns it."""
    lines = iter(peer.reader.readline, b"")
    received = b""
    for line in lines:
        received += line
        if line == b"\r\n":
            peer.server.heads.add(received)
            return received
    raise ConnectionAbortedError("closed before the end of the request's head")


def body(count: int) -> Step:
    """Reads so many bytes after the head, and records them."""

    def step(peer: Peer) -> None:
        peer.server.bodies.add(peer.reader.read(count))

    return step


def send(payload: bytes) -> Step:
    def step(peer: Peer) -> None:
        peer.socket.sendall(payload)

    return step


def drip(payload: bytes, every: float) -> Step:
    """Sends one byte at a time, with so many seconds after each."""

    def step(peer: Peer) -> None:
        for value in payload:
            peer.socket.sendall(bytes([value]))
            peer.server.closing.wait(every)

    return step


def wait(event: threading.Event) -> Step:
    """Waits for the test."""

    def step(_: Peer) -> None:
        assert event.wait(PATIENCE), "the test never set the event that the server waits for"

    return step


def until_closed(peer: Peer) -> None:
    """Says nothing and reads on until the client has closed its end, and records that."""
    with suppress(
        ConnectionError, ssl.SSLError
    ):  # a reset is how a client closes that had not read everything
        while peer.reader.read1(65536):
            pass
    peer.server.closed.add(peer.port)


def reset(peer: Peer) -> None:
    """Breaks the connection: the client gets a reset where the end should have been."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


class RawServer:
    """Runs a script on each connection, on a thread of its own.

    `accepted` has the clients' ports; `heads` and `bodies` what was read, as it was, `requests`
    both of those that were read as one; `closed` the ports of those whom `until_closed` saw go.
    """

    def __init__(self, *scripts: list[Step], tls: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._peers: list[Peer] = []
        self._running: list[threading.Thread] = []
        self._errors: list[Exception] = []
        self.port: int = self._listening.getsockname()[1]
        self.closing = threading.Event()
        self.accepted: Seen[int] = Seen()
        self.heads: Seen[bytes] = Seen()
        self.bodies: Seen[bytes] = Seen()
        self.requests: Seen[tuple[bytes, bytes]] = Seen()
        self.closed: Seen[int] = Seen()
        self._accepting = threading.Thread(target=self._accept, name=f"raw-{self.port}")
        self._accepting.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def url(self, path: str = "/") -> str:
        scheme, host = ("https", "localhost") if self._tls else ("http", "127.0.0.1")
        return f"{scheme}://{host}:{self.port}{path}"

    def close(self) -> None:
        """Ends every connection, whatever its script was at."""
        self.closing.set()
        socket.create_connection(self._listening.getsockname()).close()  # wakes the accepting
        self._accepting.join()
        self._listening.close()
        for peer in self._peers:
            peer.wake()
        for thread in self._running:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _accept(self) -> None:
        for script in chain(self._scripts, repeat(self._scripts[-1])):
            connection, address = self._listening.accept()
            if self.closing.is_set():
                connection.close()
                return
            self._start(script, Peer(self, connection, port=address[1]))

    def _start(self, script: list[Step], peer: Peer) -> None:
        thread = threading.Thread(target=self._run, args=[script, peer], name=f"raw-{peer.port}")
        self.accepted.add(peer.port)
        self._peers.append(peer)
        self._running.append(thread)
        thread.start()

    def _run(self, script: list[Step], peer: Peer) -> None:
        try:
            if self._tls:
                peer.secure(self._tls)
            for step in script:
                step(peer)
        except (ConnectionError, ssl.SSLError):
            pass  # the client has gone, which may be what the test is about
        except OSError as error:
            if not self.closing.is_set():  # else it met its end in the middle of a handshake
                self._errors.append(error)
        except Exception as error:  # noqa: BLE001 - `close` raises it in the test's thread
            self._errors.append(error)
        finally:
            peer.close()
