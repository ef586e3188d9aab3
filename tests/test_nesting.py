"""Callbacks make requests and wait for the answers: in every way of waiting, at any depth, with a
single worker, across several Https. The number of threads stays bounded.
"""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asynchttp import Http, Promise
from tests.conftest import RawServerFactory
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, ServerConnection, read_head, send
from tests.servers.web import WebServer
from tests.threads import asynchttp_threads, wait_until_one_worker_is_left
from tests.ways_of_waiting import WAYS_OF_WAITING, each_way_of_waiting

DEPTH = 20


@pytest.fixture
def http() -> Iterator[Http]:
    """An Http with a single worker: a waiting callback occupies the only slot."""
    with Http(max_workers=1) as http:
        yield http


def request_nested(
    depth: int, https: list[Http], url: str, wait: Callable[[Promise], object]
) -> Promise:
    """Make a request whose callback makes a nested request by the next Http and waits for it."""

    def call_back(promise: Promise) -> None:
        promise.response.depth = 0
        if depth > 1:
            inner = request_nested(depth - 1, [*https[1:], https[0]], url, wait)
            wait(inner)
            assert inner.done()
            promise.response.depth = inner.response.depth + 1

    return https[0].request(url, callback=call_back)


# Depth


@each_way_of_waiting
def test_nested_callbacks_wait_at_any_depth(
    http: Http, server: WebServer, wait: Callable[[Promise], object]
) -> None:
    promise = request_nested(DEPTH, [http], server.url(), wait)
    assert promise.result(PATIENCE)[0].depth == DEPTH - 1


@each_way_of_waiting
@pytest.mark.parametrize("count", [2, 3])
def test_callbacks_nest_across_several_https(
    server: WebServer, count: int, wait: Callable[[Promise], object]
) -> None:
    https = [Http(max_workers=1) for _ in range(count)]
    promises = [
        request_nested(DEPTH, https[n:] + https[:n], server.url(), wait) for n in range(count)
    ]
    assert [promise.result(PATIENCE)[0].depth for promise in promises] == [DEPTH - 1] * count
    for http in https:
        http.close()


@each_way_of_waiting
def test_callbacks_of_two_https_wait_for_each_other(
    server: WebServer, wait: Callable[[Promise], object]
) -> None:
    """The callbacks take both slots, and each waits for a request by the other Http."""
    both_run = threading.Barrier(2)
    first, second = Http(max_workers=1), Http(max_workers=1)

    def wait_for_request_of(theirs: Http) -> Callable[[Promise], None]:
        def call_back(_: Promise) -> None:
            both_run.wait(PATIENCE)
            wait(theirs.request(server.url()))

        return call_back

    with first, second:
        promises = [
            first.request(server.url(), callback=wait_for_request_of(second)),
            second.request(server.url(), callback=wait_for_request_of(first)),
        ]
        assert [promise.exception(PATIENCE) for promise in promises] == [None, None]


@each_way_of_waiting
def test_callback_waits_for_several_requests(
    http: Http, server: WebServer, wait: Callable[[Promise], object]
) -> None:
    def call_back(_: Promise) -> None:
        for inner in [request_nested(2, [http], server.url(), wait) for _ in range(10)]:
            wait(inner)

    promise = http.request(server.url(), callback=call_back)
    assert promise.exception(PATIENCE) is None
    assert len(server.received) == 21


def test_then_and_done_callback_wait_for_requests(http: Http, server: WebServer) -> None:
    results: list[int] = []

    def ask() -> int:
        depth: int = request_nested(3, [http], server.url(), Promise.wait).response.depth
        return depth

    held = server.hold_answers()
    promise = http.request(held.url())
    promise.add_done_callback(lambda _: results.append(ask()))
    following = promise.then(lambda response, content: ask())
    held.answer_all()
    assert following.result(PATIENCE) == 2
    assert results == [2]


# Waiting for requests of other callers


