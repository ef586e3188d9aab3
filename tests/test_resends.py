"""No request is sent more than twice, even if every connection ends.

Rule: the servers count the requests read.
"""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPException

import pytest
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import RequestReceived

from asynchttp import Http
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


def close_connection(connection: ServerConnection) -> None:
    connection.close()
    connection.server.closed.add(connection.client_port)


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


def count_requests_to(server: RawServer, path: bytes) -> int:
    return sum(path in each for each in server.heads)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
@pytest.mark.parametrize(
    "last",
    [
        [close_connection],
        [reset_connection],
        [send(b"HTTP/1."), reset_connection],
        [send(b"SSH-2.0\r\n")],
    ],
    ids=["closes", "resets", "begins to answer", "is no HTTP"],
)
def test_request_is_sent_on_at_most_two_ending_connections(
    raw_server: RawServerFactory, method: str, last: list[Step]
) -> None:
    body = None if method == "GET" else b"order=1"
    with http_with_kept_connections(raw_server, last) as (http, server):
        error = http.request(server.url("/order"), method, body).exception()
        assert isinstance(error, OSError | HTTPException)
        assert 1 <= count_requests_to(server, b" /order ") <= 2


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
        assert count_requests_to(server, b" /order ") == 1


# HTTP/2


def refuse_stream(http2: H2Connection, stream: int) -> None:
    """RFC 9113, 8.7: the server has not processed the request."""
    http2.reset_stream(stream, ErrorCodes.REFUSED_STREAM)


def go_away(http2: H2Connection, _: int) -> None:
    """RFC 9113, 6.8: the server has not processed any request."""
    http2.close_connection(last_stream_id=0)


def answer_in_http2(answer: Callable[[H2Connection, int], None]) -> Step:
    def step(connection: ServerConnection) -> None:
        http2 = H2Connection(H2Configuration(client_side=False))
        http2.initiate_connection()
        connection.socket.sendall(http2.data_to_send())
        while data := connection.socket.recv(65536):
            for event in http2.receive_data(data):
                if isinstance(event, RequestReceived):
                    connection.server.heads.add(dict(event.headers)[b":path"])
                    answer(http2, event.stream_id)
            connection.socket.sendall(http2.data_to_send())
            if http2.state_machine.state is ConnectionState.CLOSED:
                break
        read_until_closed(connection)

    return step


@pytest.fixture
def http2_context(authority: Authority) -> ssl.SSLContext:
    context = tls_server_context(sign_for_this_machine(authority))
    context.set_alpn_protocols(["h2"])
    return context


@pytest.mark.parametrize("answer", [refuse_stream, go_away])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refused_http_2_stream_is_sent_twice(
    http2_context: ssl.SSLContext,
    authority_file: str,
    method: str,
    answer: Callable[[H2Connection, int], None],
) -> None:
    body = None if method == "GET" else b"order=1"
    with (
        RawServer([answer_in_http2(answer)], tls=http2_context) as server,
        Http(timeout=PATIENCE, ca_certs=authority_file) as http,
    ):
        error = http.request(server.url("/order"), method, body).exception()
        assert isinstance(error, OSError | HTTPException)
        assert list(server.heads) == [b"/order"] * 2
