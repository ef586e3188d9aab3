"""How often a request is sent if its connection ends, or its HTTP/2 stream does.

Rules:
- The servers count the requests read.
- A request is sent again only if the server cannot have processed the request, or if processing
  twice does no harm: RFC 9110, 9.2.2; RFC 9113, 8.7. The blocking form sends every request again
  after a close, as httplib2 does.
"""

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException, RemoteDisconnected
from typing import Any

import httplib2
import pytest
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived
from hyperframe.frame import DataFrame

from asynchttp import Http
from asynchttp.messages.errors import RefusedStreamError
from asynchttp.policy import retry
from tests.conftest import RawServerFactory
from tests.servers.certificates import Authority, sign_for_this_machine, tls_server_context
from tests.servers.event_log import PATIENCE
from tests.servers.raw import (
    OK,
    RawServer,
    ServerConnection,
    Step,
    read_until_closed,
    reset_connection,
    send,
)
from tests.servers.recording import record_request

KEPT_CONNECTIONS = 6
SHORT_TIMEOUT = 0.3


def close_connection(connection: ServerConnection) -> None:
    connection.close()
    connection.server.closed.add(connection.client_port)


def cut(connection: ServerConnection) -> None:
    """End the TCP connection without the close_notify alert of TLS."""
    connection.shut_down()


def say_goodbye(connection: ServerConnection) -> None:
    """End the TLS connection in order, with a close_notify alert."""
    assert isinstance(connection.socket, ssl.SSLSocket)
    with suppress(OSError):
        connection.socket.unwrap()


CLOSES, RESETS = [close_connection], [reset_connection]
BEGINS_THEN_RESETS, BEGINS_THEN_CLOSES = (
    [send(b"HTTP/1."), reset_connection],
    [send(b"HTTP/1."), close_connection],
)
NO_HTTP = [send(b"SSH-2.0\r\n")]


@contextmanager
def http_with_kept_connections(
    raw_server: RawServerFactory, last: list[Step]
) -> Iterator[tuple[Http, RawServer]]:
    """An Http with several kept connections; after another request each connection does `last`."""
    enough = threading.Barrier(KEPT_CONNECTIONS)
    first = [record_request, lambda _: enough.wait(PATIENCE), send(OK)]
    server = raw_server(
        *[[*first, record_request, *last]] * KEPT_CONNECTIONS, [record_request, *last]
    )
    with Http(timeout=PATIENCE, max_workers=KEPT_CONNECTIONS) as http:
        promises = [http.request(server.url("/kept")) for _ in range(KEPT_CONNECTIONS)]
        assert [promise.content for promise in promises] == [b"ok"] * KEPT_CONNECTIONS
        assert len(server.accepted) == KEPT_CONNECTIONS
        yield http, server


def ask(http: Http, server: RawServer, method: str, **rest: Any) -> BaseException | None:
    """Request /order in the form of the Http, and return the error."""
    body = None if method == "GET" else b"order=1"
    try:
        answer = http.request(server.url("/order"), method, body, **rest)
        return None if http.blocking else answer.exception()
    except Exception as error:  # noqa: BLE001  # any: the caller looks
        return error


def sent_to(server: RawServer, path: bytes) -> int:
    return sum(path in each for each in server.heads)


# Kept connections


