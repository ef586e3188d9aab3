"""A server with a single fault, for the request of the path FAULT; all other paths are answered.

Rules: the server counts a request when the head has been read. Faults of the connection itself
end with `recover`.
"""

import socket
import ssl
import sys
import threading
from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from tests.faults.fault import Fault
from tests.faults.http2 import Stream, serve_http2
from tests.faults.steps import answer, linger
from tests.servers.event_log import EventLog
from tests.servers.raw import RawServer, ServerConnection, read_head
from tests.servers.recording import read_content

HANGING = 60.0
"""Seconds after which a request hangs, far above all timeouts."""

FAULT, WARM, NEXT = "/fault", "/warm", "/next"


class Arrival(NamedTuple):
    """A request that the server has read."""

    path: str
    connection: int


Contexts: TypeAlias = Callable[[Fault, bool], ssl.SSLContext]
"""The server's side of TLS for a fault, before and after the server has recovered."""


class FaultServer(RawServer):
    def __init__(self, fault: Fault, contexts: Contexts) -> None:
        self.fault = fault
        self.arrivals: EventLog[Arrival] = EventLog()
        self.ended_strikes: EventLog[int] = EventLog()
        self._contexts = contexts
        self._has_recovered = threading.Event()
        self._strikes_left = threading.Semaphore(fault.strikes or sys.maxsize)
        super().__init__([self._serve])

    def url(self, path: str = "/") -> str:
        scheme = "https" if self.fault.certificate else "http"
        return f"{scheme}://127.0.0.1:{self.port}{path}"

    def recover(self) -> None:
        """From now on new connections have no fault."""
        self._has_recovered.set()

    def connections_of(self, path: str) -> list[int]:
        return [each.connection for each in self.arrivals if each.path == path]

    def note(self, connection: ServerConnection, path: str) -> None:
        """A request has been read."""
        self.arrivals.add(Arrival(path, connection.client_port))

    def answer_stream(self, stream: Stream, path: str) -> bool:
        """Answer a request in HTTP/2; return whether the connection goes on."""
        if not self._strikes(path):
            stream.answer(path.encode() if path != FAULT else b"ok")
            return True
        for step in self.fault.stream_steps:
            step(stream)
        if not self.fault.keeps:
            linger(stream.connection)
        return self._end_strike(stream.connection)

    def _serve(self, connection: ServerConnection) -> None:
        connection.socket.settimeout(HANGING)  # no client is more patient
        # Nagle's algorithm would hold a second sending back until the next request.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.fault.at_connect and not self._has_recovered.is_set():
            for step in self.fault.at_connect:
                step(connection)
            if not self.fault.keeps:
                return
        if self.fault.certificate:
            connection.secure(self._contexts(self.fault, self._has_recovered.is_set()))
        if (
            isinstance(connection.socket, ssl.SSLSocket)
            and connection.socket.selected_alpn_protocol() == "h2"
        ):
            serve_http2(self, connection)
        else:
            while self._answer(connection):
                pass

    def _answer(self, connection: ServerConnection) -> bool:
        """Answer the next request; return whether the connection goes on."""
        head = read_head(connection)
        path = head.split(b" ")[1].decode()
        self.note(connection, path)
        strikes = self._strikes(path)
        if not (strikes and self.fault.at_head):
            read_content(head, connection.reader)
        if not strikes:
            connection.socket.sendall(answer(path.encode() if path != FAULT else b"ok"))
            return True
        for step in self.fault.steps:
            step(connection)
        return self._end_strike(connection)

    def _strikes(self, path: str) -> bool:
        return path == FAULT and self._strikes_left.acquire(blocking=False)

    def _end_strike(self, connection: ServerConnection) -> bool:
        self.ended_strikes.add(connection.client_port)
        return self.fault.keeps
