"""With a cache, equal GETs at the same time become one transfer (RFC 9111, 4).

A coalesced request ends when the transfer is answered, fails, is cancelled, or has an answer that
must not be shared. Waiting occupies no worker.
"""

import concurrent.futures as cf
from collections.abc import Iterator

import pytest

from asynchttp import Promise
from tests.scripted import CUT_SHORT, HOST, MemoryCache, ScriptedHttp, ScriptedServer, answer_with
from tests.servers.event_log import PATIENCE


@pytest.fixture
def http(scripted: ScriptedServer) -> Iterator[ScriptedHttp]:
    with scripted.http(cache=MemoryCache()) as http:
        yield http


def make_equal_requests(
    scripted: ScriptedServer, http: ScriptedHttp, count: int, **headers: str
) -> list[Promise]:
    """Make `count` requests: the first is under way before the rest begin."""
    first = http.request(HOST, headers=headers)
    scripted.wait_for_transfer()
    others = [http.request(HOST, headers=headers) for _ in range(count - 1)]
    scripted.wait_for_begun_transfers()
    return [first, *others]


def assert_all_end(promises: list[Promise]) -> None:
    assert cf.wait(promises, PATIENCE).not_done == set()


def test_equal_requests_share_one_transfer(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    promises = make_equal_requests(scripted, http, 20)
    assert len(scripted.arrived) == 1
    scripted.waiting[0].answer(content=b"content")
    assert {promise.content for promise in promises} == {b"content"}
    assert [promise.response.fromcache for promise in promises] == [False] + [True] * 19
    assert len(scripted.arrived) == 1


def test_later_request_is_a_new_transfer(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    """The earlier answer must not be stored."""
    first = http.request(HOST)
    scripted.wait_for_transfer().answer()
    assert first.response.status == 200
    later = http.request(HOST)
    scripted.wait_for_transfer().answer(404)
    assert (later.response.status, later.response.fromcache) == (404, False)


def test_coalesced_requests_have_separate_responses(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    one, other = make_equal_requests(scripted, http, 2)
    scripted.waiting[0].answer()
    one.response["x-mine"] = "yes"
    assert "x-mine" not in other.response
    assert one.content == other.content


def test_requests_with_different_headers_are_not_coalesced(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    promises = [http.request(HOST, headers={"accept": kind}) for kind in "ab"]
    accepted = {transfer.headers["accept"] for transfer in scripted.wait_for_transfers(2)}
    assert accepted == {"a", "b"}
    scripted.answer_all_from_now_on()
    assert [promise.response.fromcache for promise in promises] == [False, False]


def test_requests_with_different_settings_are_not_coalesced(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    http.request(HOST)
    scripted.wait_for_transfer()
    http.follow_redirects = False
    http.request(HOST)
    scripted.wait_for_transfer()
    http.request(HOST, redirections=1)
    scripted.wait_for_transfer()
    scripted.answer_all_from_now_on()


@pytest.mark.parametrize("directive", ["no-store", "no-cache"])
def test_no_store_requests_are_not_coalesced(
    scripted: ScriptedServer, http: ScriptedHttp, directive: str
) -> None:
    headers = {"cache-control": directive}
    promises = [http.request(HOST, headers=headers) for _ in range(3)]
    scripted.wait_for_transfers(3)
    scripted.answer_all_from_now_on()
    assert [promise.response.fromcache for promise in promises] == [False] * 3


@pytest.mark.parametrize("directive", ["no-store", "no-cache"])
def test_unshareable_answer_makes_waiting_requests_transfer(
    scripted: ScriptedServer, http: ScriptedHttp, directive: str
) -> None:
    """The waiting requests begin transfers all at once (RFC 9111, 5.2.2)."""
    promises = make_equal_requests(scripted, http, 3)
    scripted.waiting[0].answer(200, f"Cache-Control: {directive}", content=b"0")
    for number, transfer in enumerate(scripted.wait_for_transfers(2), 1):
        transfer.answer(200, f"Cache-Control: {directive}", content=b"%d" % number)
    assert {bytes(each.content) for each in promises} == {b"0", b"1", b"2"}


def test_answer_with_vary_star_is_not_shared(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    """RFC 9111, 4.1."""
    promises = make_equal_requests(scripted, http, 2)
    scripted.waiting[0].answer(200, "Vary: *", content=b"0")
    scripted.wait_for_transfers(1)[0].answer(200, "Vary: *", content=b"1")
    assert [bytes(each.content) for each in promises] == [b"0", b"1"]


def test_requests_with_own_host_are_not_coalesced(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    promises = [http.request(HOST, headers={"host": "a.test"}) for _ in range(2)]
    for transfer in scripted.wait_for_transfers(2):
        transfer.answer()
    assert_all_end(promises)


def test_second_request_takes_over_after_cancel(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    first, second, third = make_equal_requests(scripted, http, 3)
    assert first.cancel()
    scripted.wait_for_transfer().answer()
    assert (second.response.fromcache, third.response.fromcache) == (False, True)
    assert len(scripted.arrived) == 2


def test_waiting_requests_transfer_after_failure(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    first, *others = make_equal_requests(scripted, http, 3)
    scripted.waiting[0].fail(CUT_SHORT)
    for transfer in scripted.wait_for_transfers(2):
        transfer.answer(content=b"fine")
    assert first.exception(PATIENCE) is not None
    assert [bytes(promise.content) for promise in others] == [b"fine"] * 2


@pytest.mark.parametrize("ask_again", ["callback", "done"])
def test_callback_of_failed_request_may_retry(
    scripted: ScriptedServer, http: ScriptedHttp, ask_again: str
) -> None:
    contents: list[bytes] = []

    def retry(_: object) -> None:
        contents.append(bytes(http.request(HOST).content))

    promise = http.request(HOST, callback=retry if ask_again == "callback" else None)
    if ask_again == "done":
        promise.add_done_callback(retry)
    scripted.wait_for_transfer().fail(CUT_SHORT)
    scripted.wait_for_transfer().answer(content=b"fine")
    assert promise.exception(PATIENCE) is not None
    http.close()
    assert contents == [b"fine"]


def test_coalesced_request_can_be_cancelled(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    first, second, third = make_equal_requests(scripted, http, 3)
    assert second.cancel()
    scripted.waiting[0].answer()
    assert {first.response.status, third.response.status} == {200}
    http.close()
    assert http.pending == 0


def test_more_coalesced_requests_than_slots_all_end(scripted: ScriptedServer) -> None:
    with scripted.http(cache=MemoryCache(), max_workers=2) as http:
        promises = make_equal_requests(scripted, http, 20)
        scripted.answer_all_from_now_on()
        assert_all_end(promises)
        assert {promise.response.status for promise in promises} == {200}


def test_callbacks_of_all_coalesced_requests_run(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    lengths: list[int] = []
    promises = [
        http.request(HOST, callback=lambda promise: lengths.append(len(promise.content)))
        for _ in range(10)
    ]
    scripted.wait_for_begun_transfers()
    scripted.wait_for_transfer().answer(content=b"content")
    assert_all_end(promises)
    assert (lengths, len(scripted.arrived)) == ([7] * 10, 1)


def test_requests_around_change_are_not_coalesced(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    before = http.request(HOST)
    scripted.wait_for_transfer()
    change = http.request(HOST, "DELETE")
    assert scripted.wait_for_transfer().method == "DELETE"
    during = http.request(HOST)
    scripted.wait_for_transfer()
    scripted.answer_all_from_now_on(answer_with(200))
    assert change.response.status == 200
    assert not any(promise.response.fromcache for promise in (before, during))
