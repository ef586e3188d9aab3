"""Status lines and fields that are wrong, odd, or without an end."""

from http.client import BadStatusLine, HTTPException

from tests.faults.fault import Fault
from tests.faults.steps import answer, flood, head
from tests.faults.wanted import OK, Answer, Rule, always, answered
from tests.servers.raw import OK as OK_ANSWER
from tests.servers.raw import send

TWO = "Content-Length: 2"
REFUSED: Rule = always(HTTPException)
NOT_HTTP: Rule = always(BadStatusLine)
# RFC 9112 lets a client be lenient, or strict.
LENIENT_OR_NOT: Rule = always(OK, HTTPException, is_reused=None)


def _status(line: str | bytes, wanted: Rule) -> Fault:
    """A status line, before a good rest."""
    name = f"status line {line!r}"
    return Fault(name, wanted, (send(head(TWO, status=line) + b"ok"),), keeps=True)


def _field(name: str, wanted: Rule, *fields: str | bytes) -> Fault:
    return Fault(name, wanted, (send(head(*fields) + b"ok"),), keeps=True)


def _endless(name: str, first: bytes, again: bytes) -> Fault:
    return Fault(f"endless {name}", REFUSED, (flood(first, again, megabytes=40),))


_STATUS_LINES = (
    Fault("no HTTP at all", NOT_HTTP, (send(b"\x00\xff garbage \x01\r\n\r\n"),)),
    Fault("a page of HTTP/0.9", NOT_HTTP, (send(b"<html>hello</html>\n"),)),
    Fault("the greeting of another protocol", NOT_HTTP, (send(b"SSH-2.0-OpenSSH\r\n"),)),
    # RFC 9110, 15: three digits; a status beyond 599 is treated as 5xx of any kind.
    *(
        _status(line, NOT_HTTP)
        for line in (
            "HTTP/1.1 abc OK",
            "HTTP/1.1 20 OK",
            "HTTP/1.1 2000 OK",
            "HTTP/1.1 200000 OK",
            "HTTP/1.1 -200 OK",
            "HTTP/1.1 000 OK",
            "HTTP/1.1 200OK",
            "HTTP/1.1 200.5 OK",
            "HTTP/1.1200 OK",
            "HTTP/9.9 200 OK",
            "ICY 200 OK",
        )
    ),
    _status("HTTP/1.1 999 OK", answered(Answer(999))),
    _status("HTTP/1.1 200", answered()),
    _status("HTTP/1.1  200 OK", LENIENT_OR_NOT),  # RFC 9112, 4: white space MAY be more than one
    _status("HTTP/2 200 OK", LENIENT_OR_NOT),
    _status("http/1.1 200 OK", LENIENT_OR_NOT),
    _status(b"HTTP/1.1 200 O\0K", LENIENT_OR_NOT),
    _status("HTTP/1.0 200 OK", always(OK)),  # RFC 9112, 9.3: no keep-alive without the option
)

_FIELDS = (
    # RFC 9110, 5.5: CR, LF and NUL are refused, or replaced by a space.
    _field("NUL in a field's value", REFUSED, TWO, b"X: a\0b"),
    _field("NUL in a field's name", REFUSED, TWO, b"X\0Y: a"),
    _field("a CR alone within a field", REFUSED, TWO, "X: a\rSet-Cookie: evil=1"),
    Fault(
        "lines that end with LF",
        answered(),
        (send(b"HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nok"),),
        keeps=True,
    ),
    # The length counts or not, so that the content ends with the connection.
    Fault(
        "a space before the colon",
        always(OK, HTTPException),
        (send(head("Content-Length : 2") + b"ok"),),
    ),
    _field("a field without a colon", REFUSED, TWO, "nonsense", "X: y"),
    _field("a field without a name", LENIENT_OR_NOT, TWO, ": y"),
    _field("a folded line before all fields", LENIENT_OR_NOT, " folded", TWO),
    _field("a folded field", answered(), TWO, "X: a", "  b"),
    _field("a field's value of bytes above 127", answered(), TWO, b"X: \xff\xfe\xc3\xa4"),
    _field("Connection: close, but stays open", always(OK), TWO, "Connection: close"),
)

_INTERIM = (
    Fault(
        "some interim answers",
        answered(),
        (
            send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"),
            send(OK_ANSWER),
        ),
        keeps=True,
    ),
    # RFC 9110, 15.2.2: a server may not switch protocols unasked.
    Fault(
        "101 unasked",
        always(Answer(101, b""), HTTPException),
        (
            send(head("Upgrade: x", "Connection: upgrade", status="HTTP/1.1 101 Switching")),
            send(OK_ANSWER),
        ),
        keeps=True,
    ),
)

_NO_CONTENT = (
    Fault(
        "204 with content",
        always(Answer(204, b"")),
        (send(answer(b"POISON", status="204 No Content")),),
        keeps=True,
    ),
    Fault(
        "304 unasked, with content",
        always(Answer(304, b"")),
        (send(answer(b"POISON", status="304 Not Modified")),),
        keeps=True,
    ),
)

_ENDLESS = (
    _endless("fields", b"HTTP/1.1 200 OK\r\n", b"X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n"),
    _endless("field", b"HTTP/1.1 200 OK\r\nX: ", b"y" * 4000),
    _endless("status line", b"HTTP/1.1 200 ", b"y" * 4000),
    _endless("folded field", b"HTTP/1.1 200 OK\r\nX: y\r\n", b" folded folded folded\r\n"),
    _endless("interim answers", b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
)

ROWS = (*_STATUS_LINES, *_FIELDS, *_INTERIM, *_NO_CONTENT, *_ENDLESS)
