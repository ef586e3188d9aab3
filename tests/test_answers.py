"""Answers are read as httplib2 reads them (heads, bodies and their ends), and connections are used
again where possible.

Rule: httplib2 reads the same bytes (`tests.reference`). Where libcurl is right and httplib2 wrong,
a separate test says so.
"""

import gzip

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asynchttp import Http
from tests.conftest import RawServerFactory
from tests.reference import Outcome, assert_same_as_httplib2, request_with_both
from tests.servers.app import patterned_bytes
from tests.servers.raw import OK, read_head, read_until_closed, send
from tests.servers.recording import answer_requests, record_request
from tests.servers.web import WebServer

HEAD_OF_TWO_BYTES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
LAST_CHUNK = b"2\r\nok\r\n0\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def outcome_of_both(raw_server: RawServerFactory, answer: bytes) -> Outcome:
    """The outcome, the same for httplib2 and us, of `answer` and the end of the connection."""
    return assert_same_as_httplib2(raw_server, [record_request, send(answer)]).outcome


# Heads

HEADS = {
    "plain": HEAD_OF_TWO_BYTES + b"\r\nok",
    "LF": b"HTTP/1.1 200 OK\nContent-Length: 2\nX: y\n\nok",
    "LF and CRLF": b"HTTP/1.1 200 OK\r\nX: y\nContent-Length: 2\nY: z\r\n\r\nok",
    "CRLF and LF": b"HTTP/1.1 200 OK\nX: y\r\nContent-Length: 2\r\n\nok",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok",
    "empty reason": b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok",
    "strange reason": b"HTTP/1.1 200   All \t fine: \xe9 \r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "status 299": b"HTTP/1.1 299 Own\r\nContent-Length: 2\r\n\r\nok",
    "status 600": b"HTTP/1.1 600 Beyond\r\nContent-Length: 2\r\n\r\nok",
    "status 999": b"HTTP/1.1 999 Beyond\r\nContent-Length: 2\r\n\r\nok",
    "no fields": b"HTTP/1.1 200 OK\r\n\r\nok",
    "after 100": b"HTTP/1.1 100 Continue\r\nX: interim\r\n\r\n"
    + HEAD_OF_TWO_BYTES
    + b"Y: final\r\n\r\nok",
    "after two 100": b"HTTP/1.1 100 Continue\r\n\r\n" * 2 + HEAD_OF_TWO_BYTES + b"\r\nok",
    "repeated fields": HEAD_OF_TWO_BYTES
    + b"X: 1\r\nx: 2\r\nSet-Cookie: a\r\nX: 3\r\nset-cookie: b\r\n\r\nok",
    "empty repeated": HEAD_OF_TWO_BYTES + b"X:\r\nX: 2\r\nX:\r\n\r\nok",
    "white space": HEAD_OF_TWO_BYTES + b"A:1\r\nB:   2  3  \r\nC:\t4\t\r\nD:\r\nE: \t \r\n\r\nok",
    "latin-1": HEAD_OF_TWO_BYTES + b"X: caf\xe9 \xa0\r\nY: \xc3\xbc\r\n\r\nok",
    "controls": HEAD_OF_TWO_BYTES + b"X: a\x01b\x0b\x0c\x1c\x1d\x1e\x85c\r\n\r\nok",
    "colons": HEAD_OF_TWO_BYTES + b"X: a: b:c\r\nY::\r\n\r\nok",
    "status as a field": HEAD_OF_TWO_BYTES + b"Status: 500 No\r\n\r\nok",
    "a status line as a value": HEAD_OF_TWO_BYTES + b"X: HTTP/1.1 500 No\r\n\r\nok",
    "hop by hop": HEAD_OF_TWO_BYTES + b"Connection: X\r\nX: y\r\nKeep-Alive: timeout=1\r\n\r\nok",
    "Content-Location": HEAD_OF_TWO_BYTES + b"Content-Location: /elsewhere\r\n\r\nok",
    "100 fields": HEAD_OF_TWO_BYTES
    + b"".join(b"X-%d: %d\r\n" % (i, i) for i in range(98))
    + b"\r\nok",
    "a long field": HEAD_OF_TWO_BYTES + b"X: " + b"long" * 15_000 + b"\r\n\r\nok",
}


