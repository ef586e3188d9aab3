"""`cancel()` aborts a transfer at any stage on the wire, and the server sees the abort. test_cancel
has the other stages.

Rule: the server's record is the proof, and afterwards the Http works as before.
"""

import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from asynchttp import Http, Promise
from tests.conftest import RawServerFactory
from tests.looks import assert_cancelled
from tests.servers.app import patterned_bytes
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, Step, read_head, read_until_closed, send
from tests.servers.raw import wait_for_event as wait_for
from tests.servers.recording import record_request
from tests.servers.web import WebServer

LONG = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n" + bytes(1000)


@pytest.fixture
def http(authority_file: str) -> Iterator[Http]:
    with Http(timeout=PATIENCE, ca_certs=authority_file) as http:
        yield http


# Stages on the wire


@pytest.mark.parametrize(
    "steps",
    [[], [read_head], [read_head, send(b"HTTP/1.1 200 O")], [read_head, send(LONG)]],
    ids=["before the request is read", "before the answer", "in the head", "in the body"],
)
def test_cancel_closes_connection_at_any_stage(
    raw_server: RawServerFactory, http: Http, steps: list[Step]
) -> None:
    so_far = threading.Event()
    server = raw_server([*steps, lambda _: so_far.set(), read_until_closed])
    promise = http.request(server.url())
    assert so_far.wait(PATIENCE)
    assert promise.cancel()
    assert server.closed.wait_for(1) == list(server.accepted)
    assert_cancelled(promise)


@pytest.mark.parametrize("sent", [None, 3])
def test_cancel_aborts_transfer_over_every_protocol(
    http: Http, any_server: WebServer, sent: int | None
) -> None:
    """Before the head arrives, and in the middle of the body."""
    held = any_server.hold_answers()
    promise = http.request(held.url("cancelled", sent))
    held.arrived.wait_for(1)
    assert promise.cancel()
    assert held.aborted.wait_for(1) == ["cancelled"]
    assert_cancelled(promise)
    assert http.request(any_server.url("/status/200")).response.status == 200


def test_cancel_resets_only_its_http2_stream(http: Http, tls_server: WebServer) -> None:
    held = tls_server.hold_answers()
    promises = [http.request(held.url(str(number), sent=0)) for number in range(10)]
    held.arrived.wait_for(10)
    assert all(promise.cancel() for promise in promises[::2])
    assert sorted(held.aborted.wait_for(5)) == ["0", "2", "4", "6", "8"]
    held.answer_all()
    assert [bytes(promise.content) for promise in promises[1::2]] == [b"1", b"3", b"5", b"7", b"9"]
    assert http.request(tls_server.url("/status/200")).response.status == 200
    assert len({each.port for each in tls_server.received}) == 1


def test_cancel_while_connecting_ends_request(http: Http, black_hole_url: str) -> None:
    for scheme in ("http:", "https:"):
        promise = http.request(black_hole_url.replace("http:", scheme))
        wait_until_running(promise)
        assert promise.cancel()
        assert_cancelled(promise)


def wait_until_running(promise: Promise) -> None:
    """Poll the promise: no server takes part, and the promise never ends."""
    until = time.monotonic() + PATIENCE
    while not promise.running():
        assert time.monotonic() < until
        time.sleep(0)


def test_cancel_during_handshake_closes_connection(
    http: Http, raw_server: RawServerFactory
) -> None:
    server = raw_server([read_until_closed])
    promise = http.request(server.url().replace("http:", "https:"))
    server.accepted.wait_for(1)
    assert promise.cancel()
    server.closed.wait_for(1)
    assert_cancelled(promise)


@pytest.mark.parametrize("as_file", [True, False])
def test_cancel_during_upload_closes_connection(
    http: Http, raw_server: RawServerFactory, tmp_path: Path, as_file: bool
) -> None:
    """The next upload of the same body begins at the first byte."""
    may_read = threading.Event()
    server = raw_server(
        [read_head, wait_for(may_read), read_until_closed], [record_request, send(OK)]
    )
    path = tmp_path / "body"
    path.write_bytes(patterned_bytes(0, 10_000_000))
    with path.open("rb") as file:
        body = file if as_file else path.read_bytes()
        promise = http.request(server.url(), "PUT", body)
        server.heads.wait_for(1)
        assert promise.cancel()
        may_read.set()
        server.closed.wait_for(1)
        assert_cancelled(promise)
        assert http.request(server.url(), "PUT", body)[1] == b"ok"
    assert server.bodies[0] == patterned_bytes(0, 10_000_000)


def test_cancel_after_redirect_closes_connection(http: Http, raw_server: RawServerFactory) -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 0\r\n\r\n"
    server = raw_server([read_head, send(moved), read_head, read_until_closed])
    promise = http.request(server.url())
    server.heads.wait_for(2)
    assert promise.cancel()
    server.closed.wait_for(1)
    assert_cancelled(promise)


# Races


@pytest.mark.parametrize("which", ["server", "tls_server"])
def test_cancel_racing_answer_loses_no_slot(
    request: pytest.FixtureRequest, authority_file: str, which: str
) -> None:
    """Each promise ends as cancelled or answered."""
    server: WebServer = request.getfixturevalue(which)
    dice = random.Random(0)
    with Http(ca_certs=authority_file, max_workers=4) as http:
        promises: list[Promise] = []
        for _ in range(300):
            promises += [http.request(server.url("/hops/1")) for _ in range(4)]
            for promise in dice.sample(promises[-4:], 3):
                for _ in range(dice.randrange(200)):
                    promise.done()  # up to about 100 microseconds in all
                promise.cancel()
        for promise in promises:
            assert promise.wait(PATIENCE)
        outcomes = {promise.cancelled() or promise.response.status for promise in promises}
        assert outcomes == {True, 200}
        assert_all_slots_are_free(http, server, 4)


def assert_all_slots_are_free(http: Http, server: WebServer, count: int) -> None:
    held = server.hold_answers()
    promises = [http.request(held.url()) for _ in range(count + 1)]
    held.arrived.wait_for(count)
    held.answer_all()
    assert [promise.response.status for promise in promises] == [200] * (count + 1)
    assert held.most_waiting == count


def test_cancel_racing_callback_loses_no_slot(server: WebServer) -> None:
    """The core decodes large bodies, and workers run callbacks."""
    dice = random.Random(0)
    with Http(max_workers=3) as http:
        promises = [
            http.request(server.url("/coded/gzip?zeros=200000"), callback=lambda _: None)
            for _ in range(100)
        ]
        for promise in dice.sample(promises, 60):
            for _ in range(dice.randrange(2000)):
                promise.done()
            promise.cancel()
        for promise in promises:
            assert promise.wait(PATIENCE)
            assert promise.cancelled() or len(promise.content) == 200_000
        assert_all_slots_are_free(http, server, 3)
