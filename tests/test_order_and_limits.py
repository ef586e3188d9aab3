"""How many requests are worked on at once, callbacks included, and in which order.

The servers count who is there at once, and see who comes when.
"""

import concurrent.futures as cf
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import httplib2
import pytest

from asynchttp import Http, Promise
from tests.conftest import RawServers
from tests.servers.app import Gate
from tests.servers.raw import OK, Peer, head, send
from tests.servers.seen import PATIENCE
from tests.servers.web import WebServer

limits = pytest.mark.parametrize("limit", [1, 2, 7, 32])


class Crowd:
    """Counts who is inside: now, and the most that ever were."""

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


@limits
def test_as_many_as_max_workers_are_on_the_wire_and_no_more(server: WebServer, limit: int) -> None:
    gate = server.gate()
    with Http(max_workers=limit) as http:
        promises = [http.request(gate.url()) for _ in range(3 * limit)]
        gate.arrived.wait_for(limit)
        for number in range(2 * limit):
            gate.let_pass()
            gate.arrived.wait_for(limit + number + 1)
        gate.open()
        assert cf.wait(promises, PATIENCE).not_done == set()
    assert gate.most_inside == limit


@limits
def test_callbacks_count_too(raw_server: RawServers, limit: int) -> None:
    """Each is inside from when the server has it until its callback is about to end."""
    crowd = Crowd()

    def answer_all(peer: Peer) -> None:
        while True:
            head(peer)
            crowd.enter()
            send(OK)(peer)

    url = raw_server([answer_all]).url()
    with Http(max_workers=limit) as http:
        for _ in range(10 * limit):
            http.request(url, callback=lambda promise: crowd.leave())
    assert crowd.most <= limit
    assert crowd.inside == 0


@limits
def test_so_do_functions_that_follow_and_those_for_when_it_is_done(
    server: WebServer, limit: int
) -> None:
    """They run at the same time, all that may, and no others."""
    crowd, gate = Crowd(), server.gate()
    all_running = threading.Barrier(limit)

    def visit(*_: object) -> None:
        crowd.enter()
        all_running.wait(PATIENCE)
        crowd.leave()

    with Http(max_workers=limit) as http:
        for _ in range(2 * limit):
            promise = http.request(gate.url())
            promise.add_done_callback(visit)
            promise.then(visit)
        gate.open()
    assert crowd.most == limit


def test_any_number_can_be_queued(server: WebServer) -> None:
    gate = server.gate()
    with Http(max_workers=5) as http:
        first = http.request(gate.url("first"))
        promises = [http.request(gate.url("others")) for _ in range(20_000)]
        gate.arrived.wait_for(5)
        assert [promise.cancel() for promise in promises] == [True] * 20_000
        gate.open()
        assert first.result(PATIENCE)[1] == b"first"


def test_it_can_be_changed_at_any_time(server: WebServer) -> None:
    gate = server.gate()
    with Http(max_workers=1) as http:
        promises = [http.request(gate.url()) for _ in range(8)]
        gate.arrived.wait_for(1)
        http.max_workers = 3  # two more begin now
        gate.arrived.wait_for(3)
        http.max_workers = 2  # none of them ends because of that
        for number in range(5):
            gate.let_pass()
            if number:
                gate.arrived.wait_for(number + 3)
        gate.open()
        assert cf.wait(promises, PATIENCE).not_done == set()
    assert (http.max_workers, gate.most_inside) == (2, 3)


@pytest.mark.parametrize("limit", [0, -1, 1.5, "4", None])
def test_it_has_to_be_at_least_one(limit: object) -> None:
    with pytest.raises(ValueError, match="max_workers"):
        Http(max_workers=limit)  # type: ignore[arg-type]  # that is what is tested
    http = Http(max_workers=7)
    with pytest.raises(ValueError, match="max_workers"):
        http.max_workers = limit  # type: ignore[assignment]  # as above
    assert http.max_workers == 7


