"""A generator as the body is read by workers while its items are sent, and is never sent twice."""

import pickle
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httplib2
import pytest

from asynchttp import Http
from asynchttp.messages.errors import BodySpentError
from tests.conftest import RawServerFactory
from tests.reference import assert_same_as_httplib2
from tests.servers.app import patterned_bytes
from tests.servers.event_log import PATIENCE
from tests.servers.raw import (
    OK,
    ServerConnection,
    Step,
    read_body,
    read_head,
    read_until_closed,
    reset_connection,
    send,
)
from tests.servers.recording import answer_requests, record_request
from tests.servers.web import WebServer

MEGABYTE = 1 << 20


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(timeout=PATIENCE) as http:
        yield http


def generate(*items: bytes) -> Iterator[bytes]:
    yield from items


class Repeatable:
    """Can be iterated any number of times, and is no collection."""

    def __init__(self, *items: bytes) -> None:
        self._items = items

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._items)


def sets(event: threading.Event) -> Step:
    return lambda _: event.set()


def end_writing(connection: ServerConnection) -> None:
    connection.socket.shutdown(socket.SHUT_WR)


# Reading


def test_each_item_is_sent_before_the_next_is_made(
    raw_server: RawServerFactory, http: Http
) -> None:
    first_has_arrived = threading.Event()

    def items() -> Iterator[bytes]:
        yield b"one"
        assert first_has_arrived.wait(PATIENCE)
        yield b"two"

    first = read_body(len(b"3\r\none\r\n"))
    server = raw_server(
        [read_head, first, sets(first_has_arrived), read_body(len("3\r\ntwo\r\n")), send(OK)]
    )
    assert http.request(server.url(), "POST", items()).response.status == 200
    assert list(server.bodies) == [b"3\r\none\r\n", b"3\r\ntwo\r\n"]


def test_request_returns_before_the_generator_runs(server: WebServer, http: Http) -> None:
    has_returned = threading.Event()

    def items() -> Iterator[bytes]:
        assert has_returned.wait(PATIENCE)
        yield b"late"

    promise = http.request(server.url(), "POST", items())
    has_returned.set()
    promise.result()
    assert server.received[0].body == b"late"


def test_generator_runs_on_a_worker(server: WebServer, http: Http) -> None:
    def items() -> Iterator[bytes]:
        yield threading.current_thread().name.encode()

    http.request(server.url(), "POST", items()).result()
    assert server.received[0].body != threading.current_thread().name.encode()


def test_generator_is_not_read_far_ahead_of_the_server(
    raw_server: RawServerFactory, http: Http
) -> None:
    received, leads = 0, list[int]()

    def read_slowly(connection: ServerConnection) -> None:
        nonlocal received
        while size := int(connection.reader.readline(), 16):
            received += len(connection.reader.read(size))
            connection.reader.readline()
        connection.reader.readline()

    def items() -> Iterator[bytes]:
        for number in range(64):
            leads.append(number * MEGABYTE - received)
            yield bytes(MEGABYTE)

    server = raw_server([read_head, read_slowly, send(OK)])
    assert http.request(server.url(), "PUT", items()).response.status == 200
    assert received == 64 * MEGABYTE
    assert max(leads) < 20 * MEGABYTE  # buffers of sockets included


@pytest.mark.parametrize("count", [0, 1, 100_000])
def test_many_small_items_arrive_in_order(server: WebServer, http: Http, count: int) -> None:
    lines = [b"%d\n" % number for number in range(count)]
    http.request(server.url(), "POST", generate(*lines)).result()
    assert server.received[0].body == b"".join(lines)


@pytest.mark.parametrize("which", ["server", "tls_server", "tls_h1_server"])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(8 * MEGABYTE)}])
def test_generator_is_sent_whole_over_every_protocol(
    request: pytest.FixtureRequest, authority_file: str, which: str, headers: dict[str, str]
) -> None:
    server: WebServer = request.getfixturevalue(which)
    items = [bytes([number]) * MEGABYTE for number in range(8)]
    with Http(timeout=PATIENCE, ca_certs=authority_file) as http:
        promise = http.request(server.url("/status/200"), "PUT", generate(*items), headers)
        assert promise.response.status == 200
    assert server.received[0].body == b"".join(items)


def test_blocking_request_sends_a_generator_like_httplib2(raw_server: RawServerFactory) -> None:
    def ask(http: httplib2.Http, url: Callable[[str], str]) -> tuple[Any, bytes]:
        if isinstance(http, Http):
            http.blocking = True
        return tuple(http.request(url("/"), "POST", generate(b"one", b"", b"two")))

    story = assert_same_as_httplib2(raw_server, [answer_requests(OK)], ask)
    assert story.requests[0].body == b"onetwo"


def test_other_client_sends_a_generator(raw_server: RawServerFactory, http: Http) -> None:
    """A request with Expect is made by httplib2's own code."""
    server = raw_server([record_request, send(OK)])
    promise = http.request(server.url(), "POST", generate(b"one", b"two"), {"Expect": "x"})
    assert promise.response.status == 200
    assert list(server.bodies) == [b"onetwo"]


def test_generator_may_make_requests_that_need_a_slot(server: WebServer) -> None:
    with Http(max_workers=1, timeout=PATIENCE) as http:

        def items() -> Iterator[bytes]:
            yield bytes(http.request(server.url("/bytes/10")).content)
            yield bytes(http.request(server.url("/bytes/20")).content)

        http.request(server.url(), "POST", items()).result()
    assert server.received[2].body == patterned_bytes(0, 10) + patterned_bytes(0, 20)


