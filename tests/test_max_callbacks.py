"""`max_callbacks`: how many callbacks run at once. A callback that waits for another request lets
others run meanwhile, so that no nesting of callbacks comes to a halt.
"""

import asyncio
import concurrent.futures
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest

from asynchttp import Http, Promise
from tests.programs import run_python
from tests.servers.event_log import PATIENCE
from tests.servers.web import WebServer


class Counter:
    """Counts how many blocks run at once."""

    def __init__(self) -> None:
        self.running = self.most = self.total = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self.running += 1
            self.total += 1
            self.most = max(self.most, self.running)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.running -= 1


@pytest.fixture
def counter() -> Counter:
    return Counter()


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(max_callbacks=1) as http:
        yield http


def count_for_a_while(counter: Counter) -> None:
    with counter:
        threading.Event().wait(0.005)


Ask: TypeAlias = Callable[[Http, str, Counter], object]

KINDS: dict[str, Ask] = {
    "callback": lambda http, url, counter: http.request(
        url, callback=lambda _: count_for_a_while(counter)
    ),
    "done-callback": lambda http, url, counter: http.request(url).add_done_callback(
        lambda _: count_for_a_while(counter)
    ),
    "then": lambda http, url, counter: http.request(url).then(
        lambda response, content: count_for_a_while(counter)
    ),
}


@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_callbacks_run_one_after_the_other(
    http: Http, server: WebServer, counter: Counter, kind: str
) -> None:
    held = server.hold_answers()
    for ask in KINDS.values() if kind == "all" else [KINDS[kind]]:
        for _ in range(10):
            ask(http, held.url(), counter)
    held.answer_all()
    http.close()
    assert (counter.total, counter.most) == (30 if kind == "all" else 10, 1)


def test_without_limit_callbacks_run_at_the_same_time(server: WebServer) -> None:
    all_run = threading.Barrier(8)
    with Http() as http:
        for _ in range(8):
            http.request(server.url(), callback=lambda _: all_run.wait(PATIENCE))
    assert not all_run.broken


def test_limit_can_be_changed_at_any_time(http: Http, server: WebServer, counter: Counter) -> None:
    both_run = threading.Barrier(2)

    def wait_for_other(_: Promise) -> None:
        both_run.wait(PATIENCE)

    waiting = [http.request(server.url(), callback=wait_for_other) for _ in range(2)]
    http.max_callbacks = None
    assert all(promise.exception() is None for promise in waiting)
    http.max_callbacks = 1
    for _ in range(10):
        KINDS["callback"](http, server.url(), counter)
    http.close()
    assert (counter.total, counter.most) == (10, 1)


def by_result(promise: Promise) -> object:
    return promise.result()


def by_look(promise: Promise) -> object:
    return promise.response.status


def by_futures(promise: Promise) -> object:
    return concurrent.futures.wait([promise])


def by_await(promise: Promise) -> object:
    async def wait() -> object:
        return await promise

    return asyncio.run(wait())


def by_thread(promise: Promise) -> object:
    async def wait() -> object:
        return await asyncio.to_thread(promise.result)

    return asyncio.run(wait())


def by_then(promise: Promise) -> object:
    return promise.then(lambda response, content: content).result()


@pytest.mark.parametrize(
    "wait", [by_result, by_look, by_futures, by_await, by_thread, by_then], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("max_workers", [1, 8])
def test_callback_may_wait_for_callbacks(
    server: WebServer, wait: Callable[[Promise], object], max_workers: int
) -> None:
    """Three levels deep, and side by side."""
    ends: list[int] = []

    def ask(depth: int) -> Promise:
        return http.request(server.url(), callback=lambda _: call_back(depth))

    def call_back(depth: int) -> None:
        if depth:
            wait(ask(depth - 1))
        ends.append(depth)

    with Http(max_callbacks=1, max_workers=max_workers) as http:
        promises = [ask(3) for _ in range(4)]
        assert all(promise.wait(PATIENCE) for promise in promises)
        assert [promise.exception() for promise in promises] == [None] * 4
    assert sorted(ends) == [0] * 4 + [1] * 4 + [2] * 4 + [3] * 4


def test_callback_goes_on_alone_after_a_wait(http: Http, server: WebServer) -> None:
    counter = Counter()

    def call_back(_: Promise) -> None:
        count_for_a_while(counter)
        http.request(server.url(), callback=lambda _: count_for_a_while(counter)).result()
        count_for_a_while(counter)

    for _ in range(8):
        http.request(server.url(), callback=call_back)
    http.close()
    assert (counter.total, counter.most) == (24, 1)


def test_callbacks_of_two_https_may_wait_for_each_other(server: WebServer) -> None:
    def call_back(_: Promise) -> None:
        other.request(server.url(), callback=lambda _: http.request(server.url()).result()).result()

    with Http(max_callbacks=1) as http, Http(max_callbacks=1) as other:
        promises = [http.request(server.url(), callback=call_back) for _ in range(5)]
        assert all(promise.wait(PATIENCE) for promise in promises)


def test_failing_callback_lets_the_next_run(http: Http, server: WebServer) -> None:
    def fail(_: Promise) -> None:
        raise LookupError

    promises = [http.request(server.url(), callback=fail) for _ in range(5)]
    assert [type(promise.exception(PATIENCE)) for promise in promises] == [LookupError] * 5


def test_cancelled_request_lets_the_next_callback_run(http: Http, server: WebServer) -> None:
    runs, may_end = threading.Event(), threading.Event()

    def hold(_: Promise) -> None:
        runs.set()
        assert may_end.wait(PATIENCE)

    called: list[Promise] = []
    first = http.request(server.url(), callback=hold)
    assert runs.wait(PATIENCE)
    others = [http.request(server.url(), callback=called.append) for _ in range(4)]
    assert others[0].cancel()
    may_end.set()
    http.close()
    assert first.done()
    assert len(called) == 3


@pytest.mark.parametrize("limit", [0, -1, 1.5, "2"])
def test_wrong_limit_is_named(limit: int) -> None:
    with pytest.raises(ValueError, match=r"max_callbacks: expected int of at least 1 \| None"):
        Http(max_callbacks=limit)


def test_limit_is_pickled() -> None:
    with Http(max_callbacks=3, exit_timeout=5) as http, pickle.loads(pickle.dumps(http)) as copy:
        assert (copy.max_callbacks, copy.exit_timeout) == (3, 5)


def test_forked_child_has_its_own_permits(server: WebServer) -> None:
    program = """
        http = Http(max_callbacks=1)
        def fork(promise):
            if os.fork() == 0:
                http.request(sys.argv[1], callback=lambda _: print_line("in child")).wait()
                os._exit(0)
            os.wait()
        http.request(sys.argv[1], callback=fork).wait()
        http.request(sys.argv[1], callback=lambda _: print_line("in parent")).wait()
    """
    assert run_python(program, server.url()).assert_clean() == ["in child", "in parent"]