@pytest.mark.parametrize("kind", HEADS)
def test_head_is_read_like_httplib2(raw_server: RawServerFactory, kind: str) -> None:
    assert outcome_of_both(raw_server, HEADS[kind]).content == b"ok"


NAMES = st.text("!#$%&'*+-.^_`|~0123456789abcXYZ", min_size=1)
VALUES = st.text(st.characters(max_codepoint=255, exclude_characters="\0\r\n"))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(NAMES, VALUES), max_size=5))
def test_any_header_fields_are_read_like_httplib2(
    raw_server: RawServerFactory, fields: list[tuple[str, str]]
) -> None:
    lines = "".join(f"X-{name}: {value}\r\n" for name, value in fields).encode("latin-1")
    assert outcome_of_both(raw_server, HEAD_OF_TWO_BYTES + lines + b"\r\nok").content == b"ok"


def test_early_hints_are_not_taken_for_answer(raw_server: RawServerFactory) -> None:
    """RFC 8297. httplib2 returns the 103 as the answer."""
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
    _, ours = request_with_both(
        raw_server, [record_request, send(hints + HEAD_OF_TWO_BYTES + b"\r\nok")]
    )
    assert (ours.outcome.status, ours.outcome.content) == (200, b"ok")
    assert "link" not in (ours.outcome.fields or {})


def test_folded_header_fields_are_unfolded(raw_server: RawServerFactory) -> None:
    """RFC 9112, 5.2. httplib2 leaves the line breaks in the values."""
    _, ours = request_with_both(
        raw_server,
        [record_request, send(HEAD_OF_TWO_BYTES + b"X: 1\r\n  2\r\n\t3\r\nY: 4\r\n\r\nok")],
    )
    fields = ours.outcome.fields or {}
    assert (fields["x"].split(), fields["y"]) == (["1", "2", "3"], "4")


def test_thousand_header_fields_are_accepted(raw_server: RawServerFactory) -> None:
    fields = b"".join(b"X-%d: %d\r\n" % (number, number) for number in range(1000))
    _, ours = request_with_both(
        raw_server, [record_request, send(HEAD_OF_TWO_BYTES + fields + b"\r\nok")]
    )
    assert (ours.outcome.fields or {})["x-999"] == "999"


# Bodies

