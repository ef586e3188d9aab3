"""A promise is a pair of response and content: unpacking does not wait, equality is identity."""

import concurrent.futures as cf
from collections.abc import Callable, Iterator

import pytest

from asynchttp import Promise, Response
from tests.operations import BODY
from tests.pair_states import CUT_PATH, PairMaker, path_with_body
from tests.servers.event_log import PATIENCE

PATH = path_with_body(BODY)


@pytest.fixture
def promise(pair_maker: PairMaker) -> Iterator[Promise]:
    """A promise that stays pending until the end of the test."""
    promise = pair_maker.make_request(PATH)
    yield promise
    assert not promise.done()
    pair_maker.answer_request()
    promise.wait()


def test_promise_matches_pair_pattern(promise: Promise) -> None:
    match promise:
        case response, content:
            assert response is promise.response
            assert content is promise.content
        case _:
            pytest.fail("the promise did not match a pair")


def positional(*both: object) -> tuple[object, ...]:
    return both


@pytest.mark.parametrize(
    ("take", "taken"),
    [
        pytest.param(tuple, "rc", id="tuple"),
        pytest.param(list, "rc", id="list"),
        pytest.param(lambda promise: positional(*promise), "rc", id="arguments"),
        pytest.param(lambda promise: [*promise], "rc", id="unpacking"),
        pytest.param(lambda promise: [promise[0]], "r", id="0"),
        pytest.param(lambda promise: [promise[1]], "c", id="1"),
        pytest.param(lambda promise: [promise[-1]], "c", id="-1"),
        pytest.param(lambda promise: [promise[-2]], "r", id="-2"),
        pytest.param(lambda promise: promise[:], "rc", id="all"),
        pytest.param(lambda promise: promise[:1], "r", id="the first"),
        pytest.param(lambda promise: promise[1:], "c", id="the rest"),
        pytest.param(lambda promise: promise[::-1], "cr", id="backwards"),
        pytest.param(lambda promise: promise[2:], "", id="beyond the end"),
        pytest.param(reversed, "cr", id="reversed"),
        pytest.param(lambda promise: [each for _, each in enumerate(promise)], "rc", id="loop"),
    ],
)
def test_parts_of_promise_are_response_and_content(
    promise: Promise, take: Callable[[Promise], Iterator[object]], taken: str
) -> None:
    names = {id(promise.response): "r", id(promise.content): "c"}
    assert "".join(names[id(part)] for part in take(promise)) == taken


@pytest.mark.parametrize("index", [2, -3, 99])
def test_promise_index_beyond_pair_raises(promise: Promise, index: int) -> None:
    with pytest.raises(IndexError):
        promise[index]


def test_promise_does_not_unpack_to_three(promise: Promise) -> None:
    with pytest.raises(ValueError, match="expected 3, got 2"):
        _, _, _ = promise  # type: ignore[misc]  # as a type checker says


def test_promise_has_length_two_and_is_true(promise: Promise) -> None:
    assert len(promise) == 2
    assert promise


def test_inspecting_pending_promise_does_not_wait(promise: Promise) -> None:
    assert PATH in repr(promise)
    assert promise.request.uri.endswith(PATH)
    assert not promise.cancelled()
    assert isinstance(promise, cf.Future)


def test_parts_of_promise_keep_identity(pair_maker: PairMaker) -> None:
    promise = pair_maker.make_request(PATH)
    response, content = promise
    pair_maker.answer_request()
    promise.wait()
    assert (promise.response is response, promise.content is content) == (True, True)
    assert (response.status, len(content)) == (203, len(BODY))
    assert (promise.response is response, promise.content is content) == (True, True)
    assert promise.result()[0] is response


def test_promise_equals_only_itself(pair_maker: PairMaker, promise: Promise) -> None:
    other = pair_maker.http.request("not even a URL")
    assert promise == promise
    assert not promise != promise  # noqa: SIM202
    assert promise != other
    assert promise != tuple(promise)
    assert promise in [other, promise]
    assert len({promise, other, promise}) == 2
    assert {promise: "mine"}[promise] == "mine"
    assert other not in {promise: "mine"}
    assert other.exception()


def test_callback_gets_equal_promise(pair_maker: PairMaker) -> None:
    found: list[object] = []

    def callback(given: Promise) -> None:
        found.append(known[given])
        found.append(given == promise and promise == given)

    promise = pair_maker.make_request(PATH, callback)
    known = {promise: "mine"}
    pair_maker.answer_request()
    promise.wait()
    assert found == ["mine", True]


def test_concurrent_futures_functions_accept_promises(pair_maker: PairMaker) -> None:
    promises = [
        pair_maker.make_request(PATH),
        pair_maker.make_request(CUT_PATH),
        pair_maker.http.request("not even a URL"),
    ]
    done, not_done = cf.wait(promises, PATIENCE, cf.FIRST_COMPLETED)
    assert done == {promises[2]}
    assert not_done == set(promises[:2])
    pair_maker.answer_request()
    pair_maker.answer_request()
    assert set(cf.as_completed(promises, PATIENCE)) == set(promises)
    assert cf.wait(promises) == (set(promises), set())
    assert [promise.exception() is None for promise in promises] == [True, False, False]


def test_as_completed_yields_given_promises(pair_maker: PairMaker) -> None:
    promises: dict[cf.Future[tuple[Response, bytes]], int]
    promises = {
        pair_maker.make_request(path_with_body(b"%d" % number)): number for number in range(3)
    }
    for _ in promises:
        pair_maker.answer_request()
    for future in cf.as_completed(promises, PATIENCE):
        assert int(future.result()[1]) == promises[future]


def test_caller_and_callback_share_attributes_of_promise(pair_maker: PairMaker) -> None:
    def callback(given: Promise) -> None:
        given.late = given.early + 1  # type: ignore[attr-defined]  # allowed at run time

    promise = pair_maker.make_request(PATH, callback)
    promise.early = 1  # type: ignore[attr-defined]
    pair_maker.answer_request()
    promise.wait()
    assert vars(promise) == {"early": 1, "late": 2}