def test_callback_waits_for_requests_of_inner_callback(http: Http, server: WebServer) -> None:
    def leave(promise: Promise) -> None:
        promise.response.left = [http.request(server.url()) for _ in range(5)]

    def call_back(promise: Promise) -> None:
        inner = http.request(server.url(), callback=leave)
        for left in inner.response.left:
            left.result()

    assert http.request(server.url(), callback=call_back).exception(PATIENCE) is None


@pytest.mark.parametrize("way", [way for way in WAYS_OF_WAITING if way != "a thread"])
def test_callback_waits_for_request_made_later(http: Http, server: WebServer, way: str) -> None:
    """The later request is queued for the slot of the callback that waits for the request."""
    made = threading.Event()
    later: list[Promise] = []

    def call_back(_: Promise) -> None:
        made.wait(PATIENCE)
        WAYS_OF_WAITING[way](later[-1])

    promise = http.request(server.url(), callback=call_back)
    later += [http.request(server.url()) for _ in range(5)]
    made.set()
    assert promise.exception(PATIENCE) is None


def test_many_callbacks_wait_for_same_request(server: WebServer) -> None:
    """The awaited request is queued last, and its own callback waits for another request."""
    made = threading.Event()
    tokens: list[Promise] = []

    def call_back(_: Promise) -> None:
        made.wait(PATIENCE)
        assert tokens[0].response.token == 200

    def parse(promise: Promise) -> None:
        promise.response.token = two_slots.request(server.url()).response.status

    with Http(max_workers=2) as two_slots:
        promises = [two_slots.request(server.url(), callback=call_back) for _ in range(20)]
        tokens.append(two_slots.request(server.url(), callback=parse))
        made.set()
        assert [promise.exception(PATIENCE) for promise in promises] == [None] * 20


def test_callbacks_wait_for_requests_of_each_other(server: WebServer) -> None:
    both_made = threading.Barrier(2)
    children: list[Promise] = []

    def call_back(_: Promise) -> None:
        mine = request_nested(2, [two_slots], server.url(), Promise.wait)
        children.append(mine)
        both_made.wait(PATIENCE)
        [awaited] = [child for child in children if child is not mine]
        awaited.result()

    two_slots = Http(max_workers=2)
    promises = [two_slots.request(server.url(), callback=call_back) for _ in range(2)]
    assert [promise.exception(PATIENCE) for promise in promises] == [None, None]
    two_slots.close()


# Random trees


class RequestTree(NamedTuple):
    """A request whose callback makes a request for each branch, and waits in the given way."""

    branches: list[tuple[RequestTree, str]]

    def __len__(self) -> int:
        return 1 + sum(len(branch) for branch, _ in self.branches)

    def grow(self, https: list[Http], url: str) -> Promise:
        def call_back(_: Promise) -> None:
            others = [*https[1:], https[0]]
            for promise, way in [(b.grow(others, url), way) for b, way in self.branches]:
                if way in WAYS_OF_WAITING:
                    WAYS_OF_WAITING[way](promise)

        return https[0].request(url, callback=call_back)


ways = st.sampled_from(["not at all", *WAYS_OF_WAITING])
trees = st.recursive(
    st.just(RequestTree([])),
    lambda tree: st.lists(st.tuples(tree, ways), max_size=4).map(RequestTree),
    max_leaves=12,
)


@given(tree=trees, limits=st.lists(st.integers(1, 3), min_size=1, max_size=2))
@settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # all examples share the server
)
def test_random_tree_of_callbacks_ends(
    server: WebServer, tree: RequestTree, limits: list[int]
) -> None:
    before = len(server.received)
    https = [Http(max_workers=limit) for limit in limits]
    assert tree.grow(https, server.url()).exception(PATIENCE) is None
    for http in https * len(tree):  # a close may let callbacks make requests by the other Http
        http.close()
    assert len(server.received) == before + len(tree)


# Without waiting


@pytest.mark.parametrize("limit", [1, 2, 8])
def test_callbacks_make_requests_without_waiting(server: WebServer, limit: int) -> None:
    """Each callback makes three requests, down to depth 5."""
    http = Http(max_workers=limit)
    over = threading.Semaphore(0)

    def ask(depth: int) -> None:
        over.release()
        for _ in range(3 if depth else 0):
            http.request(server.url(), callback=lambda _: ask(depth - 1))

    ask(5)
    for _ in range(sum(3**depth for depth in range(6))):
        assert over.acquire(timeout=PATIENCE)
    http.close()


