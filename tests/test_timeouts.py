"""`timeout` means the same as to httplib2: a limit for each connect and each silence, in fractions
of a second, not for the whole request.

Rule: an expected timeout may be late on a busy machine, but not early; a request that must not time
out moves bytes many times within the timeout, and takes longer than the timeout in total.
"""

import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from fractions import Fraction
from http.client import IncompleteRead
from pathlib import Path

import httplib2
import pytest

from asynchttp import Http, Promise, RequestTimeoutError
from tests.conftest import RawServerFactory
from tests.programs import Program, python_command
from tests.reference import request_with_both
from tests.servers.app import patterned_bytes
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, ServerConnection, read_head, read_until_closed, send, send_slowly
from tests.servers.recording import record_request
from tests.servers.web import WebServer

SHORT_TIMEOUT = 0.3


@pytest.fixture
def http(authority_file: str) -> Iterator[Http]:
    with Http(timeout=SHORT_TIMEOUT, ca_certs=authority_file) as http:
        yield http


@contextmanager
def assert_duration(seconds: float) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert seconds <= time.monotonic() - began < seconds + PATIENCE


def assert_times_out(promise: Promise) -> None:
    with pytest.raises(RequestTimeoutError, match=f"^timed out: {re.escape(str(promise))}"):
        promise.result()


# Silence


def test_unanswered_connect_times_out(http: Http, black_hole_url: str) -> None:
    with assert_duration(SHORT_TIMEOUT):
        assert_times_out(http.request(black_hole_url))


def test_unanswered_connect_for_tls_times_out(http: Http, black_hole_url: str) -> None:
    with assert_duration(SHORT_TIMEOUT):
        assert_times_out(http.request(black_hole_url.replace("http:", "https:")))


def test_unanswered_tls_handshake_times_out(http: Http, raw_server: RawServerFactory) -> None:
    server = raw_server([read_until_closed])
    with assert_duration(SHORT_TIMEOUT):
        assert_times_out(http.request(server.url().replace("http:", "https:")))
    server.closed.wait_for(1)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200", OK[:-20], OK[:-1]])
def test_silent_server_times_out_like_httplib2(raw_server: RawServerFactory, sent: bytes) -> None:
    """Afterwards the server sees the connection close."""

    def ask(http: httplib2.Http, url: Callable[[str], str]) -> object:
        http.timeout = SHORT_TIMEOUT
        return http.request(url("/"))

    theirs, ours = request_with_both(
        raw_server, [record_request, send(sent), read_until_closed], ask
    )
    # Requests are not compared: the server may read a request only after the timeout.
    assert ours.outcome == theirs.outcome
    assert ours.outcome.error is TimeoutError


@pytest.mark.parametrize("where", ["head", "body"])
def test_silent_server_times_out_over_every_protocol(
    http: Http, any_server: WebServer, where: str
) -> None:
    with assert_duration(SHORT_TIMEOUT):
        assert_times_out(http.request(any_server.url(f"/slow?{where}=60")))


STOPPED_PROGRAM = """
url, ca_certs, timeout = sys.argv[1:]
with Http(timeout=float(timeout), ca_certs=ca_certs) as http:
    print_line(http.request(url)[1])
"""


@pytest.mark.parametrize("which", ["server", "tls_server"])
@pytest.mark.parametrize("sent", [None, 2], ids=["before the head", "within the body"])
def test_stopped_process_does_not_count_as_silence(
    request: pytest.FixtureRequest, authority_file: str, which: str, sent: int | None
) -> None:
    """On an overloaded machine a process may stand still just as long."""
    server: WebServer = request.getfixturevalue(which)
    timeout, held = 1.0, server.hold_answers()
    command = python_command(STOPPED_PROGRAM, held.url("label", sent), authority_file, timeout)
    with Program(command) as program:
        held.arrived.wait_for(1)
        program.send_signal(signal.SIGSTOP)
        time.sleep(1.5 * timeout)
        program.send_signal(signal.SIGCONT)
        held.answer_all()
        assert program.wait_for_end().assert_clean() == ["label"]


