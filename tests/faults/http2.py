"""An HTTP/2 server whose answers are steps: frames that are right, wrong, or missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import DataReceived, Event, RequestReceived, StreamEnded
from h2.settings import SettingCodes
from hpack import Encoder
from hyperframe.frame import ContinuationFrame, DataFrame, Frame, GoAwayFrame, HeadersFrame

from tests.faults.steps import stay_silent
from tests.servers.raw import ServerConnection

if TYPE_CHECKING:
    from tests.faults.server import FaultServer

UNLIMITED: dict[int, int] = {SettingCodes.MAX_CONCURRENT_STREAMS: 1_000_000}
"""Frames that are sent as bytes end no stream for `H2Connection`."""

Fields: TypeAlias = Sequence[tuple[str, str]]
GOOD: Fields = ((":status", "200"),)


@dataclass(frozen=True)
class Stream:
    """A request that has been read, and the means to answer."""

    connection: ServerConnection
    protocol: H2Connection
    number: int

    def flush(self) -> None:
        self.connection.socket.sendall(self.protocol.data_to_send())

    def answer(self, content: bytes) -> None:
        self.protocol.send_headers(self.number, GOOD)
        self.protocol.send_data(self.number, content, end_stream=True)
        self.flush()

    def send(self, *frames: bytes | Frame) -> None:
        """Send bytes without a look at the rules of HTTP/2."""
        parts = (each if isinstance(each, bytes) else each.serialize() for each in frames)
        self.connection.socket.sendall(b"".join(parts))


StreamStep: TypeAlias = Callable[[Stream], None]


def serve_http2(server: "FaultServer", connection: ServerConnection) -> None:
    """Answer all requests of a connection."""
    _Connection(server, connection).serve()


class _Connection:
    def __init__(self, server: "FaultServer", connection: ServerConnection) -> None:
        self._server = server
        self._connection = connection
        self._paths: dict[int, str] = {}
        self._protocol = H2Connection(
            H2Configuration(
                client_side=False,
                header_encoding="utf-8",
                validate_inbound_headers=False,
                validate_outbound_headers=False,
            )
        )

    def serve(self) -> None:
        self._protocol.initiate_connection()
        self._protocol.update_settings({**UNLIMITED, **self._server.fault.settings})
        self._flush()
        goes_on = True
        while goes_on and (received := self._connection.reader.read1(65536)):
            for event in self._protocol.receive_data(received):
                goes_on = self._handle(event) and goes_on

    def _flush(self) -> None:
        self._connection.socket.sendall(self._protocol.data_to_send())

    def _handle(self, event: Event) -> bool:
        """Answer; return whether the connection goes on."""
        goes_on = True
        if isinstance(event, RequestReceived) and event.stream_id:
            path = self._paths[event.stream_id] = _path(event)
            self._server.note(self._connection, path)
        elif isinstance(event, DataReceived) and self._server.fault.grants_window:
            self._protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, StreamEnded):
            self._flush()
            stream = Stream(self._connection, self._protocol, event.stream_id)
            goes_on = self._server.answer_stream(stream, self._paths[event.stream_id])
        if goes_on:
            self._flush()
        return goes_on


def _path(event: RequestReceived) -> str:
    fields: dict[Any, Any] = dict(event.headers)  # Any: text, by `header_encoding`
    return str(fields[":path"])


# Steps


def respond(stream: Stream) -> None:
    """A good answer."""
    stream.answer(b"ok")


def begin(*fields: tuple[str, str], content: bytes = b"") -> StreamStep:
    """Begin an answer, and do not end the answer."""

    def step(stream: Stream) -> None:
        stream.protocol.send_headers(stream.number, [*GOOD, *fields])
        if content:
            stream.protocol.send_data(stream.number, content)
        stream.flush()

    return step


def reset_stream(code: ErrorCodes) -> StreamStep:
    def step(stream: Stream) -> None:
        stream.protocol.reset_stream(stream.number, code)
        stream.flush()

    return step


def go_away(code: ErrorCodes, *, has_processed: bool) -> StreamStep:
    """RFC 9113, 6.8: the request may have been processed, or has not been."""

    def step(stream: Stream) -> None:
        last = stream.number if has_processed else 0
        stream.send(GoAwayFrame(0, last_stream_id=last, error_code=code))

    return step


def wait_for_end(stream: Stream) -> None:
    """Send nothing more, until the client has closed the connection."""
    stay_silent(stream.connection)


Frames: TypeAlias = Callable[[int], Frame | bytes]
"""Makes a frame of the stream with the given number."""


def send_frames(*makers: Frames) -> StreamStep:
    def step(stream: Stream) -> None:
        stream.send(*(make(stream.number) for make in makers))

    return step


def flood_frames(make: Frames, *, frames: int) -> StreamStep:
    """Send the same frame until the client closes the connection, or so many times."""
    at_once = 500

    def step(stream: Stream) -> None:
        for _ in range(frames // at_once):
            stream.send(*[make(stream.number)] * at_once)

    return step


# Frames


def headers(fields: Fields = GOOD, *, is_last: bool = True) -> Frames:
    def make(number: int) -> Frame:
        flags = ["END_HEADERS"] if is_last else []
        return HeadersFrame(number, Encoder().encode(fields), flags=flags)

    return make


def continuation(block: bytes, *, is_last: bool = False) -> Frames:
    flags = ["END_HEADERS"] if is_last else []
    return lambda number: ContinuationFrame(number, block, flags=flags)


def data(content: bytes = b"ok", *, is_last: bool = True, later: int = 0) -> Frames:
    """DATA of this stream, or of a later stream that nobody has opened."""
    flags = ["END_STREAM"] if is_last else []
    return lambda number: DataFrame(number + later, content, flags=flags)


def frame(kind: int, payload: bytes, *, flags: int = 0, size: int | None = None) -> Frames:
    """A frame by its bytes, with a wrong size if `size` is given."""
    length = len(payload) if size is None else size

    def make(number: int) -> bytes:
        parts = (length.to_bytes(3), bytes([kind, flags]), number.to_bytes(4), payload)
        return b"".join(parts)

    return make
