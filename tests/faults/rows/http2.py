"""HTTP/2: streams and connections that end, are refused or fall silent, and wrong frames."""

from http.client import HTTPException, IncompleteRead

from h2.errors import ErrorCodes
from h2.settings import SettingCodes

from tests.faults.fault import Certificate, Fault
from tests.faults.http2 import (
    Fields,
    Frames,
    StreamStep,
    begin,
    continuation,
    data,
    flood_frames,
    frame,
    go_away,
    headers,
    reset_stream,
    respond,
    send_frames,
    wait_for_end,
)
from tests.faults.kinds import Kind
from tests.faults.wanted import (
    OK,
    Answer,
    Rule,
    Wanted,
    always,
    answered,
    by_kind,
    may_resend_after_end,
)

NO_ERROR, CALM = ErrorCodes.NO_ERROR, ErrorCodes.ENHANCE_YOUR_CALM
INTERNAL, REFUSED = ErrorCodes.INTERNAL_ERROR, ErrorCodes.REFUSED_STREAM

# RFC 9113, 6.8 and 8.7: not processed, and so sent again: a few times, whatever the method.
UNPROCESSED: Rule = always(ConnectionError, sent=(2, 3, 4), is_reused=None)
CALMED: Rule = always(ConnectionError, sent=(1, 2, 3, 4), is_reused=None)
UNPROCESSED_ONCE: Rule = always(OK, sent=2, is_reused=None)
# The server may have processed the request.
LOST: Rule = always(ConnectionError)
# RFC 9113, 5.4.2: a stream's error leaves the connection as it is.
STREAM_LOST: Rule = always(ConnectionError, is_reused=True)
STREAM_CUT: Rule = always(IncompleteRead, ConnectionError, is_reused=True)
# RFC 9113, 5.4.1 and 8.1.1: the client closes the connection, or ends the stream alone.
VIOLATION: Rule = always(HTTPException, is_reused=None)
LENIENT_OR_NOT: Rule = always(OK, HTTPException, is_reused=None)
# The connection has died: the next request takes another.
TIMES_OUT: Rule = always(TimeoutError)


def _row(
    name: str,
    wanted: Rule,
    *steps: StreamStep,
    keeps: bool = False,
    strikes: int | None = None,
    settings: dict[int, int] | None = None,
    grants_window: bool = True,
    is_silent: bool | None = None,
) -> Fault:
    return Fault(
        f"HTTP/2: {name}",
        wanted,
        stream_steps=steps,
        certificate=Certificate.GOOD,
        is_http2=True,
        keeps=keeps,
        strikes=strikes,
        settings=settings or {},
        grants_window=grants_window,
        is_silent=wait_for_end in steps if is_silent is None else is_silent,
    )


def _frames(name: str, wanted: Rule, *frames: Frames) -> Fault:
    return _row(name, wanted, send_frames(*frames), keeps=True)


def _answer(name: str, wanted: Rule, *fields: tuple[str, str], content: bytes = b"ok") -> Fault:
    """A whole answer with odd fields."""
    good: Fields = ((":status", "200"),)
    begins = headers(fields if fields and fields[0][0] == ":status" else (*good, *fields))
    return _frames(name, wanted, begins, data(content))


def _ends(kind: Kind) -> Wanted:
    """A new connection may be asked again, if the method is idempotent (RFC 9110, 9.2.2)."""
    return Wanted((ConnectionError,), (1, 2) if may_resend_after_end(kind) else (1,))


def _ends_somehow(kind: Kind) -> Wanted:
    """A flood ends with an error, or the client outlasts the flood, and then the silence."""
    errors = (HTTPException, ConnectionError, TimeoutError)
    return Wanted(errors, _ends(kind).sent, None)


FIELD_BLOCK = b"\x00\x01x\x01y"
LONG_FIELD = b"\x00\x01x\x7f\x81\x7c" + b"y" * 16_000
HEADERS, SETTINGS, PUSH_PROMISE, PING = 1, 4, 5, 6
END_HEADERS = 4

_ENDS = (
    _row("good", answered(), respond, keeps=True),
    _row("closes after the request", _ends),
    _row(
        "closes in the content",
        always(IncompleteRead),
        begin(("content-length", "9"), content=b"o"),
    ),
    _row(
        "GOAWAY, not processed, once",
        UNPROCESSED_ONCE,
        go_away(NO_ERROR, has_processed=False),
        strikes=1,
    ),
    _row("GOAWAY, not processed", UNPROCESSED, go_away(NO_ERROR, has_processed=False)),
    # The server asks for fewer requests: no second is right, too.
    _row("GOAWAY, not processed: ENHANCE_YOUR_CALM", CALMED, go_away(CALM, has_processed=False)),
    _row(
        "GOAWAY, not processed, stays open",
        UNPROCESSED,
        go_away(NO_ERROR, has_processed=False),
        wait_for_end,
    ),
    _row("GOAWAY, perhaps processed", LOST, go_away(NO_ERROR, has_processed=True)),
    _row("GOAWAY, perhaps processed: INTERNAL_ERROR", LOST, go_away(INTERNAL, has_processed=True)),
    _row(
        "GOAWAY, perhaps processed, silent",
        TIMES_OUT,
        go_away(NO_ERROR, has_processed=True),
        wait_for_end,
    ),
)

