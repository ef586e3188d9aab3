"""Cancelling at each stage: queued, under way, answered but not handled, in the callback, done.

Afterwards, exactly one slot is free, and every waiter is woken. test_cancel_on_wire shows that
servers see the aborted transfer.
"""

import concurrent.futures as cf
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import pytest

from asynchttp import Promise
from tests.looks import LOOKS, assert_cancelled, wait_until_threads_wait
from tests.scripted import HOST, REFUSED, ScriptedHttp, ScriptedServer
from tests.servers.event_log import PATIENCE

LIMIT = 3


@pytest.fixture
def http(scripted: ScriptedServer) -> Iterator[ScriptedHttp]:
    """An Http, with all slots free after the test."""
    with scripted.http(max_workers=LIMIT) as http:
        yield http
        assert_all_slots_are_free(http, scripted)


def assert_all_slots_are_free(http: ScriptedHttp, scripted: ScriptedServer) -> None:
    """Exactly LIMIT requests begin at once: no slot is lost or released twice."""
    http._dispatcher.account.wait(PATIENCE)
    assert http.pending == 0
    for _ in range(2 * LIMIT):
        http.request(HOST + "/slot")
    scripted.wait_for_begun_transfers()
    assert scripted.paths.count("/slot") == LIMIT
    scripted.answer_all_from_now_on()


forbidden_calls: list[Promise] = []
"""Promises given to `call_back`, which no test lets run."""

call_back = forbidden_calls.append

with_and_without_callback = pytest.mark.parametrize(
    "callback", [None, call_back], ids=["plain", "with callback"]
)
Callback = Callable[[Promise], object]


@pytest.fixture(autouse=True)
def no_callback_runs() -> Iterator[None]:
    yield
    assert forbidden_calls == []


# At each stage


@with_and_without_callback
def test_cancelled_queued_request_never_begins(
    scripted: ScriptedServer, http: ScriptedHttp, callback: Callback | None
) -> None:
    others = [http.request(f"{HOST}/{number}") for number in range(LIMIT)]
    queued = [http.request(f"{HOST}/queued{n}", callback=callback) for n in range(3)]
    last = http.request(HOST + "/last")
    assert not queued[0].running()
    assert [promise.cancel() for promise in queued] == [True] * 3
    for transfer in scripted.wait_for_transfers(LIMIT):
        transfer.answer()
    assert scripted.wait_for_transfer().path == "/last"
    scripted.waiting[0].answer()
    assert cf.wait([*others, last], PATIENCE).not_done == set()
    for promise in queued:
        assert_cancelled(promise)


@with_and_without_callback
def test_cancelled_transfer_is_stopped(
    scripted: ScriptedServer, http: ScriptedHttp, callback: Callback | None
) -> None:
    promise = http.request(HOST, callback=callback)
    transfer = scripted.wait_for_transfer()
    assert promise.running()
    assert promise.cancel()
    transfer.answer()  # too late, or the core handles answer and cancellation at once
    assert_cancelled(promise)
    scripted.wait_for_begun_transfers()
    assert not transfer.answer()