def test_stuck_generator_does_not_delay_other_requests(server: WebServer, http: Http) -> None:
    may_go_on = threading.Event()

    def items() -> Iterator[bytes]:
        assert may_go_on.wait(PATIENCE)
        yield b"late"

    promise = http.request(server.url(), "POST", items())
    assert http.request(server.url("/status/200")).response.status == 200
    assert not promise.done()
    may_go_on.set()
    promise.result()
    assert server.received[1].body == b"late"


# Ends


@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("error", [LookupError("no more"), ConnectionResetError(), SystemExit(3)])
def test_error_of_generator_is_the_error_of_the_request(
    raw_server: RawServerFactory, error: BaseException, blocking: bool
) -> None:
    def items() -> Iterator[bytes]:
        yield b"some"
        raise error

    server = raw_server([read_until_closed])
    with Http(timeout=PATIENCE, blocking=blocking) as http, pytest.raises(type(error)) as raised:
        http.request(server.url(), "POST", items()).result()
    assert raised.value is error
    assert len(server.accepted.wait_for(1)) == 1


def test_text_from_a_generator_fails_as_in_httplib2(raw_server: RawServerFactory) -> None:
    def ask(http: httplib2.Http, url: Callable[[str], str]) -> tuple[Any, bytes]:
        return tuple(http.request(url("/"), "POST", iter(["text"])))

    story = assert_same_as_httplib2(raw_server, [read_head, read_until_closed], ask)
    assert story.outcome.error is TypeError


def test_cancelled_request_reads_no_more_items(raw_server: RawServerFactory, http: Http) -> None:
    has_begun, has_ended = threading.Event(), threading.Event()

    def items() -> Iterator[bytes]:
        try:
            while True:
                has_begun.set()
                yield b"x"
        finally:
            has_ended.set()

    server = raw_server([read_until_closed])
    promise = http.request(server.url(), "POST", items())
    assert has_begun.wait(PATIENCE)
    promise.cancel()
    assert has_ended.wait(PATIENCE)


def test_early_answer_ends_the_reading(raw_server: RawServerFactory, http: Http) -> None:
    has_ended = threading.Event()

    def items() -> Iterator[bytes]:
        try:
            while True:
                yield bytes(MEGABYTE)
        finally:
            has_ended.set()

    no = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
    server = raw_server([read_head, read_body(1), send(no), read_until_closed])
    assert http.request(server.url(), "PUT", items()).result()[0].status == 413
    assert has_ended.wait(PATIENCE)


def test_error_of_request_with_generator_can_be_pickled(refused_url: str, http: Http) -> None:
    error = http.request(refused_url, "POST", generate(b"one")).exception()
    assert pickle.loads(pickle.dumps(error)).request.body.whole() == b""


# Never twice


def test_lost_generator_is_not_sent_again(raw_server: RawServerFactory, http: Http) -> None:
    chunk = read_body(len(b"3\r\none\r\n0\r\n\r\n"))
    server = raw_server([read_head, chunk, reset_connection], [read_head, read_until_closed])
    with pytest.raises(ConnectionError):
        http.request(server.url(), "PUT", generate(b"one")).result()
    assert len(server.heads) == 1


def test_generator_on_stale_connection_is_not_sent_again(
    raw_server: RawServerFactory, http: Http
) -> None:
    server = raw_server([read_head, send(OK), read_head, read_body(1)], [record_request, send(OK)])
    http.request(server.url()).result()
    with pytest.raises(ConnectionError) as raised:
        http.request(server.url(), "PUT", generate(b"one")).result()
    assert len(server.heads) == 2
    assert "Not sent again: the body is an iterator" in raised.value.__notes__[0]


CHALLENGE = b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n'
MOVED = b"HTTP/1.1 307 Moved\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("first", [CHALLENGE, MOVED], ids=["challenge", "redirect"])
def test_generator_is_not_sent_again_after_an_answer(
    raw_server: RawServerFactory, http: Http, first: bytes
) -> None:
    server = raw_server([answer_requests(first, OK)])
    http.add_credentials("ann", "a")
    http.follow_all_redirects = True
    with pytest.raises(BodySpentError, match="cannot be sent again"):
        http.request(server.url(), "POST", generate(b"one")).result()
    assert list(server.bodies) == [b"one"]


@pytest.mark.parametrize("first", [CHALLENGE, MOVED], ids=["challenge", "redirect"])
def test_repeatable_iterable_is_sent_again(
    raw_server: RawServerFactory, http: Http, first: bytes
) -> None:
    server = raw_server([answer_requests(first, OK)])
    http.add_credentials("ann", "a")
    http.follow_all_redirects = True
    promise = http.request(server.url(), "POST", Repeatable(b"one", b"two"))
    assert promise.response.status == 200
    assert list(server.bodies) == [b"onetwo"] * 2


def test_generator_is_not_needed_after_303(raw_server: RawServerFactory, http: Http) -> None:
    server = raw_server([answer_requests(MOVED.replace(b"307", b"303"), OK)])
    assert http.request(server.url(), "POST", generate(b"one")).response.status == 200
    assert list(server.bodies) == [b"one", b""]


def test_unread_generator_goes_to_another_connection(
    raw_server: RawServerFactory, http: Http
) -> None:
    """The core finds the kept connection closed before a byte is written."""
    has_ended = threading.Event()
    server = raw_server(
        [read_head, send(OK), end_writing, sets(has_ended), read_until_closed],
        [record_request, send(OK)],
    )
    http.request(server.url()).result()
    assert has_ended.wait(PATIENCE)
    assert http.request(server.url(), "POST", generate(b"one")).response.status == 200
    assert list(server.bodies) == [b"one"]