_STREAMS = (
    _row("REFUSED_STREAM, once", UNPROCESSED_ONCE, reset_stream(REFUSED), strikes=1, keeps=True),
    _row("REFUSED_STREAM", UNPROCESSED, reset_stream(REFUSED), keeps=True),
    *(
        _row(f"RST_STREAM with {code.name}", STREAM_LOST, reset_stream(code), keeps=True)
        for code in (INTERNAL, ErrorCodes.CANCEL, NO_ERROR)
    ),
    # RFC 9113, 7: the request may be made in HTTP/1.1.
    _row(
        "HTTP_1_1_REQUIRED",
        always(OK, ConnectionError, sent=(1, 2), is_reused=None),
        reset_stream(ErrorCodes.HTTP_1_1_REQUIRED),
        strikes=1,
        keeps=True,
    ),
    _row(
        "RST_STREAM after the head",
        STREAM_CUT,
        begin(content=b"o"),
        reset_stream(INTERNAL),
        keeps=True,
    ),
    _row(
        "NO_ERROR within the content",
        STREAM_CUT,
        begin(("content-length", "9"), content=b"o"),
        reset_stream(NO_ERROR),
        keeps=True,
    ),
)

_SILENCE = (
    _row("silent after the request", TIMES_OUT, wait_for_end),
    _row("silent after the head", TIMES_OUT, begin(), wait_for_end),
    _row(
        "no WINDOW_UPDATE",
        by_kind(answered(), file=TIMES_OUT),
        respond,
        keeps=True,
        grants_window=False,
        is_silent=True,
    ),
    _row(
        "a window of 0 bytes",
        by_kind(
            answered(),
            # A small body may be sent before SETTINGS have come.
            post=always(OK, TimeoutError, is_reused=None),
            file=TIMES_OUT,
            warmpost=TIMES_OUT,
            warmblock=TIMES_OUT,
        ),
        respond,
        keeps=True,
        settings={SettingCodes.INITIAL_WINDOW_SIZE: 0},
        grants_window=False,
        is_silent=True,
    ),
)

# RFC 9113, 8.1.1: malformed answers.
_MALFORMED = (
    _answer("content shorter than the length", VIOLATION, ("content-length", "9")),
    _answer(
        "content longer than the length", VIOLATION, ("content-length", "2"), content=b"okXXXX"
    ),
    _answer("no :status", VIOLATION, (":status", ""), ("x", "y")),
    _answer(":status of letters", VIOLATION, (":status", "abc")),
    _answer("field name in upper case", LENIENT_OR_NOT, ("X-Upper", "y")),
    _answer(
        "CR LF in a field's value",
        always(Answer(without=("set-cookie",)), HTTPException, is_reused=None),
        ("x", "a\r\nset-cookie: evil=1"),
    ),
    _answer(
        "NUL in a field's value",
        always(Answer(without=("x",)), HTTPException, is_reused=None),
        ("x", "a\0b"),
    ),
    _answer(
        "a field of the connection",
        always(Answer(without=("transfer-encoding",)), HTTPException, is_reused=None),
        ("transfer-encoding", "chunked"),
    ),
    _frames("DATA before HEADERS", VIOLATION, data()),
)

# RFC 9113, 5.4.1: errors of the connection.
_WRONG_FRAMES = (
    _frames("DATA on an idle stream", VIOLATION, data(later=10)),
    _frames("garbage in place of HPACK", VIOLATION, frame(HEADERS, b"\xff" * 8, flags=END_HEADERS)),
    _frames(
        "index beyond HPACK's table", VIOLATION, frame(HEADERS, b"\xff\xff\x0f", flags=END_HEADERS)
    ),
    _frames("a frame larger than allowed", VIOLATION, frame(0, b"x" * 70_000, size=0xFFFFFF)),
    _frames("garbage in place of frames", VIOLATION, lambda _: b"\xde\xad\xbe\xef" * 200),
    _frames(
        "PUSH_PROMISE",
        LENIENT_OR_NOT,
        frame(PUSH_PROMISE, b"\0\0\0\x02\x82", flags=END_HEADERS),
        headers(),
        data(),
    ),
    _frames(
        "fields of 1 MB",
        VIOLATION,
        headers(is_last=False),
        *[continuation(LONG_FIELD)] * 64,
        continuation(b"", is_last=True),
        data(),
    ),
)

_FLOODS = (
    _row(
        "flood of PING",
        _ends_somehow,
        flood_frames(
            lambda _: b"\0\0\x08" + bytes([PING, 0]) + bytes(4) + b"12345678", frames=200_000
        ),
        wait_for_end,
    ),
    _row(
        "flood of SETTINGS",
        _ends_somehow,
        flood_frames(lambda _: b"\0\0\0" + bytes([SETTINGS, 0]) + bytes(4), frames=200_000),
        wait_for_end,
    ),
    _row(
        "flood of empty DATA",
        _ends_somehow,
        send_frames(headers()),
        flood_frames(data(b"", is_last=False), frames=200_000),
        wait_for_end,
    ),
    _row(
        "flood of CONTINUATION",
        _ends_somehow,
        send_frames(headers(is_last=False)),
        flood_frames(continuation(FIELD_BLOCK * 200), frames=20_000),
        wait_for_end,
    ),
)

ROWS = (*_ENDS, *_STREAMS, *_SILENCE, *_MALFORMED, *_WRONG_FRAMES, *_FLOODS)