def test_what_fails_gives_its_slot_back(server: WebServer, refused: str) -> None:
    bad = [refused, "nothing", "ftp://127.0.0.1/", "http://127.0.0.1:0/", server.url("/loop")]
    with Http(max_workers=1) as http:
        promises = [http.request(uri, callback=lambda _: None) for uri in bad * 20]
        assert http.request(server.url()).result(PATIENCE)[0].status == 200
        for promise in promises:
            assert isinstance(promise.exception(), OSError | httplib2.HttpLib2Error | KeyError)


# In which order


def test_one_at_a_time_they_go_in_the_order_in_which_they_were_made(
    server: WebServer, refused: str
) -> None:
    """Whatever they are, and whatever becomes of the others."""
    chance = random.Random(1)
    kinds: list[Callable[[Http, str], object]] = [
        lambda http, url: http.request(url),
        lambda http, url: http.request(url, "POST", "text"),
        lambda http, url: http.request(url, callback=lambda promise: len(promise.content)),
        lambda http, url: http.request(url, callback=lambda promise: 1 // 0),
        lambda http, url: http.request(url).add_done_callback(lambda future: None),
        lambda http, url: http.request(url, headers={"a": "b"}).then(lambda *_: None),
    ]
    with Http(max_workers=1) as http:
        for number in range(200):
            chance.choice(kinds)(http, server.url(f"/bytes/1?{number}"))
            if number % 3 == 0:
                http.request(server.url("/bytes/2")).cancel()
            if number % 7 == 0:
                http.request(refused, callback=lambda promise: promise.exception())
    # Of those that were cancelled some were on their way.
    numbers = [each.target.partition("?")[2] for each in server.received]
    assert [int(number) for number in numbers if number] == list(range(200))


@limits
def test_many_at_a_time_they_start_in_that_order(server: WebServer, limit: int) -> None:
    gate = server.gate()
    labels = [str(number) for number in range(3 * limit)]
    with Http(max_workers=limit) as http:
        for label in labels:
            http.request(gate.url(label))
        assert sorted(gate.arrived.wait_for(limit)) == sorted(labels[:limit])
        for number in range(limit, 3 * limit):
            gate.let_pass()
            assert gate.arrived.wait_for(number + 1)[-1] == labels[number]
        gate.open()


def test_from_many_threads_each_threads_own_go_in_its_order(server: WebServer) -> None:
    with Http(max_workers=1) as http:

        def ask(thread: int) -> None:
            for number in range(50):
                http.request(server.url(f"/bytes/1?{thread}&{number}"))

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(ask, range(8)))
    asked = [each.target.partition("?")[2].split("&") for each in server.received]
    for thread in range(8):
        assert [int(n) for t, n in asked if int(t) == thread] == list(range(50))


# All at once


class Player:
    """A thread that does all kinds of things with an Http that it shares."""

    def __init__(self, http: Http, good: list[str], bad: str, number: int) -> None:
        self._http = http
        self._good = good
        self._bad = bad
        self._chance = random.Random(number)

    def play(self) -> list[Promise]:
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


def test_threads_share_an_http_and_do_all_kinds_of_things(server: WebServer, refused: str) -> None:
    """Whatever they do, it ends, each gets his own answer, and no slot is lost."""
    urls = [server.url(f"/bytes/{size}") for size in (1, 2, 3)]
    with Http(max_workers=4) as http:
        players = [Player(http, urls, refused, number) for number in range(8)]
        with ThreadPoolExecutor(8) as threads:
            played = list(threads.map(Player.play, players))
        promises = [promise for promises in played for promise in promises]
        assert cf.wait(promises, PATIENCE).not_done == set()
        for promise in promises:
            if not promise.cancelled() and promise.exception() is None:
                assert promise.request.uri.endswith(f"/{len(promise.content)}")
        assert_all_slots_are_there(http, server.gate())


def assert_all_slots_are_there(http: Http, gate: Gate) -> None:
    for _ in range(2 * http.max_workers):
        http.request(gate.url())
    gate.arrived.wait_for(http.max_workers)
    gate.open()
