"""People see the queue: in `repr(http)`, and in a warning when no slot becomes free."""

import logging
import threading
import time
from collections.abc import Iterator

import pytest

from asynchttp import Http, Promise, _core
from asynchttp.dispatch import account, workers
from tests.scripted import HOST, ScriptedServer
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.web import WebServer
from tests.threads import wait_until_one_worker_is_left


class Warnings(logging.Handler):
    """Records the warnings of asynchttp."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.seen = EventLog[str]()

    def emit(self, record: logging.LogRecord) -> None:
        self.seen.add(record.getMessage())


@pytest.fixture
def warnings() -> Iterator[EventLog[str]]:
    handler = Warnings()
    logging.getLogger("asynchttp").addHandler(handler)
    yield handler.seen
    logging.getLogger("asynchttp").removeHandler(handler)


@pytest.fixture
def quick_stalls(idle_workers_end_soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stall is noticed after a moment, not after 30 seconds."""
    monkeypatch.setattr(account, "STALLED", 0.3)
    monkeypatch.setattr(workers, "WATCH_INTERVAL", 0.02)
    wait_until_one_worker_is_left()
    while not _core.call_waiting():  # the worker reads the present value of IDLE
        time.sleep(0)


@pytest.mark.usefixtures("quick_stalls")
def test_stall_is_warned_of_once_and_names_the_hosts(
    server: WebServer, warnings: EventLog[str]
) -> None:
    """The server sends a byte now and then: no request is silent, and none ends."""
    url = server.url("/slow?body=60")
    host = url.split("/")[2]
    with Http(max_workers=2, timeout=PATIENCE) as http:
        dripping = [http.request(url) for _ in range(2)]
        queued = [http.request("http://127.0.0.1:1/") for _ in range(3)]
        [said] = warnings.wait_for(1)
        threading.Event().wait(0.5)
        assert len(warnings) == 1
        for promise in (*dripping, *queued):
            promise.cancel()
    assert said == (
        "no slot has become free for 0.3 seconds: 3 queued, 2 in flight: "
        f"127.0.0.1:1 (3 queued, 0 in flight), {host} (0 queued, 2 in flight)"
    )


@pytest.mark.usefixtures("quick_stalls")
def test_each_stall_is_warned_of(scripted: ScriptedServer, warnings: EventLog[str]) -> None:
    http = scripted.http(max_workers=1)
    promises = [http.request(HOST) for _ in range(3)]
    warnings.wait_for(1)
    scripted.wait_for_transfer().answer()
    warnings.wait_for(2)
    http.close(cancel_futures=True)
    assert all(promise.done() for promise in promises)


@pytest.mark.usefixtures("quick_stalls")
def test_busy_queue_is_no_stall(server: WebServer, warnings: EventLog[str]) -> None:
    with Http(max_workers=1) as http:
        for _ in range(10):
            http.request(server.url("/slow?head=0.1"))
    assert list(warnings) == []


@pytest.mark.usefixtures("quick_stalls")
def test_full_slots_without_queue_are_no_stall(
    scripted: ScriptedServer, warnings: EventLog[str]
) -> None:
    http = scripted.http(max_workers=2)
    promises = [http.request(HOST) for _ in range(2)]
    scripted.wait_for_transfers(2)
    threading.Event().wait(0.6)
    later = http.request(HOST)  # queued from now on only: no stall yet
    for transfer in list(scripted.waiting):
        transfer.answer()
    scripted.wait_for_transfer().answer()
    assert later.wait(PATIENCE)
    http.close()
    assert all(promise.done() for promise in promises)
    assert list(warnings) == []


def test_repr_shows_what_is_queued_and_in_flight_by_host(scripted: ScriptedServer) -> None:
    http = scripted.http(max_workers=3)
    assert repr(http) == "<ScriptedHttp 0 queued, 0 in flight>"
    in_callback, may_end = threading.Event(), threading.Event()

    def hold(_: Promise) -> None:
        in_callback.set()
        assert may_end.wait(PATIENCE)

    http.request(HOST, callback=hold)
    scripted.wait_for_transfer().answer()
    assert in_callback.wait(PATIENCE)
    http.request(HOST + ":81/path")
    http.request("http://other.test/")
    for _ in range(4):
        http.request(HOST + ":81/another")
    scripted.arrived.wait_for(3)
    assert repr(http) == (
        "<ScriptedHttp 4 queued, 3 in flight: server.test:81 (4 queued, 1 in flight), "
        "callbacks (0 queued, 1 in flight), other.test (0 queued, 1 in flight)>"
    )
    may_end.set()
    http.close(cancel_futures=True)


def test_repr_names_the_busiest_hosts_only(scripted: ScriptedServer) -> None:
    http = scripted.http(max_workers=1)
    for number in range(7):
        for _ in range(number + 1):
            http.request(f"http://h{number}.test/")
    scripted.wait_for_transfers(1)
    assert repr(http).startswith("<ScriptedHttp 27 queued, 1 in flight: h6.test (7 queued, 0 in")
    assert repr(http).endswith("h2.test (3 queued, 0 in flight), ...>")
    http.close(cancel_futures=True)


def test_repr_before_init_is_not_an_error() -> None:
    class Late(Http):
        def __init__(self) -> None:
            self.early = repr(self)
            super().__init__()

    assert "Late object at" in Late().early
