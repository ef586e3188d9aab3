"""Lengths, transfer codings, chunks and trailers that are wrong or odd (RFC 9112, 6 and 7)."""

import gzip
from http.client import HTTPException, IncompleteRead

from tests.faults.fault import Fault
from tests.faults.steps import chunked, head
from tests.faults.wanted import OK, Answer, Rule, always, answered
from tests.servers.raw import send

REFUSED: Rule = always(HTTPException)
CUT: Rule = always(IncompleteRead)
# RFC 9112 lets a client be lenient, or strict.
LENIENT_OR_NOT: Rule = always(OK, HTTPException, is_reused=None)
LONG_TEXT = b"hello" * 1000
PACKED = gzip.compress(LONG_TEXT, mtime=0)
LAST = b"0\r\n\r\n"
TE = "Transfer-Encoding: "


def _lengths(name: str, wanted: Rule, *values: str, content: bytes = b"ok") -> Fault:
    fields = (f"Content-Length: {value}" for value in values)
    return Fault(name, wanted, (send(head(*fields) + content),), keeps=True)


def _ending(name: str, wanted: Rule, *fields: str, content: bytes = b"ok") -> Fault:
    """An answer whose end is the end of the connection."""
    return Fault(name, wanted, (send(head(*fields) + content),))


def _chunks(name: str, wanted: Rule, *lines: bytes, keeps: bool = False) -> Fault:
    return Fault(name, wanted, (send(chunked(*lines)),), keeps=keeps)


_LENGTHS = (
    # RFC 9112, 6.3: a list of equal values is one value, anything else is unrecoverable.
    _lengths("two equal lengths", answered(), "2", "2"),
    _lengths("length '2, 2'", answered(), "2, 2"),
    _lengths("lengths 2 and 6", REFUSED, "2", "6", content=b"okXXXX"),
    _lengths("lengths 6 and 2", REFUSED, "6", "2", content=b"okXXXX"),
    _lengths("length '2, 6'", REFUSED, "2, 6", content=b"okXXXX"),
    *(
        _ending(f"length {value!r}", REFUSED, f"Content-Length: {value}")
        for value in ("-1", "+2", "abc", "", "2x", "0x2", "1e1", "99999999999999999999")
    ),
)

_CODINGS = (
    # RFC 9112, 6.3: chunks decide; "ought to be handled as an error".
    Fault(
        "length and chunks",
        LENIENT_OR_NOT,
        (send(head("Content-Length: 99", TE + "chunked") + b"2\r\nok\r\n" + LAST),),
        keeps=True,
    ),
    Fault(
        "chunks and a length",
        LENIENT_OR_NOT,
        (send(head(TE + "chunked", "Content-Length: 2") + b"2\r\nok\r\n" + LAST),),
        keeps=True,
    ),
    _ending("Transfer-Encoding: identity", always(OK, HTTPException), TE + "identity"),
    # The next request would wait for the end of the connection, which does not come.
    Fault(
        "Transfer-Encoding: identity and a length, kept open",
        LENIENT_OR_NOT,
        (send(head(TE + "identity", "Content-Length: 2") + b"ok"),),
        keeps=True,
    ),
    _ending(
        "Transfer-Encoding: xchunked",
        REFUSED,
        TE + "xchunked",
        content=b"2\r\nok\r\n" + LAST,
    ),
    _ending(
        "Transfer-Encoding: chunked, chunked",
        REFUSED,
        TE + "chunked, chunked",
        content=b"2\r\nok\r\n" + LAST,
    ),
    _ending(
        "Transfer-Encoding: gzip, chunked",
        always(Answer(200, LONG_TEXT), HTTPException),
        TE + "gzip, chunked",
        content=b"%x\r\n%b\r\n" % (len(PACKED), PACKED) + LAST,
    ),
)

_CHUNKS = (
    *(
        _chunks(f"chunk size {size.decode()!r}", REFUSED, size + b"\r\nok\r\n", LAST)
        for size in (
            b"nonsense",
            b"-2",
            b"g",
            b"",
            b"0x2",
            b"ffffffffffffffffff",
            b"8000000000000000",
            b" 2",
        )
    ),
    _chunks("chunk size '2 2'", LENIENT_OR_NOT, b"2 2\r\nok\r\n" + LAST),  # as an extension
    _chunks("a chunk longer than the rest", CUT, b"9\r\nok\r\n" + LAST),
    _chunks("a chunk longer than its size", REFUSED, b"2\r\nokXX" + LAST),
    _chunks("chunks that end with LF", LENIENT_OR_NOT, b"2\nok\n0\n\n"),
    _chunks("no last chunk", CUT, b"2\r\nok\r\n"),
    _chunks("no empty line after the last chunk", CUT, b"2\r\nok\r\n0\r\n"),
    _chunks(
        "a chunk extension of 1 MB",
        LENIENT_OR_NOT,
        b"2;" + b"x" * (1 << 20) + b"\r\nok\r\n" + LAST,
        keeps=True,
    ),
    _chunks(
        "trailers of 1 MB",
        LENIENT_OR_NOT,
        b"2\r\nok\r\n0\r\n" + b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 30_000 + b"\r\n",
        keeps=True,
    ),
    # RFC 9110, 6.5.1: trailers are not merged into the fields of the head.
    _chunks(
        "trailers that would change the head",
        answered(Answer(without=("content-type", "set-cookie"))),
        b"2\r\nok\r\n0\r\nContent-Type: evil/x\r\nSet-Cookie: a=b\r\n\r\n",
        keeps=True,
    ),
)

ROWS = (*_LENGTHS, *_CODINGS, *_CHUNKS)