@pytest.mark.parametrize(
    ("last", "get", "post", "blocking_post"),
    [
        (CLOSES, 2, 1, 2),
        (RESETS, 2, 1, 1),
        (BEGINS_THEN_RESETS, 1, 1, 1),
        (BEGINS_THEN_CLOSES, 1, 1, 1),
        (NO_HTTP, 1, 1, 1),
    ],
    ids=["closes", "resets", "begins and resets", "begins and closes", "is no HTTP"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH", "MKCOL"])
@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
def test_request_on_ending_kept_connection_is_sent_as_often_as_is_safe(
    raw_server: RawServerFactory,
    method: str,
    blocking: bool,
    last: list[Step],
    get: int,
    post: int,
    blocking_post: int,
) -> None:
    with http_with_kept_connections(raw_server, last) as (http, server):
        http.blocking = blocking
        assert isinstance(ask(http, server, method), OSError | HTTPException)
        expected = get if method in ("GET", "PUT") else blocking_post if blocking else post
        assert sent_to(server, b" /order ") == expected


@pytest.mark.parametrize("last", [CLOSES, RESETS], ids=["closes", "resets"])
def test_get_on_ending_kept_connection_is_answered_on_new_connection(
    raw_server: RawServerFactory, last: list[Step]
) -> None:
    server = raw_server(
        [record_request, send(OK), record_request, *last], [record_request, send(OK)]
    )
    with Http(timeout=PATIENCE) as http:
        for _ in range(2):
            assert http.request(server.url("/order"))[1] == b"ok"


@pytest.mark.parametrize("last", [CLOSES, RESETS], ids=["closes", "resets"])
def test_lost_post_makes_no_second_connection(
    raw_server: RawServerFactory, last: list[Step]
) -> None:
    """If the server had ended, the error would be that of the second connection: refused."""
    server = raw_server([record_request, send(OK), record_request, *last])
    with Http(timeout=PATIENCE) as http:
        assert http.request(server.url("/"))[1] == b"ok"
        assert isinstance(ask(http, server, "POST"), ConnectionResetError)
    assert len(server.accepted) == 1


def test_closed_kept_connections_are_not_reused(raw_server: RawServerFactory) -> None:
    """The next request is sent once, on a new connection."""
    enough = threading.Barrier(KEPT_CONNECTIONS + 1)

    def meet(_: ServerConnection) -> None:
        enough.wait(PATIENCE)

    closing = [record_request, meet, send(OK), close_connection]
    server = raw_server(*[closing] * KEPT_CONNECTIONS, [record_request, send(OK)])
    with Http(timeout=PATIENCE, max_workers=KEPT_CONNECTIONS) as http:
        promises = [http.request(server.url("/kept")) for _ in range(KEPT_CONNECTIONS)]
        enough.wait(PATIENCE)
        assert [promise.content for promise in promises] == [b"ok"] * KEPT_CONNECTIONS
        server.closed.wait_for(KEPT_CONNECTIONS)
        assert http.request(server.url("/order"), "POST", b"order=1")[1] == b"ok"
        assert sent_to(server, b" /order ") == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
@pytest.mark.parametrize(
    "unasked",
    [OK.replace(b"ok", b"NO"), b"HTTP/1.1 408 Timeout\r\nContent-Length: 0\r\n\r\n"],
    ids=["200", "408"],
)
def test_unasked_answer_on_idle_connection_is_not_the_next_answer(
    raw_server: RawServerFactory, method: str, blocking: bool, unasked: bytes
) -> None:
    has_first, is_sent = threading.Event(), threading.Event()

    def send_unasked(connection: ServerConnection) -> None:
        assert has_first.wait(PATIENCE)
        connection.socket.sendall(unasked)
        is_sent.set()
        read_until_closed(connection)

    server = raw_server([record_request, send(OK), send_unasked], [record_request, send(OK)])
    with Http(timeout=PATIENCE, blocking=blocking) as http:
        assert http.request(server.url("/first"))[1] == b"ok"
        has_first.set()
        assert is_sent.wait(PATIENCE)
        response, content = http.request(server.url("/order"), method, b"")
        assert (response.status, bytes(content)) == (200, b"ok")
    assert sent_to(server, b" /order ") == 1
    assert len(server.accepted) == 2


# New connections


@pytest.mark.parametrize(
    ("last", "get", "post", "blocking_post"),
    [
        (CLOSES, 2, 1, 2),
        (RESETS, 1, 1, 1),
        (BEGINS_THEN_RESETS, 1, 1, 1),
        (BEGINS_THEN_CLOSES, 1, 1, 1),
        (NO_HTTP, 1, 1, 1),
    ],
    ids=["closes", "resets", "begins and resets", "begins and closes", "is no HTTP"],
)
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
def test_request_on_ending_new_connection_is_sent_as_often_as_is_safe(
    raw_server: RawServerFactory,
    method: str,
    blocking: bool,
    last: list[Step],
    get: int,
    post: int,
    blocking_post: int,
) -> None:
    server = raw_server([record_request, *last])
    with Http(timeout=PATIENCE, blocking=blocking) as http:
        assert isinstance(ask(http, server, method), OSError | HTTPException)
    assert len(server.heads) == (
        post if method == "POST" and not blocking else blocking_post if method == "POST" else get
    )


# TLS


@pytest.mark.parametrize("first", [[], [record_request, send(OK)]], ids=["new", "kept"])
@pytest.mark.parametrize("begun", [[], [send(b"HTTP/1.")]], ids=["silent", "begins"])
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
def test_request_on_cut_tls_connection_is_sent_once(
    raw_tls_server: RawServerFactory,
    authority_file: str,
    method: str,
    blocking: bool,
    first: list[Step],
    begun: list[Step],
) -> None:
    server = raw_tls_server([*first, record_request, *begun, cut, read_until_closed])
    with Http(timeout=PATIENCE, ca_certs=authority_file, blocking=blocking) as http:
        if first:
            assert http.request(server.url("/first"))[1] == b"ok"
        assert isinstance(ask(http, server, method), RemoteDisconnected)
    assert sent_to(server, b" /order ") == 1


@pytest.mark.parametrize(("method", "times"), [("GET", 2), ("POST", 1)])
def test_request_after_close_notify_is_sent_as_often_as_is_safe(
    raw_tls_server: RawServerFactory, authority_file: str, method: str, times: int
) -> None:
    server = raw_tls_server(
        [record_request, send(OK), record_request, say_goodbye], [record_request, say_goodbye]
    )
    with Http(timeout=PATIENCE, ca_certs=authority_file) as http:
        assert http.request(server.url("/first"))[1] == b"ok"
        assert isinstance(ask(http, server, method), RemoteDisconnected)
    assert sent_to(server, b" /order ") == times


# Without retries


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
@pytest.mark.parametrize("last", [CLOSES, RESETS, NO_HTTP], ids=["closes", "resets", "no HTTP"])
@pytest.mark.parametrize("is_of_http", [False, True], ids=["request", "Http"])
def test_request_without_retries_is_sent_once(
    raw_server: RawServerFactory, method: str, blocking: bool, last: list[Step], is_of_http: bool
) -> None:
    with http_with_kept_connections(raw_server, last) as (http, server):
        http.blocking = blocking
        if is_of_http:
            http.retries = 0
        rest = {} if is_of_http else {"retries": 0}
        assert isinstance(ask(http, server, method, **rest), OSError | HTTPException)
        assert sent_to(server, b" /order ") == 1


EXPECTATION = {"headers": {"Expect": "100-continue"}}


@pytest.mark.parametrize(
    ("method", "blocking", "retries", "times"),
    [
        ("GET", False, None, 2),
        ("GET", False, 0, 1),
        ("GET", True, 0, 1),
        ("POST", False, None, 1),
        ("POST", False, 0, 1),
        ("POST", True, None, 2),
        ("POST", True, 0, 1),
    ],
)
@pytest.mark.parametrize(
    "rest",
    [EXPECTATION, {"connection_type": httplib2.HTTPConnectionWithTimeout}],
    ids=["Expect", "connection_type"],
)
def test_httplib2s_own_code_sends_as_often_as_libcurl_does(
    raw_server: RawServerFactory,
    method: str,
    blocking: bool,
    retries: int | None,
    times: int,
    rest: dict[str, Any],
) -> None:
    server = raw_server([record_request, close_connection])
    with Http(timeout=PATIENCE, blocking=blocking, retries=retries) as http:
        assert isinstance(ask(http, server, method, **rest), RemoteDisconnected)
    assert len(server.heads) == times


def test_httplib2s_own_code_without_resend_replaces_closed_connection(
    raw_server: RawServerFactory,
) -> None:
    server = raw_server([record_request, send(OK), close_connection], [record_request, send(OK)])
    with Http(timeout=PATIENCE, max_workers=1) as http:
        for number in (1, 2):
            expects = {"Expect": "100-continue"}
            promise = http.request(server.url("/order"), "POST", b"order=1", expects)
            assert promise.content == b"ok"
            if number == 1:
                server.closed.wait_for(1)
    assert len(server.heads) == 2


@pytest.mark.parametrize("wrong", [1, -1, True, False, 0.0, "0"], ids=repr)
def test_other_numbers_of_retries_are_refused(wrong: Any) -> None:
    words = rf"retries: expected int \(only 0\) \| None, not {wrong!r}"
    with pytest.raises(ValueError, match=words):
        Http(retries=wrong)
    with pytest.raises(ValueError, match=words):
        Http().request("http://127.0.0.1/", retries=wrong)


# HTTP/2

Http2Answer = Callable[[H2Connection, int], None]


def refuse_stream(connection: H2Connection, stream: int) -> None:
    """RFC 9113, 8.7: the server has not processed the request."""
    connection.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def go_away(connection: H2Connection, _: int) -> None:
    """RFC 9113, 6.8: the server has not processed any request."""
    connection.close_connection(last_stream_id=0)


def fail(connection: H2Connection, stream: int) -> None:
    """RFC 9113, 6.8: the server may have processed the request."""
    connection.close_connection(ErrorCodes.INTERNAL_ERROR, last_stream_id=stream)


def reset_stream(connection: H2Connection, stream: int) -> None:
    connection.reset_stream(stream, ErrorCodes.INTERNAL_ERROR)


def answer_ok(connection: H2Connection, stream: int) -> None:
    connection.send_headers(stream, [(":status", "200")])
    connection.send_data(stream, b"ok", end_stream=True)


def say_nothing(_: H2Connection, __: int) -> None:
    pass


def answers_in_http2(answer: Http2Answer, **others: Http2Answer) -> Step:
    """Answer each request by `answer`, and requests for some paths by `others`, until a GOAWAY."""

    def step(connection: ServerConnection) -> None:
        http2 = H2Connection(H2Configuration(client_side=False))
        http2.initiate_connection()
        connection.socket.sendall(http2.data_to_send())
        while data := connection.socket.recv(65536):
            for event in http2.receive_data(data):
                if isinstance(event, RequestReceived):
                    path = dict(event.headers)[b":path"]
                    connection.server.heads.add(path)
                    others.get(path[1:].decode(), answer)(http2, event.stream_id)
            connection.socket.sendall(http2.data_to_send())
            if http2.state_machine.state is ConnectionState.CLOSED:
                break

    return step


@pytest.fixture
def http2_context(authority: Authority) -> ssl.SSLContext:
    context = tls_server_context(sign_for_this_machine(authority))
    context.set_alpn_protocols(["h2"])
    return context


@pytest.fixture
def short_delays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "REFUSAL_DELAYS", (0.01, 0.02))


@pytest.mark.usefixtures("short_delays")
@pytest.mark.parametrize("answer", [refuse_stream, go_away])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
@pytest.mark.parametrize(("retries", "times"), [(None, 3), (0, 1)])
def test_refused_http_2_stream_is_sent_a_few_times(
    http2_context: ssl.SSLContext,
    authority_file: str,
    method: str,
    blocking: bool,
    answer: Http2Answer,
    retries: int | None,
    times: int,
) -> None:
    with (
        RawServer([answers_in_http2(answer), read_until_closed], tls=http2_context) as server,
        Http(timeout=PATIENCE, ca_certs=authority_file, blocking=blocking, retries=retries) as http,
    ):
        error = ask(http, server, method)
        assert isinstance(error, RefusedStreamError)
        assert "REFUSED_STREAM" in str(error)
        assert list(server.heads) == [b"/order"] * times


def test_tries_of_refused_http_2_stream_are_apart_in_time(
    http2_context: ssl.SSLContext, authority_file: str
) -> None:
    times: list[float] = []

    def note_and_refuse(connection: H2Connection, stream: int) -> None:
        times.append(time.monotonic())
        refuse_stream(connection, stream)

    with (
        RawServer([answers_in_http2(note_and_refuse)], tls=http2_context) as server,
        Http(timeout=PATIENCE, ca_certs=authority_file) as http,
    ):
        assert isinstance(ask(http, server, "POST"), RefusedStreamError)
    first, second, third = times
    assert second - first >= retry.REFUSAL_DELAYS[0]
    assert third - second >= retry.REFUSAL_DELAYS[1]


@pytest.mark.usefixtures("short_delays")
@pytest.mark.parametrize("answer", [refuse_stream, go_away])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_http_2_stream_refused_once_is_answered(
    http2_context: ssl.SSLContext, authority_file: str, method: str, answer: Http2Answer
) -> None:
    scripts = [answers_in_http2(answer), read_until_closed], [answers_in_http2(answer_ok)]
    with (
        RawServer(*scripts, tls=http2_context) as server,
        Http(timeout=PATIENCE, ca_certs=authority_file) as http,
    ):
        assert http.request(server.url("/order"), method, b"order=1")[1] == b"ok"
        assert list(server.heads) == [b"/order"] * 2


@pytest.mark.parametrize("answer", [fail, reset_stream])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
@pytest.mark.parametrize("is_kept", [False, True], ids=["new", "kept"])
def test_http_2_request_that_may_be_processed_is_sent_once(
    http2_context: ssl.SSLContext,
    authority_file: str,
    method: str,
    blocking: bool,
    is_kept: bool,
    answer: Http2Answer,
) -> None:
    script = [answers_in_http2(answer, kept=answer_ok), close_connection]
    with (
        RawServer(script, tls=http2_context) as server,
        Http(timeout=PATIENCE, ca_certs=authority_file, blocking=blocking) as http,
    ):
        if is_kept:
            assert http.request(server.url("/kept"))[1] == b"ok"
        assert isinstance(ask(http, server, method), OSError)
        assert list(server.heads).count(b"/order") == 1


def test_error_of_reset_http_2_stream_says_what_the_server_said(
    http2_context: ssl.SSLContext, authority_file: str
) -> None:
    with (
        RawServer([answers_in_http2(reset_stream)], tls=http2_context) as server,
        Http(timeout=PATIENCE, ca_certs=authority_file) as http,
    ):
        error = ask(http, server, "GET")
        assert isinstance(error, ConnectionResetError)
        assert "INTERNAL_ERROR" in str(error)


def break_rules(connection: H2Connection, stream: int) -> None:
    """Send DATA before HEADERS (RFC 9113, 8.1)."""
    frame = DataFrame(stream, b"content", flags=["END_STREAM"])
    connection._data_to_send += frame.serialize()


def test_violation_of_http_2_ends_request_without_timeout(
    http2_context: ssl.SSLContext, authority_file: str
) -> None:
    """libcurl finds the violation at once, and tells of it when the transfer runs next."""
    with (
        RawServer([answers_in_http2(break_rules), read_until_closed], tls=http2_context) as server,
        Http(ca_certs=authority_file) as http,
    ):
        promise = http.request(server.url("/order"), retries=0)
        assert isinstance(promise.exception(PATIENCE), ConnectionResetError)


# Silent HTTP/2 connections


@pytest.mark.parametrize("blocking", [False, True], ids=["lazy", "blocking"])
def test_requests_after_silent_http_2_connection_use_another(
    http2_context: ssl.SSLContext, authority_file: str, blocking: bool
) -> None:
    silent = [answers_in_http2(say_nothing, kept=answer_ok), close_connection]
    with (
        RawServer(silent, [answers_in_http2(answer_ok)], tls=http2_context) as server,
        Http(timeout=SHORT_TIMEOUT, ca_certs=authority_file, blocking=blocking) as http,
    ):
        assert http.request(server.url("/kept"))[1] == b"ok"
        assert isinstance(ask(http, server, "POST"), TimeoutError)
        http.timeout = PATIENCE
        for _ in range(3):
            assert http.request(server.url("/order"), "POST", b"order=1")[1] == b"ok"
        assert len(server.accepted) == 2
        server.closed.wait_for(1)  # the silent connection
        assert list(server.heads).count(b"/order") == 4


def test_other_streams_of_silent_http_2_connection_go_on(
    http2_context: ssl.SSLContext, authority_file: str
) -> None:
    """A stream waits on while new requests use another connection, and is answered later."""
    held: list[int] = []
    may_answer = threading.Event()

    def answer_held(connection: ServerConnection) -> None:
        http2 = H2Connection(H2Configuration(client_side=False))
        http2.initiate_connection()
        connection.socket.sendall(http2.data_to_send())
        while len(held) < 3:
            for event in http2.receive_data(connection.socket.recv(65536)):
                if isinstance(event, RequestReceived):
                    held.append(event.stream_id)
                    if len(held) == 1:
                        answer_ok(http2, event.stream_id)
            connection.socket.sendall(http2.data_to_send())
            connection.server.heads.add(b"%d" % len(held))
        assert may_answer.wait(PATIENCE)
        answer_ok(http2, held[1])
        connection.socket.sendall(http2.data_to_send())
        read_until_closed(connection)

    with (
        RawServer([answer_held], [answers_in_http2(answer_ok)], tls=http2_context) as server,
        Http(timeout=PATIENCE, ca_certs=authority_file) as http,
    ):
        assert http.request(server.url("/kept"))[1] == b"ok"
        waiting = http.request(server.url("/held"))
        while list(server.heads)[-1:] != [b"2"]:
            server.heads.wait_for(len(server.heads) + 1)
        http.timeout = SHORT_TIMEOUT
        assert isinstance(ask(http, server, "GET"), TimeoutError)
        http.timeout = PATIENCE
        assert http.request(server.url("/order"))[1] == b"ok"
        assert len(server.accepted) == 2
        assert not waiting.done()
        may_answer.set()
        assert waiting.content == b"ok"
