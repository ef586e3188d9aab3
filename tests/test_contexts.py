"""User code in the background runs in a copy of its caller's context (`contextvars`), as with
asyncio.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextvars import ContextVar
from typing import TypeAlias

import pytest

from asynchttp import Http, Promise
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.web import WebServer

Function: TypeAlias = Callable[[], object]
Way: TypeAlias = Callable[[Http, str, Function], Future[object]]
"""Has a function called in the background."""

name: ContextVar[str] = ContextVar("name", default="lost")


@pytest.fixture(autouse=True)
def name_is_set() -> Iterator[None]:
    token = name.set("of the caller")
    yield
    name.reset(token)


@pytest.fixture
def http() -> Iterator[Http]:
    with Http() as http:
        yield http


def by_callback(http: Http, url: str, function: Function) -> Future[object]:
    called: Future[object] = Future()
    http.request(url, callback=lambda _: called.set_result(function()))
    return called


def by_done_callback(http: Http, url: str, function: Function) -> Future[object]:
    called: Future[object] = Future()
    http.request(url).add_done_callback(lambda _: called.set_result(function()))
    return called


def by_late_done_callback(http: Http, url: str, function: Function) -> Future[object]:
    called: Future[object] = Future()
    promise = http.request(url)
    promise.wait()
    promise.add_done_callback(lambda _: called.set_result(function()))
    return called


def by_then(http: Http, url: str, function: Function) -> Future[object]:
    return http.request(url).then(lambda response, content: function())


def by_submit(http: Http, _: str, function: Function) -> Future[object]:
    return http.submit(function)


def by_blocking_callback(http: Http, url: str, function: Function) -> Future[object]:
    http.blocking = True
    return by_callback(http, url, function)


WAITING_WAYS = (by_callback, by_done_callback, by_then)
"""The function waits for the answer."""
WAYS = (*WAITING_WAYS, by_late_done_callback, by_submit, by_blocking_callback)
in_every_way = pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)


@in_every_way
def test_function_sees_context_of_its_caller(way: Way, http: Http, server: WebServer) -> None:
    assert way(http, server.url(), name.get).result(PATIENCE) == "of the caller"


@pytest.mark.parametrize("way", WAITING_WAYS, ids=lambda way: way.__name__)
def test_later_change_of_context_is_not_seen(way: Way, http: Http, server: WebServer) -> None:
    held = server.hold_answers()
    seen = way(http, held.url(), name.get)
    name.set("changed")
    held.answer_all()
    assert seen.result(PATIENCE) == "of the caller"


@in_every_way
def test_function_changes_only_its_copy_of_context(way: Way, http: Http, server: WebServer) -> None:
    def change() -> str:
        before = name.get()
        name.set("changed")
        return before

    seen = [way(http, server.url(), change).result(PATIENCE) for _ in range(3)]
    assert seen == ["of the caller"] * 3
    assert name.get() == "of the caller"


def test_callbacks_of_one_promise_have_separate_copies(http: Http, server: WebServer) -> None:
    seen = EventLog[str]()

    def change(_: object) -> None:
        seen.add(name.get())
        name.set("changed")

    promise = http.request(server.url(), callback=change)
    for _ in range(3):
        promise.add_done_callback(change)
    seen.wait_for(4)
    assert list(seen) == ["of the caller"] * 4


def test_nested_callback_sees_context_of_outer_callback(http: Http, server: WebServer) -> None:
    def outer(_: Promise) -> None:
        name.set("of the callback")
        seen.append(by_callback(http, server.url(), name.get).result(PATIENCE))

    seen: list[object] = []
    http.request(server.url(), callback=outer).result()
    assert seen == ["of the callback"]


@pytest.mark.parametrize("way", WAITING_WAYS, ids=lambda way: way.__name__)
def test_thread_with_context_of_callback_uses_its_slot(way: Way, server: WebServer) -> None:
    """The caller's context is older than the callback, but requests belong to the callback."""

    async def ask_on_thread() -> int:
        promise = await asyncio.to_thread(client.request, server.url())
        return promise.response.status

    with Http(max_workers=1) as client:
        asked = way(client, server.url(), lambda: asyncio.run(ask_on_thread()))
        assert asked.result(PATIENCE) == 200


def test_cancel_calls_done_callback_in_context_of_its_caller(http: Http, server: WebServer) -> None:
    seen = EventLog[str]()
    promise = http.request(server.hold_answers().url())
    promise.add_done_callback(lambda _: seen.add(name.get()))
    thread = threading.Thread(target=promise.cancel)
    thread.start()
    thread.join()
    assert list(seen) == ["of the caller"]