BODIES = {
    "until close": (b"HTTP/1.1 200 OK\r\n\r\nall of it", b"all of it"),
    "empty until close": (b"HTTP/1.1 200 OK\r\n\r\n", b""),
    "empty": (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
    "more than Content-Length": (HEAD_OF_TWO_BYTES + b"\r\nok and more", b"ok"),
    "a second answer": (HEAD_OF_TWO_BYTES + b"\r\nok" + OK, b"ok"),
    "in chunks": (CHUNKED + b"2\r\nok\r\n3\r\n ok\r\n0\r\n\r\n", b"ok ok"),
    "no chunks": (CHUNKED + b"0\r\n\r\n", b""),
    "long hexadecimals": (CHUNKED + b"0000000A\r\n0123456789\r\n00\r\n\r\n", b"0123456789"),
    "chunk extensions": (CHUNKED + b"2;a=b;c\r\nok\r\n0;d\r\n\r\n", b"ok"),
    "trailers": (CHUNKED + b"2\r\nok\r\n0\r\nX-Late: 1\r\nStatus: 500\r\n\r\n", b"ok"),
    "a status line in trailers": (CHUNKED + b"2\r\nok\r\n0\r\nHTTP/1.1 500: No\r\n\r\n", b"ok"),
    "both lengths": (CHUNKED.replace(b"\r\n", b"\r\nContent-Length: 9\r\n", 1) + LAST_CHUNK, b"ok"),
    "the same length twice": (HEAD_OF_TWO_BYTES + b"Content-Length: 2\r\n\r\nok", b"ok"),
    "identity": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok", b"ok"),
    "101": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", b""),
    "101 with a length": (b"HTTP/1.1 101 Switching\r\nContent-Length: 2\r\n\r\nok", b""),
    "101 and another answer": (b"HTTP/1.1 101 Switching\r\n\r\n" + OK, b""),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "204 with a length": (b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", b""),
    "205": (b"HTTP/1.1 205 Reset\r\nContent-Length: 0\r\n\r\n", b""),
    "304 with a length": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", b""),
    "206": (
        b"HTTP/1.1 206 Part\r\nContent-Range: bytes 0-1/9\r\nContent-Length: 2\r\n\r\nok",
        b"ok",
    ),
    "401": (b"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n\r\nno", b"no"),
    "407": (b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 2\r\n\r\nno", b"no"),
    "417": (b"HTTP/1.1 417 No\r\nContent-Length: 2\r\n\r\nno", b"no"),
    "421": (b"HTTP/1.1 421 No\r\nContent-Length: 2\r\n\r\nno", b"no"),
    "503": (b"HTTP/1.1 503 No\r\nRetry-After: 9\r\nContent-Length: 2\r\n\r\nno", b"no"),
}


@pytest.mark.parametrize("kind", BODIES)
def test_body_is_read_like_httplib2(raw_server: RawServerFactory, kind: str) -> None:
    answer, content = BODIES[kind]
    assert outcome_of_both(raw_server, answer).content == content


IDENTITY = {
    "identity": b"Transfer-Encoding: identity\r\n",
    "Identity": b"Transfer-Encoding: Identity\r\n",
    "empty": b"Transfer-Encoding:\r\n",
    "list": b"Transfer-Encoding: identity, , identity\r\n",
    "two fields": b"Transfer-Encoding: identity\r\nTransfer-Encoding: identity\r\n",
}


@pytest.mark.parametrize("kind", IDENTITY)
def test_content_of_identity_ends_on_kept_connection(
    raw_server: RawServerFactory, kind: str
) -> None:
    """RFC 9112 has no "identity"; libcurl would read until the connection closes."""
    story = assert_same_as_httplib2(
        raw_server,
        [record_request, send(HEAD_OF_TWO_BYTES + IDENTITY[kind] + b"\r\nok"), read_until_closed],
    )
    assert story.outcome.content == b"ok"


IDENTITY_ENDS = {
    "empty": (b"Content-Length: 0\r\n\r\n", b""),
    "large": (b"Content-Length: 3000000\r\n\r\n" + b"x" * 3_000_000, b"x" * 3_000_000),
    "more than the length": (b"Content-Length: 2\r\n\r\nok and more", b"ok"),
    "packed": (
        b"Content-Encoding: gzip\r\nContent-Length: 22\r\n\r\n" + gzip.compress(b"ok"),
        b"ok",
    ),
}


@pytest.mark.parametrize("kind", IDENTITY_ENDS)
def test_content_of_identity_has_the_given_length(raw_server: RawServerFactory, kind: str) -> None:
    answer, content = IDENTITY_ENDS[kind]
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n"
    story = assert_same_as_httplib2(
        raw_server, [record_request, send(head + answer), read_until_closed]
    )
    assert story.outcome.content == content


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
def test_answer_without_content_may_have_identity_and_length(
    raw_server: RawServerFactory, status: bytes
) -> None:
    fields = b"\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\n"
    assert outcome_of_both(raw_server, b"HTTP/1.1 " + status + fields).content == b""


@pytest.mark.parametrize("length", [b"", b"Content-Length: 2\r\n"])
def test_unasked_101_on_kept_connection_is_the_answer(
    raw_server: RawServerFactory, length: bytes
) -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n"
    script = [record_request, send(switching + length + b"\r\n"), read_until_closed]
    story = assert_same_as_httplib2(raw_server, script)
    assert (story.outcome.status, story.outcome.content) == (101, b"")


def test_request_after_101_takes_another_connection(raw_server: RawServerFactory) -> None:
    switching = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
    server = raw_server(
        [read_head, send(switching), read_until_closed], [read_head, send(OK), read_until_closed]
    )
    with Http() as http:
        statuses = [http.request(server.url()).result()[0].status for _ in range(2)]
    assert statuses == [101, 200]


HEAD_ANSWERS = {
    "with a length": b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n",
    "in chunks": CHUNKED,
    "packed": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 10\r\n\r\n",
    "nothing": b"HTTP/1.1 404 Not Found\r\n\r\n",
}


@pytest.mark.parametrize("kind", HEAD_ANSWERS)
def test_answer_to_head_has_no_content(raw_server: RawServerFactory, kind: str) -> None:
    script = [record_request, send(HEAD_ANSWERS[kind]), read_until_closed]
    result = assert_same_as_httplib2(
        raw_server, script, lambda http, url: http.request(url("/"), "HEAD")
    )
    assert result.outcome.content == b""


@pytest.mark.parametrize("chunked", ["", "?chunked=1"])
@pytest.mark.parametrize("count", [0, 1, 65_536, 20_000_000])
def test_content_has_exactly_the_sent_bytes(server: WebServer, count: int, chunked: str) -> None:
    with Http() as http:
        content = http.request(server.url(f"/bytes/{count}{chunked}"))[1]
        assert bytes(content) == patterned_bytes(0, count)


# Connections


def test_sequential_requests_share_one_connection(server: WebServer) -> None:
    with Http() as http:
        for method in ("GET", "POST", "HEAD", "GET", "DELETE"):
            http.request(server.url(), method).result()
        http.request(server.url("/status/404")).result()
        http.request(server.url("/hops/2")).result()
    assert len({each.port for each in server.received}) == 1


def test_simultaneous_requests_have_one_connection_each(server: WebServer) -> None:
    with Http(max_workers=4) as http:
        for _ in range(3):
            held = server.hold_answers()
            promises = [http.request(held.url()) for _ in range(4)]
            held.arrived.wait_for(4)
            held.answer_all()
            assert [promise.response.status for promise in promises] == [200] * 4
    assert len({each.port for each in server.received}) == 4


@pytest.mark.parametrize(
    "last",
    [
        HEAD_OF_TWO_BYTES + b"Connection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n\r\nok",
    ],
    ids=["Connection: close", "HTTP/1.0", "body until close"],
)
def test_ended_connection_is_not_used_again(raw_server: RawServerFactory, last: bytes) -> None:
    server = raw_server([read_head, send(last)], [read_head, send(OK)])
    with Http() as http:
        for _ in range(2):
            assert http.request(server.url())[1] == b"ok"
    assert len(server.accepted) == 2


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_request_is_resent_if_idle_connection_closes(
    raw_server: RawServerFactory, method: str
) -> None:
    """The server closes while the request is written; httplib2 sends again, too."""
    body = b"again" if method == "PUT" else None
    server = raw_server([record_request, send(OK), record_request], [record_request, send(OK)])
    with Http() as http:
        assert http.request(server.url("/first"))[1] == b"ok"
        assert http.request(server.url("/second"), method, body)[1] == b"ok"
    lines = [head.split(b" ")[1] for head in server.heads]
    assert lines == [b"/first", b"/second", b"/second"]
    assert list(server.bodies)[1:] == [body or b""] * 2


def test_connection_closed_while_idle_is_replaced(raw_server: RawServerFactory) -> None:
    """If the close races with the request, libcurl opens one more connection and sends nothing."""
    server = raw_server([record_request, send(OK)], [record_request, send(OK)])
    with Http() as http:
        for _ in range(2):
            assert http.request(server.url("/"))[1] == b"ok"
    assert len(server.heads) == 2


def test_concurrent_answers_are_not_mixed_up(server: WebServer) -> None:
    """Connections and handles are used again and again by 400 requests."""
    with Http(max_workers=8) as http:
        promises = [
            http.request(server.url(f"/text/utf-8?text={number}"), callback=lambda _: None)
            for number in range(400)
        ]
        assert [int(promise.content) for promise in promises] == list(range(400))


def test_unrequested_answer_on_connection_is_discarded(raw_server: RawServerFactory) -> None:
    evil = OK.replace(b"ok", b"NO")
    server = raw_server([record_request, send(OK + evil), read_until_closed], [answer_requests(OK)])
    with Http() as http:
        assert http.request(server.url("/"))[1] == b"ok"
        assert http.request(server.url("/"))[1] == b"ok"
