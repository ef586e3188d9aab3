"""How many requests, callbacks included, run at once, and in which order.

Transfers are scripted: each waits until the test answers. The last test mixes everything on a real
server.
"""

import concurrent.futures as cf
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException

import httplib2
import pytest

from asynchttp import Http, Promise
from tests.scripted import HOST, REFUSED, ScriptedServer, answer_with
from tests.servers.app import HeldAnswers
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.web import WebServer

each_limit = pytest.mark.parametrize("limit", [1, 2, 7, 32])


class ConcurrencyCounter:
    """Counts threads between `enter` and `leave`: now, and the maximum."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = 0
        self.most = 0

    def enter(self) -> None:
        with self._lock:
            self.inside += 1
            self.most = max(self.most, self.inside)

    def leave(self) -> None:
        with self._lock:
            self.inside -= 1


# How many


@each_limit
def test_exactly_max_workers_transfers_run_at_once(scripted: ScriptedServer, limit: int) -> None:
    with scripted.http(max_workers=limit) as http:
        promises = [http.request(HOST) for _ in range(3 * limit)]
        for _ in range(2 * limit):
            scripted.wait_for_begun_transfers()
            assert len(scripted.waiting) == limit
            scripted.waiting[0].answer()
        scripted.answer_all_from_now_on()
        assert cf.wait(promises, PATIENCE).not_done == set()
    assert scripted.most_waiting == limit


@each_limit
def test_callback_keeps_slot_of_request(scripted: ScriptedServer, limit: int) -> None:
    running: EventLog[Promise] = EventLog()
    may_end = threading.Semaphore(0)

    def call_back(promise: Promise) -> None:
        running.add(promise)
        assert may_end.acquire(timeout=PATIENCE)

    with scripted.http(max_workers=limit) as http:
        for _ in range(2 * limit):
            http.request(HOST, callback=call_back)
        for number in range(limit):
            scripted.wait_for_transfer().answer()
            running.wait_for(number + 1)
            scripted.wait_for_begun_transfers()
            assert len(scripted.arrived) == limit
        for number in range(limit):
            may_end.release()
            scripted.arrived.wait_for(limit + number + 1)
        scripted.answer_all_from_now_on()
        for _ in range(limit):
            may_end.release()


@pytest.mark.parametrize("observe", ["done-callback", "then"])
def test_then_and_done_callback_hold_slot(scripted: ScriptedServer, observe: str) -> None:
    runs, may_end = threading.Event(), threading.Event()

    def hold_slot(*_: object) -> None:
        runs.set()
        assert may_end.wait(PATIENCE)

    with scripted.http(max_workers=1) as http:
        promise = http.request(HOST + "/first")
        if observe == "then":
            promise.then(hold_slot)
        else:
            promise.add_done_callback(hold_slot)
        http.request(HOST + "/second")
        scripted.wait_for_transfer().answer()
        assert runs.wait(PATIENCE)
        scripted.wait_for_begun_transfers()
        assert scripted.paths == ["/first"]
        may_end.set()
        assert scripted.wait_for_transfer().answer()


@each_limit
def test_max_workers_limits_then_and_done_callbacks(scripted: ScriptedServer, limit: int) -> None:
    """No fewer functions than slots run at once, and no more."""
    counter = ConcurrencyCounter()
    all_running = threading.Barrier(limit)

    def hold_slot(*_: object) -> None:
        counter.enter()
        all_running.wait(PATIENCE)
        counter.leave()

    with scripted.http(max_workers=limit) as http:
        for _ in range(2 * limit):
            promise = http.request(HOST)
            promise.add_done_callback(hold_slot)
            promise.then(hold_slot)
        scripted.answer_all_from_now_on()
    assert counter.most == limit


@each_limit
def test_waiting_callback_lends_slot_to_inner_request(scripted: ScriptedServer, limit: int) -> None:
    """Only requests of the callback itself get the slot."""

    def call_back(_: Promise) -> None:
        assert http.request(HOST + "/inner").response.status == 200

    with scripted.http(max_workers=limit) as http:
        for _ in range(limit + 1):
            http.request(HOST + "/outer", callback=call_back)
        for transfer in scripted.wait_for_transfers(limit):
            transfer.answer()
        inner = scripted.wait_for_transfers(limit)
        scripted.wait_for_begun_transfers()
        assert scripted.paths == ["/outer"] * limit + ["/inner"] * limit
        inner[0].answer()
        assert scripted.wait_for_transfer().path == "/outer"
        scripted.answer_all_from_now_on()


def test_many_requests_can_be_queued_and_cancelled(scripted: ScriptedServer) -> None:
    with scripted.http(max_workers=5) as http:
        first = http.request(HOST + "/first")
        promises = [http.request(HOST + "/others") for _ in range(20_000)]
        scripted.wait_for_transfers(5)
        assert [promise.cancel() for promise in promises] == [True] * 20_000
        scripted.answer_all_from_now_on(answer_with(content=b"first"))
        assert first.result(PATIENCE)[1] == b"first"
        assert http.pending == 0


def test_max_workers_can_be_changed_at_any_time(scripted: ScriptedServer) -> None:
    with scripted.http(max_workers=1) as http:
        for _ in range(8):
            http.request(HOST)
        assert count_transfers_under_way(scripted) == 1
        http.max_workers = 3  # two more begin now
        assert count_transfers_under_way(scripted) == 3
        http.max_workers = 2  # all three continue
        assert count_transfers_under_way(scripted) == 3
        for _ in range(4):
            scripted.waiting[0].answer()
            assert count_transfers_under_way(scripted) == 2
        scripted.answer_all_from_now_on()
    assert http.max_workers == 2


def count_transfers_under_way(scripted: ScriptedServer) -> int:
    scripted.wait_for_begun_transfers()
    return len(scripted.waiting)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "4", None])
def test_invalid_max_workers_raises_value_error(limit: object) -> None:
    with pytest.raises(ValueError, match="max_workers"):
        Http(max_workers=limit)  # type: ignore[arg-type]  # wrong on purpose
    http = Http(max_workers=7)
    with pytest.raises(ValueError, match="max_workers"):
        http.max_workers = limit  # type: ignore[assignment]  # as above
    assert http.max_workers == 7


def test_failed_requests_release_slots(scripted: ScriptedServer) -> None:
    bad = [
        HOST + "/refused",
        "nothing",
        "ftp://server.test/",
        "http://server.test:x/",
        HOST + "/loop",
    ]
    scripted.add_rule("GET", "/refused", lambda transfer: transfer.fail(REFUSED))
    scripted.add_rule("GET", "/loop", answer_with(302, "Location: /loop"))
    scripted.answer_all_from_now_on()
    with scripted.http(max_workers=1) as http:
        promises = [http.request(uri, callback=lambda _: None) for uri in bad * 20]
        assert http.request(HOST + "/good").result(PATIENCE)[0].status == 200
        for promise in promises:
            error = promise.exception(PATIENCE)
            assert isinstance(error, OSError | httplib2.HttpLib2Error | KeyError | HTTPException)


# In which order


def test_single_slot_starts_requests_in_order_made(
    scripted: ScriptedServer,
) -> None:
    """The order holds for all kinds of requests, beside failed and cancelled requests."""
    chance = random.Random(1)
    kinds: list[Callable[[Http, str], object]] = [
        lambda http, url: http.request(url),
        lambda http, url: http.request(url, "POST", "text"),
        lambda http, url: http.request(url, callback=lambda promise: len(promise.content)),
        lambda http, url: http.request(url, callback=lambda promise: 1 // 0),
        lambda http, url: http.request(url).add_done_callback(lambda future: None),
        lambda http, url: http.request(url, headers={"a": "b"}).then(lambda *_: None),
    ]
    scripted.add_rule("GET", "/refused", lambda transfer: transfer.fail(REFUSED))
    scripted.answer_all_from_now_on()
    with scripted.http(max_workers=1) as http:
        for number in range(200):
            chance.choice(kinds)(http, f"{HOST}/{number}")
            if number % 3 == 0:
                http.request(HOST + "/cancelled").cancel()
            if number % 7 == 0:
                http.request(HOST + "/refused", callback=lambda promise: promise.exception())
    numbers = [path[1:] for path in scripted.paths if path[1:].isdecimal()]
    assert numbers == [str(number) for number in range(200)]


@each_limit
def test_many_slots_start_requests_in_order_made(scripted: ScriptedServer, limit: int) -> None:
    paths = [f"/{number}" for number in range(3 * limit)]
    with scripted.http(max_workers=limit) as http:
        for path in paths:
            http.request(HOST + path)
        scripted.wait_for_begun_transfers()
        for number in range(limit, 3 * limit):
            assert scripted.paths == paths[:number]
            scripted.waiting[number % limit].answer()  # any of them
            scripted.wait_for_begun_transfers()
        scripted.answer_all_from_now_on()


def test_requests_of_each_thread_start_in_order(
    scripted: ScriptedServer,
) -> None:
    scripted.answer_all_from_now_on()
    with scripted.http(max_workers=1) as http:

        def ask(thread: int) -> None:
            for number in range(50):
                http.request(f"{HOST}/{thread}/{number}")

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, range(8)))
    asked = [path.split("/")[1:] for path in scripted.paths]
    for thread in range(8):
        assert [int(n) for t, n in asked if int(t) == thread] == list(range(50))


def test_nested_requests_start_before_earlier_requests(
    scripted: ScriptedServer,
) -> None:
    """While their callbacks run; requests of equal depth start in the order made."""

    def ask(path: str) -> Callable[[Promise], None]:
        def call_back(_: Promise) -> None:
            deeper = None if path.count("/") == 3 else ask
            paths = [f"{path}{name}" for name in "ab"]
            cf.wait([http.request(HOST + p, callback=deeper and deeper(f"{p}/")) for p in paths])

        return call_back

    with scripted.http(max_workers=1) as http:
        http.request(HOST + "/1", callback=ask("/1/"))
        http.request(HOST + "/2")
        http.request(HOST + "/3")
        scripted.answer_all_from_now_on()
    assert scripted.paths == [
        "/1",
        "/1/a",
        "/1/a/a",
        "/1/a/b",
        "/1/b",
        "/1/b/a",
        "/1/b/b",
        "/2",
        "/3",
    ]


def test_then_function_runs_before_earlier_requests(
    scripted: ScriptedServer,
) -> None:
    called: list[str] = []
    with scripted.http(max_workers=1) as http:
        promise = http.request(HOST + "/1", callback=lambda _: called.append("/1"))
        http.request(HOST + "/2", callback=lambda _: called.append("/2"))
        promise.then(lambda response, content: called.append("then"))
        scripted.answer_all_from_now_on()
    assert called == ["/1", "then", "/2"]


# All at once


class RandomCaller:
    """Uses a shared Http in random ways, on a thread of its own."""

    def __init__(self, http: Http, good: list[str], bad: str, number: int) -> None:
        self._http = http
        self._good = good
        self._bad = bad
        self._chance = random.Random(number)

    def run(self) -> list[Promise]:
        moves = [self.ask, self.cancel, self.look, self.call_back, self.follow]
        return [self._chance.choice(moves)() for _ in range(60)]

    def ask(self) -> Promise:
        return self._http.request(self._chance.choice(self._good), "POST", "body")

    def ask_for_any(self, callback: Callable[[Promise], object] | None = None) -> Promise:
        return self._http.request(self._chance.choice([*self._good, self._bad]), callback=callback)

    def cancel(self) -> Promise:
        promise = self.ask()
        promise.wait(self._chance.choice([0, 0, 0.001]))
        promise.cancel()
        return promise

    def look(self) -> Promise:
        promise = self.ask_for_any()
        with suppress(OSError):
            assert promise.response.status == 200
        return promise

    def call_back(self) -> Promise:
        return self.ask_for_any(self.ask_more)

    def ask_more(self, promise: Promise) -> None:
        promise.response.more = [self.ask(), self.cancel(), self.look(), self.follow()]
        cf.wait(promise.response.more)

    def follow(self) -> Promise:
        promise = self.ask()
        promise.add_done_callback(lambda future: self.ask())
        promise.then(lambda response, content: self.look())
        return promise


def test_threads_share_http_for_mixed_operations(server: WebServer, refused_url: str) -> None:
    """All requests end, each with the right answer, and no slot is lost."""
    urls = [server.url(f"/bytes/{size}") for size in (1, 2, 3)]
    with Http(max_workers=4) as http:
        callers = [RandomCaller(http, urls, refused_url, number) for number in range(8)]
        with ThreadPoolExecutor(8) as threads:
            results = list(threads.map(RandomCaller.run, callers))
        promises = [promise for promises in results for promise in promises]
        assert cf.wait(promises, PATIENCE).not_done == set()
        for promise in promises:
            if not promise.cancelled() and promise.exception() is None:
                assert promise.request.uri.endswith(f"/{len(promise.content)}")
        assert_all_slots_are_there(http, server.hold_answers())


def assert_all_slots_are_there(http: Http, held: HeldAnswers) -> None:
    for _ in range(2 * http.max_workers):
        http.request(held.url())
    held.arrived.wait_for(http.max_workers)
    held.answer_all()