@pytest.mark.parametrize("where", ["head", "body"])
def test_silent_request_times_out_beside_busy_requests(
    http: Http, any_server: WebServer, where: str
) -> None:
    """On HTTP/2 all requests share a connection, on which bytes move all the time."""
    http.timeout = PATIENCE
    long, *short = [
        http.request(any_server.url(f"/drip/{count}?every=0.05")) for count in (4000, 40, 40)
    ]
    http.request(any_server.url("/status/200")).result()
    http.timeout = SHORT_TIMEOUT
    with assert_duration(SHORT_TIMEOUT):
        assert_times_out(http.request(any_server.url(f"/slow?{where}=60")))
    assert not long.done()
    assert [bytes(promise.content) for promise in short] == [patterned_bytes(0, 40)] * 2
    assert long.cancel()


def test_upload_to_non_reading_server_times_out(
    http: Http, raw_server: RawServerFactory, tmp_path: Path
) -> None:
    path = tmp_path / "body"
    path.write_bytes(bytes(20_000_000))
    may_close = threading.Event()
    server = raw_server([read_head, lambda connection: hold_until(connection, may_close)])
    with path.open("rb") as file:
        promises = [http.request(server.url(), "PUT", body) for body in (file, path.read_bytes())]
    for promise in promises:
        assert_times_out(promise)
    may_close.set()


def hold_until(_: ServerConnection, event: threading.Event) -> None:
    assert event.wait(PATIENCE)


# No silence


MINIMAL_ANSWER = b"HTTP/1.1 200\r\n\r\nok"


def connect(http: Http, server: WebServer) -> None:
    """Connect without a short timeout, since the machine may be busy."""
    http.timeout = PATIENCE
    http.request(server.url("/status/200")).result()


def test_slow_drip_does_not_time_out(http: Http, raw_server: RawServerFactory) -> None:
    http.timeout = 0.5
    server = raw_server([read_head, send_slowly(MINIMAL_ANSWER, every=0.1)])
    with assert_duration(1.5):
        response, content = http.request(server.url())
        assert (response.status, content) == (200, b"ok")


def test_slow_drip_over_every_protocol_does_not_time_out(http: Http, any_server: WebServer) -> None:
    connect(http, any_server)
    http.timeout = 0.5
    with assert_duration(1.0):
        assert http.request(any_server.url("/drip/12?every=0.1"))[1] == patterned_bytes(0, 12)


@pytest.mark.parametrize("as_file", [True, False])
def test_upload_to_slow_reader_does_not_time_out(
    http: Http, raw_server: RawServerFactory, tmp_path: Path, as_file: bool
) -> None:
    http.timeout = 0.5
    size = 20_000_000
    path = tmp_path / "body"
    path.write_bytes(bytes(size))
    server = raw_server(
        [shrink_receive_buffer, read_head, read_slowly(size, every=0.1, times=10), send(OK)]
    )
    headers = {"Content-Length": str(size)}
    with path.open("rb") as file, assert_duration(1.0):
        body = file if as_file else path.read_bytes()
        assert http.request(server.url(), "PUT", body, headers)[1] == b"ok"