def test_cancelled_transfer_frees_exactly_one_slot(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    promises = [http.request(f"{HOST}/{number}") for number in range(LIMIT + 2)]
    scripted.wait_for_transfers(LIMIT)
    assert promises[1].cancel()
    assert scripted.wait_for_transfer().path == f"/{LIMIT}"
    scripted.wait_for_begun_transfers()
    assert len(scripted.arrived) == LIMIT + 1
    for _ in range(LIMIT + 1):
        scripted.waiting[0].answer()
        scripted.wait_for_begun_transfers()


def test_cancel_drops_unhandled_answer(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    """The core has the answer, but the worker that would handle the event is busy."""
    promise, plain = http.request(HOST, callback=call_back), http.request(HOST)
    transfer, plain_transfer = scripted.wait_for_transfers(2)
    is_busy, may_go_on = threading.Event(), threading.Event()

    def keep_busy(_: object) -> None:
        is_busy.set()
        assert may_go_on.wait(PATIENCE)

    scripted.add_rule("GET", "/busy", keep_busy)
    busy = http.request(HOST + "/busy")
    assert is_busy.wait(PATIENCE)
    assert transfer.answer()
    assert plain_transfer.answer()
    assert plain.wait(PATIENCE)  # the core has handled the earlier answer, too
    assert (promise.done(), promise.running()) == (False, True)
    assert promise.cancel()
    assert http.pending == 2  # the slot is free after the event is handled
    may_go_on.set()
    assert_cancelled(promise)
    assert busy.cancel()


def test_cancelled_redirect_makes_no_further_transfer(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    scripted.add_rule("GET", "/moved", lambda transfer: transfer.answer(302, "Location: /next"))
    promise = http.request(HOST + "/moved", callback=call_back)
    transfer = scripted.wait_for_transfers(2)[-1]
    assert transfer.path == "/next"
    assert promise.cancel()
    scripted.wait_for_begun_transfers()
    assert not transfer.answer()
    assert_cancelled(promise)
    assert scripted.paths == ["/moved", "/next"]


class SlowCache:
    """A cache with a lookup that lasts until `may_answer` is set."""

    def __init__(self) -> None:
        self.is_asked, self.may_answer = threading.Event(), threading.Event()

    def get(self, key: str) -> None:
        self.is_asked.set()
        assert self.may_answer.wait(PATIENCE)

    def set(self, key: str, value: bytes) -> None:
        pass

    def delete(self, key: str) -> None:
        pass


def test_request_cancelled_during_cache_lookup_is_never_sent(scripted: ScriptedServer) -> None:
    cache = SlowCache()
    with scripted.http(cache=cache, max_workers=LIMIT) as http:
        promise = http.request(HOST + "/cancelled", callback=call_back)
        assert cache.is_asked.wait(PATIENCE)
        assert promise.cancel()
        cache.may_answer.set()
        assert_cancelled(promise)
        http.close()
        http.cache = None  # type: ignore[assignment]  # None: no cache is given
        assert_all_slots_are_free(http, scripted)
    assert "/cancelled" not in scripted.paths


# After the end


@pytest.mark.parametrize("status", [200, 404])
def test_cancel_does_not_change_answered_request(
    scripted: ScriptedServer, http: ScriptedHttp, status: int
) -> None:
    promise = http.request(HOST)
    scripted.wait_for_transfer().answer(status)
    assert promise.response.status == status
    assert not promise.cancel()
    assert (promise.cancelled(), promise.result()[0].status) == (False, status)


@pytest.mark.parametrize("uri", [HOST, "/relative"])
def test_cancel_does_not_change_failed_request(
    scripted: ScriptedServer, http: ScriptedHttp, uri: str
) -> None:
    scripted.add_rule("GET", "/", lambda transfer: transfer.fail(REFUSED))
    promise = http.request(uri)
    error = promise.exception(PATIENCE)
    assert not promise.cancel()
    assert promise.exception() is error is not None


def test_callback_cannot_cancel_its_own_request(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    cancelled: Future[bool] = Future()
    promise = http.request(HOST, callback=lambda given: cancelled.set_result(given.cancel()))
    scripted.wait_for_transfer().answer()
    assert cancelled.result(PATIENCE) is False
    assert promise.response.status == 200


def test_running_callback_prevents_cancel(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    runs, may_end = threading.Event(), threading.Event()

    def run(_: Promise) -> None:
        runs.set()
        assert may_end.wait(PATIENCE)

    promise = http.request(HOST, callback=run)
    scripted.wait_for_transfer().answer()
    assert runs.wait(PATIENCE)
    assert not promise.cancel()
    may_end.set()
    assert promise.response.status == 200


# Callers of cancel()


def test_callback_may_cancel_another_request(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    other = http.request(HOST + "/other")
    scripted.wait_for_transfer()
    promise = http.request(HOST, callback=lambda _: other.cancel())
    scripted.wait_for_transfer().answer()
    assert promise.wait(PATIENCE)
    assert_cancelled(other)


def test_callback_may_cancel_its_own_requests(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    inner: list[Promise] = []

    def run(_: Promise) -> None:
        inner.extend(http.request(HOST + "/inner") for _ in range(2 * LIMIT))
        inner_begins.wait(PATIENCE)
        assert all([promise.cancel() for promise in inner])  # noqa: C419  # cancel all of them

    inner_begins = threading.Event()
    scripted.add_rule("GET", "/inner", lambda _: inner_begins.set())
    promise = http.request(HOST + "/outer", callback=run)
    scripted.wait_for_transfer().answer()
    assert promise.response.status == 200
    for each in inner:
        assert_cancelled(each)


def test_many_threads_may_cancel_same_promises(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    promises = [http.request(HOST) for _ in range(50)]
    scripted.wait_for_transfers(LIMIT)
    ready = threading.Barrier(4)

    def cancel_all() -> list[bool]:
        ready.wait(PATIENCE)
        return [promise.cancel() for promise in promises]

    with ThreadPoolExecutor(4) as threads:
        outcomes = [threads.submit(cancel_all) for _ in range(4)]
    assert [each.result() for each in outcomes] == [[True] * 50] * 4
    for promise in promises:
        assert_cancelled(promise)


# Waiters


def test_cancel_wakes_waiting_threads(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    """Waiting threads check the state once a second: without wake-up the rounds take too long."""
    ends = time.monotonic() + PATIENCE
    with ThreadPoolExecutor(len(LOOKS)) as threads:
        for _ in range(int(PATIENCE) + 2):
            promise = http.request(HOST)
            scripted.wait_for_transfer()
            looking = [threads.submit(look, promise) for look in LOOKS]
            wait_until_threads_wait(len(LOOKS))
            assert promise.cancel()
            errors = [each.exception(PATIENCE) for each in looking]
            assert [type(error) for error in errors] == [CancelledError] * len(LOOKS)
    assert time.monotonic() < ends


def test_cancel_wakes_waiters_of_concurrent_futures(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    promise = http.request(HOST)
    done: Future[object] = Future()
    promise.add_done_callback(done.set_result)
    scripted.wait_for_transfer()
    with pytest.raises(cf.TimeoutError):
        promise.result(timeout=0)
    assert promise.cancel()
    assert cf.wait([promise], timeout=PATIENCE).done == {promise}
    assert done.result(PATIENCE) is promise
