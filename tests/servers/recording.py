"""Steps of a raw server that read whole requests, with the body, and record the requests.

    server = raw_server([record_request, send(OK)])
    recorded_requests(server)

Rule: PORT stands for the server's port in recorded requests, and in answers to be sent.
"""

import re
from collections.abc import Iterator
from io import BufferedReader
from typing import NamedTuple

from tests.servers.raw import RawServer, ServerConnection, Step

PORT = "PORT"


class RecordedRequest(NamedTuple):
    """A request as received by the server; header names in lower case, sorted."""

    line: str
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


def answer_requests(*given: bytes) -> Step:
    """Answer each request, on any connection, with the next answer; repeat the last answer."""

    def step(connection: ServerConnection) -> None:
        while try_record_request(connection):
            answer = given[min(len(connection.server.heads), len(given)) - 1]
            connection.socket.sendall(answer.replace(PORT.encode(), b"%d" % connection.server.port))

    return step


def record_request(connection: ServerConnection) -> None:
    """Read and record a request with its body."""
    try_record_request(connection)


def try_record_request(connection: ServerConnection) -> bool:
    """Read and record a request with its body; False when the client has closed the connection."""
    head = b""
    while (line := connection.reader.readline()).strip():
        head += line
    if head:
        body = read_content(head, connection.reader)
        connection.server.bodies.add(body)
        connection.server.heads.add(head)
        connection.server.requests.add((head, body))
    return bool(head)


def read_content(head: bytes, reader: BufferedReader) -> bytes:
    """Read the content of a request, by the fields of its head."""
    if length := re.search(rb"(?im)^content-length: *(\d+)", head):
        return reader.read(int(length[1]))
    if re.search(rb"(?im)^transfer-encoding: *chunked", head):
        return b"".join(_chunks(reader))
    return b""


def _chunks(reader: BufferedReader) -> Iterator[bytes]:
    while size := int(reader.readline() or b"0", 16):
        yield reader.read(size)
        reader.readline()
    reader.readline()


def recorded_requests(server: RawServer) -> list[RecordedRequest]:
    """The requests recorded so far."""
    return [_parse_request(head, body, server.port) for head, body in server.requests]


def _parse_request(head: bytes, body: bytes, port: int) -> RecordedRequest:
    line, *fields = head.decode("latin-1").replace(f":{port}", f":{PORT}").splitlines()
    split = (field.partition(":") for field in fields)
    return RecordedRequest(
        line, sorted((name.lower(), value.strip()) for name, _, value in split), body
    )