def shrink_receive_buffer(connection: ServerConnection) -> None:
    """A large buffer would take most of the body at once, and the client would fall silent."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)


def read_slowly(size: int, every: float, times: int) -> Callable[[ServerConnection], None]:
    def step(connection: ServerConnection) -> None:
        for _ in range(times):
            connection.reader.read(size // times)
            connection.server.closing.wait(every)

    return step


def test_each_redirect_starts_new_timeout(http: Http, raw_server: RawServerFactory) -> None:
    http.timeout = 0.5
    moved = b"HTTP/1.1 302 F\r\nLocation: /\r\n\r\n"
    server = raw_server(
        [read_head, send_slowly(moved, every=0.02)],
        [read_head, send_slowly(MINIMAL_ANSWER, every=0.02)],
    )
    with assert_duration(0.8):
        assert http.request(server.url())[1] == b"ok"


def test_time_in_queue_does_not_count_as_silence(authority_file: str, server: WebServer) -> None:
    with Http(timeout=0.5, max_workers=1) as http:
        promises = [http.request(server.url("/drip/4?every=0.1")) for _ in range(3)]
        assert [len(promise.content) for promise in promises] == [4] * 3


def test_idle_time_of_connection_does_not_count_as_silence(http: Http, server: WebServer) -> None:
    """The timeout starts anew with each request."""
    connect(http, server)
    http.timeout = SHORT_TIMEOUT
    with Http(timeout=SHORT_TIMEOUT * 2) as other:  # meanwhile the connection of `http` idles
        assert_times_out(other.request(server.url("/slow?head=60")))
    assert http.request(server.url("/drip/3?every=0.1"))[1] == patterned_bytes(0, 3)
    assert len({each.port for each in server.received}) == 2


# Sources of the timeout


def test_default_timeout_of_sockets_applies(server: WebServer) -> None:
    with Http() as http, Http(timeout=PATIENCE) as patient:
        with default_timeout(SHORT_TIMEOUT):
            impatient = http.request(server.url("/slow?head=60"))
            own = patient.request(server.url("/slow?head=0.6"))
        assert_times_out(impatient)
        assert own.response.status == 200


@contextmanager
def default_timeout(seconds: float) -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def test_timeout_attribute_is_read_at_the_call(server: WebServer) -> None:
    with Http() as http:
        http.timeout = SHORT_TIMEOUT
        impatient = http.request(server.url("/slow?head=60"))
        http.timeout = None
        patient = http.request(server.url("/slow?head=0.6"))
        assert_times_out(impatient)
        assert patient.response.status == 200


@pytest.mark.parametrize(
    ("timeout", "error"),
    [
        (0, TimeoutError),
        (5e-324, TimeoutError),
        (1e-7, TimeoutError),
        (0.001, TimeoutError),
        (Decimal("0.1"), TimeoutError),
        (Fraction(1, 10), TimeoutError),
        (-1, ValueError),
        (float("nan"), ValueError),
        (float("inf"), ValueError),
        (10**400, ValueError),
        ("5", TypeError),
        (object, TypeError),
    ],
    ids=repr,
)
def test_odd_timeout_fails_only_own_request(
    server: WebServer, timeout: float, error: type[Exception]
) -> None:
    with Http() as http:
        others = [http.request(server.url("/slow?head=0.2"))]
        http.timeout = timeout
        odd = http.request(server.url("/slow?head=60"))
        http.timeout = None
        others.append(http.request(server.url("/slow?head=0.2")))
        with pytest.raises(error):
            odd.result()
        assert [promise.response.status for promise in others] == [200, 200]


@pytest.mark.parametrize("timeout", [3_000_000, 1e9], ids=repr)
def test_very_long_timeout_is_accepted(
    server: WebServer, black_hole_url: str, timeout: float
) -> None:
    """The timeouts exceed the range of system calls."""
    with Http(timeout=timeout) as http:
        hanging = http.request(black_hole_url)
        assert http.request(server.url("/slow?head=0.1")).response.status == 200
        assert not hanging.done()
        assert hanging.cancel()


# After a timeout


def test_requests_succeed_after_timeout(http: Http, any_server: WebServer) -> None:
    for _ in range(2):
        http.timeout = SHORT_TIMEOUT
        assert_times_out(http.request(any_server.url("/slow?body=60")))
        http.timeout = PATIENCE
        assert http.request(any_server.url("/status/200")).response.status == 200


def test_http_2_timeout_ends_only_own_stream(http: Http, tls_server: WebServer) -> None:
    held = tls_server.hold_answers()
    connect(http, tls_server)
    http.timeout = PATIENCE
    other = http.request(held.url("other"))
    held.arrived.wait_for(1)
    http.timeout = SHORT_TIMEOUT
    assert_times_out(http.request(held.url("silent")))
    assert held.aborted.wait_for(1) == ["silent"]
    held.answer_all()
    assert other.response.status == 200
    assert len({each.port for each in tls_server.received}) == 1


def test_timed_out_request_releases_slot(server: WebServer) -> None:
    with Http(timeout=SHORT_TIMEOUT, max_workers=1) as http:
        promises = [http.request(server.url("/slow?head=60")) for _ in range(2)]
        http.timeout = PATIENCE
        promises.append(http.request(server.url()))
        assert [type(promise.exception()) for promise in promises] == [
            RequestTimeoutError,
            RequestTimeoutError,
            type(None),
        ]


def test_timed_out_answer_does_not_mix_into_next(raw_server: RawServerFactory) -> None:
    part = b"HTTP/1.1 200 OK\r\nX: stale\r\nContent-Length: 9\r\n\r\nstale"
    server = raw_server(
        [read_head, send(part), read_until_closed],
        [read_head, send(OK)],
        [read_head, send(OK[:-1])],
    )
    with Http(timeout=SHORT_TIMEOUT) as http:
        assert_times_out(http.request(server.url()))
        http.timeout = PATIENCE
        response, content = http.request(server.url())
        assert (content, "x" in response) == (b"ok", False)
        with pytest.raises(IncompleteRead) as raised:
            http.request(server.url()).result()
        assert raised.value.partial == b"o"
