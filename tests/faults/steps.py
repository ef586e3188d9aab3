"""Steps of a faulty server in HTTP/1.1, beyond the steps of `tests.servers.raw`."""

import socket
import struct
import time
from collections.abc import Iterable
from contextlib import suppress

from tests.servers.raw import ServerConnection, Step


def hang_up(connection: ServerConnection) -> None:
    """Close the connection; in TLS without a close_notify."""
    connection.close()


def say_goodbye(connection: ServerConnection) -> None:
    """Close a TLS connection with a close_notify."""
    with suppress(OSError):  # the client may close without an answer
        connection.socket.unwrap()  # type: ignore[attr-defined]  # an SSLSocket by now
    connection.close()


def stay_silent(connection: ServerConnection) -> None:
    """Send nothing, and read until the client has closed the connection."""
    with suppress(OSError):
        while connection.reader.read1(65536):
            pass


def linger(connection: ServerConnection) -> None:
    """End the answers, and read the rest (RFC 9112, 9.6): a close with unread bytes is a reset."""
    with suppress(OSError):  # the client may have closed the connection already
        socket.socket.shutdown(connection.socket, socket.SHUT_WR)  # in TLS without a close_notify
    stay_silent(connection)


def read_client_hello(connection: ServerConnection) -> None:
    """Read the whole first record of TLS."""
    (size,) = struct.unpack(">3xH", connection.reader.read(5))
    connection.reader.read(size)


def pause(seconds: float) -> Step:
    """Separate two sendings, which would else be one packet."""

    def step(_: ServerConnection) -> None:
        time.sleep(seconds)

    return step


def flood(first: bytes, again: bytes, megabytes: int) -> Step:
    """Send the same bytes until the client closes the connection, or so many megabytes."""
    block = again * max(1, 100_000 // len(again))

    def step(connection: ServerConnection) -> None:
        connection.socket.sendall(first)
        for _ in range(megabytes * 1_000_000 // len(block)):
            connection.socket.sendall(block)

    return step


def chunked(*lines: bytes) -> bytes:
    """A chunked answer of the given lines."""
    return head("Transfer-Encoding: chunked") + b"".join(lines)


def head(*fields: str | bytes, status: str | bytes = "HTTP/1.1 200 OK") -> bytes:
    """The head of an answer."""
    return _lines((status, *fields)) + b"\r\n"


def _lines(lines: Iterable[str | bytes]) -> bytes:
    encoded = (line.encode() if isinstance(line, str) else line for line in lines)
    return b"".join(line + b"\r\n" for line in encoded)


def answer(content: bytes = b"ok", *fields: str | bytes, status: str = "200 OK") -> bytes:
    """A good answer with a Content-Length."""
    length = f"Content-Length: {len(content)}"
    return head(length, *fields, status=f"HTTP/1.1 {status}") + content
