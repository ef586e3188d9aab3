"""With a cache, GETs that are the same at the same time are one transfer (RFC 9111, 4).

Whoever waits for another's answer is told when that is there, fails, is cancelled, or may not be
used for another; and holds no worker meanwhile.
"""

import concurrent.futures as cf
from collections.abc import Iterator

import pytest

from asynchttp import Promise
from tests.scripted import CUT_SHORT, HOST, MemoryCache, ScriptedHttp, ScriptedServer, reply
from tests.servers.seen import PATIENCE


@pytest.fixture
def http(scripted: ScriptedServer) -> Iterator[ScriptedHttp]:
    with scripted.http(cache=MemoryCache()) as http:
        yield http


def ask_at_once(
    scripted: ScriptedServer, http: ScriptedHttp, count: int, **headers: str
) -> list[Promise]:
    """The first is under way before the others are made, which have begun, too."""
    first = http.request(HOST, headers=headers)
    scripted.next()
    others = [http.request(HOST, headers=headers) for _ in range(count - 1)]
    scripted.catch_up()
    return [first, *others]


def assert_ended(promises: list[Promise]) -> None:
    assert cf.wait(promises, PATIENCE).not_done == set()


def test_same_requests_are_one_transfer(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    promises = ask_at_once(scripted, http, 20)
    assert len(scripted.arrived) == 1
    scripted.waiting[0].answer(content=b"content")
    assert {promise.content for promise in promises} == {b"content"}
    assert [promise.response.fromcache for promise in promises] == [False] + [True] * 19
    assert len(scripted.arrived) == 1


def test_later_request_is_another_transfer(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    """Nothing is kept of an answer that is not to be stored."""
    first = http.request(HOST)
    scripted.next().answer()
    assert first.response.status == 200
    later = http.request(HOST)
    scripted.next().answer(404)
    assert (later.response.status, later.response.fromcache) == (404, False)


def test_each_has_a_response_of_its_own(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    one, other = ask_at_once(scripted, http, 2)
    scripted.waiting[0].answer()
    one.response["x-mine"] = "yes"
    assert "x-mine" not in other.response
    assert one.content == other.content


def test_other_headers_make_another_request(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    promises = [http.request(HOST, headers={"accept": kind}) for kind in "ab"]
    accepted = {transfer.headers["accept"] for transfer in scripted.wait_for(2)}
    assert accepted == {"a", "b"}
    scripted.answer_rest()
    assert [promise.response.fromcache for promise in promises] == [False, False]


def test_other_settings_make_another_request(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    http.request(HOST)
    scripted.next()
    http.follow_redirects = False
    http.request(HOST)
    scripted.next()
    http.request(HOST, redirections=1)
    scripted.next()
    scripted.answer_rest()


@pytest.mark.parametrize("directive", ["no-store", "no-cache"])
def test_request_may_want_an_answer_of_its_own(
    scripted: ScriptedServer, http: ScriptedHttp, directive: str
) -> None:
    headers = {"cache-control": directive}
    promises = [http.request(HOST, headers=headers) for _ in range(3)]
    scripted.wait_for(3)
    scripted.answer_rest()
    assert [promise.response.fromcache for promise in promises] == [False] * 3


@pytest.mark.parametrize("directive", ["no-store", "no-cache"])
def test_answer_that_is_for_one_is_not_given_to_others(
    scripted: ScriptedServer, http: ScriptedHttp, directive: str
) -> None:
    """Those who waited ask themselves, all at once (RFC 9111, 5.2.2)."""
    promises = ask_at_once(scripted, http, 3)
    scripted.waiting[0].answer(200, f"Cache-Control: {directive}", content=b"0")
    for number, transfer in enumerate(scripted.wait_for(2), 1):
        transfer.answer(200, f"Cache-Control: {directive}", content=b"%d" % number)
    assert {bytes(each.content) for each in promises} == {b"0", b"1", b"2"}


def test_when_the_first_is_cancelled_the_next_asks(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    first, second, third = ask_at_once(scripted, http, 3)
    assert first.cancel()
    scripted.next().answer()
    assert (second.response.fromcache, third.response.fromcache) == (False, True)
    assert len(scripted.arrived) == 2


def test_when_the_first_fails_the_others_ask(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    first, *others = ask_at_once(scripted, http, 3)
    scripted.waiting[0].fail(CUT_SHORT)
    for transfer in scripted.wait_for(2):
        transfer.answer(content=b"fine")
    assert first.exception(PATIENCE) is not None
    assert [bytes(promise.content) for promise in others] == [b"fine"] * 2


@pytest.mark.parametrize("ask_again", ["callback", "done"])
def test_who_failed_may_ask_again_and_wait(
    scripted: ScriptedServer, http: ScriptedHttp, ask_again: str
) -> None:
    contents: list[bytes] = []

    def again(_: object) -> None:
        contents.append(bytes(http.request(HOST).content))

    promise = http.request(HOST, callback=again if ask_again == "callback" else None)
    if ask_again == "done":
        promise.add_done_callback(again)
    scripted.next().fail(CUT_SHORT)
    scripted.next().answer(content=b"fine")
    assert promise.exception(PATIENCE) is not None
    http.close()
    assert contents == [b"fine"]


def test_request_that_waits_for_another_can_be_cancelled(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    first, second, third = ask_at_once(scripted, http, 3)
    assert second.cancel()
    scripted.waiting[0].answer()
    assert {first.response.status, third.response.status} == {200}
    http.close()
    assert http.pending == 0


def test_waiting_for_another_takes_no_more_slots_than_there_are(scripted: ScriptedServer) -> None:
    with scripted.http(cache=MemoryCache(), max_workers=2) as http:
        promises = ask_at_once(scripted, http, 20)
        scripted.answer_rest()
        assert_ended(promises)
        assert {promise.response.status for promise in promises} == {200}


def test_all_that_share_are_called_back(scripted: ScriptedServer, http: ScriptedHttp) -> None:
    lengths: list[int] = []
    promises = [
        http.request(HOST, callback=lambda promise: lengths.append(len(promise.content)))
        for _ in range(10)
    ]
    scripted.catch_up()
    scripted.next().answer(content=b"content")
    assert_ended(promises)
    assert (lengths, len(scripted.arrived)) == ([7] * 10, 1)


def test_change_divides_what_is_asked_before_and_after(
    scripted: ScriptedServer, http: ScriptedHttp
) -> None:
    before = http.request(HOST)
    scripted.next()
    change = http.request(HOST, "DELETE")
    assert scripted.next().method == "DELETE"
    during = http.request(HOST)
    scripted.next()
    scripted.answer_rest(reply(200))
    assert change.response.status == 200
    assert not any(promise.response.fromcache for promise in (before, during))
