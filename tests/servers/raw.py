r"""Scripted sockets: a test lists the server's steps for each connection.

    raw_server([read_head, send(OK), read_until_closed])
    raw_server([read_head, send(b"HTTP/1.1 200 OK\r\n"), reset_connection], [read_head, send(OK)])

The first connection gets the first script, and so on; further connections get the last script.
The end of a script closes the connection.

Rules: no step waits for longer than PATIENCE; a longer wait, and any error other than a disconnect
of the client, is raised by `close`, and so fails the test.
"""

import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from itertools import chain, repeat
from typing import Self, TypeAlias

from tests.servers.event_log import PATIENCE, EventLog

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
"""A small good answer that keeps the connection open."""


class ServerConnection:
    """The server's end of a connection."""

    def __init__(self, server: "RawServer", accepted: socket.socket, client_port: int) -> None:
        accepted.settimeout(PATIENCE)
        self.server = server
        self.client_port = client_port
        self.socket = accepted
        self.reader = accepted.makefile("rb")

    def secure(self, context: ssl.SSLContext) -> None:
        """Do the TLS handshake, and continue over TLS."""
        self.reader.close()
        self.socket = secured = context.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )
        secured.do_handshake()
        self.reader = self.socket.makefile("rb")

    def shut_down(self) -> None:
        """End the connection, and so wake a step that waits for bytes on another thread."""
        with suppress(OSError):
            socket.socket.shutdown(
                self.socket, socket.SHUT_RDWR
            )  # SSLSocket.shutdown drops the TLS state

    def close(self) -> None:
        self.reader.close()
        self.socket.close()


Step: TypeAlias = Callable[[ServerConnection], object]


def read_head(connection: ServerConnection) -> bytes:
    """Read a request up to the empty line, record the head, and return the head."""
    lines = iter(connection.reader.readline, b"")
    received = b""
    for line in lines:
        received += line
        if line == b"\r\n":
            connection.server.heads.add(received)
            return received
    raise ConnectionAbortedError("closed before the end of the request's head")


def read_body(count: int) -> Step:
    """Read `count` bytes after the head, and record the bytes."""

    def step(connection: ServerConnection) -> None:
        connection.server.bodies.add(connection.reader.read(count))

    return step


def send(payload: bytes) -> Step:
    def step(connection: ServerConnection) -> None:
        connection.socket.sendall(payload)

    return step


def send_slowly(payload: bytes, every: float) -> Step:
    """Send one byte at a time, with a pause of `every` seconds after each."""

    def step(connection: ServerConnection) -> None:
        for value in payload:
            connection.socket.sendall(bytes([value]))
            connection.server.closing.wait(every)

    return step


def wait_for_event(event: threading.Event) -> Step:
    """Wait until the test sets the event."""

    def step(_: ServerConnection) -> None:
        assert event.wait(PATIENCE), "the test never set the event that the server waits for"

    return step


def read_until_closed(connection: ServerConnection) -> None:
    """Send nothing, read until the client has closed the connection, and record the close."""
    with suppress(ConnectionError, ssl.SSLError):  # a close with unread bytes is a reset
        while connection.reader.read1(65536):
            pass
    connection.server.closed.add(connection.client_port)


def reset_connection(connection: ServerConnection) -> None:
    """Reset the connection in place of an orderly close."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class RawServer:
    """Runs a script on each connection, on a thread of its own.

    `accepted` has the clients' ports; `heads` and `bodies` have the bytes as read; `requests` has
    pairs of head and body from `record_request`; `closed` has the ports of the clients
    whose close `read_until_closed` has seen.
    """

    def __init__(self, *scripts: list[Step], tls: ssl.SSLContext | None = None) -> None:
        self._scripts = scripts
        self._tls = tls
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._connections: list[ServerConnection] = []
        self._running: list[threading.Thread] = []
        self._errors: list[Exception] = []
        self.port: int = self._listening.getsockname()[1]
        self.closing = threading.Event()
        self.accepted: EventLog[int] = EventLog()
        self.heads: EventLog[bytes] = EventLog()
        self.bodies: EventLog[bytes] = EventLog()
        self.requests: EventLog[tuple[bytes, bytes]] = EventLog()
        self.closed: EventLog[int] = EventLog()
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
        """End every connection, in any step of the script."""
        self.closing.set()
        socket.create_connection(self._listening.getsockname()).close()  # wakes `accept`
        self._accepting.join()
        self._listening.close()
        for connection in self._connections:
            connection.shut_down()
        for thread in self._running:
            thread.join()
        if self._errors:
            raise self._errors[0]

    def _accept(self) -> None:
        for script in chain(self._scripts, repeat(self._scripts[-1])):
            accepted, address = self._listening.accept()
            if self.closing.is_set():
                accepted.close()
                return
            self._start(script, ServerConnection(self, accepted, client_port=address[1]))

    def _start(self, script: list[Step], connection: ServerConnection) -> None:
        thread = threading.Thread(
            target=self._run, args=[script, connection], name=f"raw-{connection.client_port}"
        )
        self.accepted.add(connection.client_port)
        self._connections.append(connection)
        self._running.append(thread)
        thread.start()

    def _run(self, script: list[Step], connection: ServerConnection) -> None:
        try:
            if self._tls:
                connection.secure(self._tls)
            for step in script:
                step(connection)
        except (ConnectionError, ssl.SSLError):
            pass  # the client has disconnected, as some tests intend
        except OSError as error:
            if not self.closing.is_set():  # `close` may interrupt a handshake
                self._errors.append(error)
        except Exception as error:  # noqa: BLE001 - `close` raises it in the test's thread
            self._errors.append(error)
        finally:
            connection.close()