def test_long_callback_chain_frees_earlier_promises(http: Http, server: WebServer) -> None:
    """Each callback makes the next request, as a polling program does."""
    promises: list[weakref.ref[Promise]] = []
    over = threading.Event()

    def ask() -> None:
        promise = http.request(server.url(), callback=lambda _: call_back())
        promises.append(weakref.ref(promise))

    def call_back() -> None:
        if len(promises) < 200:
            ask()
        else:
            gc.collect()
            assert len([promise for promise in promises if promise()]) < 5
            over.set()

    ask()
    assert over.wait(PATIENCE)


# Failures


def test_inner_failure_has_notes_of_both_requests(
    http: Http, server: WebServer, refused_url: str
) -> None:
    promise = http.request(server.url(), callback=lambda _: http.request(refused_url).result())
    error = promise.exception(PATIENCE)
    assert isinstance(error, ConnectionRefusedError)
    [inner, outer] = error.__notes__
    assert refused_url in inner
    assert f"callback of GET {server.url()}" in outer
    assert error.request.uri == refused_url  # type: ignore[attr-defined]  # set by asynchttp


# Threads


async def in_threads_of_asyncio(function: Callable[[], object]) -> None:
    await asyncio.gather(*(asyncio.to_thread(function) for _ in range(3)))


def in_threads_with_its_context(function: Callable[[], object]) -> None:
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda context: context.run(function), [copy_context() for _ in range(3)]))


RUN_ON_THREADS: dict[str, Callable[[Callable[[], object]], object]] = {
    "asyncio.to_thread": lambda function: asyncio.run(in_threads_of_asyncio(function)),
    "its context": in_threads_with_its_context,
}


@pytest.mark.parametrize("run_on_threads", RUN_ON_THREADS.values(), ids=RUN_ON_THREADS)
def test_threads_of_callback_make_requests_and_wait(
    run_on_threads: Callable[[Callable[[], object]], object], http: Http, server: WebServer
) -> None:
    def call_back(_: Promise) -> None:
        run_on_threads(lambda: http.request(server.url()).result())

    promises = [http.request(server.url(), callback=call_back) for _ in range(5)]
    assert [promise.exception(PATIENCE) for promise in promises] == [None] * 5


class CountingServer(NamedTuple):
    """A server's URL, and the number of asynchttp's threads at each request."""

    url: str
    threads: list[int]


@pytest.fixture
def counting_server(raw_server: RawServerFactory, idle_workers_end_soon: None) -> CountingServer:
    wait_until_one_worker_is_left()
    threads: list[int] = []

    def answer_all(connection: ServerConnection) -> None:
        while True:
            read_head(connection)
            threads.append(len(asynchttp_threads()))
            send(OK)(connection)

    return CountingServer(raw_server([answer_all]).url(), threads)


def most_threads(callbacks: int) -> int:
    """A bound for the threads with `callbacks` at once, whatever the number of requests. A worker
    that has left a callback is not free before the worker has the GIL again: a busy machine may
    have several such workers for each callback.
    """
    return 4 + 4 * callbacks


def test_ten_thousand_waiting_callbacks_use_few_threads(counting_server: CountingServer) -> None:
    with Http(max_workers=4) as http:
        promises = [
            request_nested(2, [http], counting_server.url, Promise.wait) for _ in range(10_000)
        ]
        assert [promise.exception(50) for promise in promises] == [None] * 10_000
    assert max(counting_server.threads) <= most_threads(2 * 4)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_thread_count_does_not_grow_with_requests(
    counting_server: CountingServer, depth: int
) -> None:
    with Http(max_workers=3) as http:
        promises = [
            request_nested(depth, [http], counting_server.url, Promise.wait) for _ in range(500)
        ]
        assert [promise.exception(PATIENCE) for promise in promises] == [None] * 500
    assert max(counting_server.threads) <= most_threads(3 * depth)
