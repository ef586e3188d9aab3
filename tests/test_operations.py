"""Every operation on a response or content has the same outcome as on httplib2's, in every state.

Every row of the table (`tests.operations`) is run in every state of a pair (`tests.pair_states`),
and once on httplib2's pair for the same URL: value, type, error and the response afterwards have to
be equal. On a failed request every row raises the failure, every time.
"""

import sys

import pytest

from tests import operations
from tests.operations import (
    ALL_OPERATIONS,
    BODY,
    BYTES_METHOD_ARGUMENTS,
    Operation,
    Pair,
    parse_rows,
)
from tests.pair_states import (
    CUT_PATH,
    STATES,
    OnFirstWait,
    PairMaker,
    path_with_body,
    settled_without_look,
    unpack,
)


@pytest.mark.parametrize("operation", ALL_OPERATIONS, ids=str)
def test_operation_has_same_outcome_as_on_httplib2(
    pair_maker: PairMaker, operation: Operation
) -> None:
    expected, left = pair_maker.observe_on_httplib2(operation)
    for state in STATES:
        promise, outcome = state(
            pair_maker,
            path_with_body(operation.body),
            lambda pair: operation.run(pair, pair_maker.httplib2_response),
        )
        assert outcome.is_same_as(expected), f"{state.__name__}: {outcome}, but {expected}"
        assert list(promise.response.items()) == list(left.items()), state.__name__
        assert vars(promise.response) == vars(left), state.__name__


@pytest.mark.parametrize("operation", ALL_OPERATIONS, ids=str)
def test_operation_on_failed_request_raises_failure(
    pair_maker: PairMaker, operation: Operation
) -> None:
    for state in STATES:
        promise, outcomes = state(
            pair_maker,
            CUT_PATH,
            lambda pair: [operation.run(pair, pair_maker.httplib2_response) for _ in range(2)],
        )
        failure = promise.exception()
        assert type(failure) is type(pair_maker.httplib2_failure)
        assert [outcome.error for outcome in outcomes] == [failure, failure], state.__name__


def test_table_calls_every_method_of_bytes() -> None:
    assert set(BYTES_METHOD_ARGUMENTS) == {name for name in dir(bytes) if not name.startswith("_")}


@pytest.mark.parametrize("operation", parse_rows(operations.OPERATIONS_WITHOUT_LOOK), ids=str)
def test_operation_without_look_does_not_wait(pair_maker: PairMaker, operation: Operation) -> None:
    expected, _ = pair_maker.observe_on_httplib2(operation)
    pair = unpack(pair_maker.make_request(path_with_body(BODY)))
    with OnFirstWait(pair_maker.answer_request) as first_wait:
        outcome = operation.run(pair, pair_maker.httplib2_response)
    if not first_wait.has_waited:
        pair_maker.answer_request()
    assert not first_wait.has_waited
    assert outcome.is_same_as(expected), (outcome, expected)


# Python's C code.


SHOWS_BUFFER = sys.version_info >= (3, 12)


@pytest.mark.parametrize("operation", parse_rows(operations.BUFFER_OPERATIONS), ids=str)
def test_c_code_reads_content_from_python_3_12_on(
    pair_maker: PairMaker, operation: Operation
) -> None:
    expected, _ = pair_maker.observe_on_httplib2(operation)
    assert expected.error is None
    for state in STATES if SHOWS_BUFFER else [settled_without_look]:
        _, outcome = state(
            pair_maker,
            path_with_body(BODY),
            lambda pair: operation.run(pair, pair_maker.httplib2_response),
        )
        if SHOWS_BUFFER:
            assert outcome.is_same_as(expected), f"{state.__name__}: {outcome}, but {expected}"
        else:
            assert type(outcome.error) is TypeError, outcome


@pytest.mark.skipif(not SHOWS_BUFFER, reason="TypeError, as the test above shows")
@pytest.mark.parametrize("operation", parse_rows(operations.BUFFER_OPERATIONS), ids=str)
def test_c_code_reading_failed_content_raises(pair_maker: PairMaker, operation: Operation) -> None:
    promise, outcome = settled_without_look(
        pair_maker, CUT_PATH, lambda pair: operation.run(pair, pair_maker.httplib2_response)
    )
    # Some C functions replace any error by a TypeError.
    assert outcome.error is promise.exception() or type(outcome.error) is TypeError


@pytest.mark.skipif(
    not SHOWS_BUFFER, reason="Python 3.11 calls __radd__, which cannot grow anything"
)
def test_content_can_be_added_to_bytearray(pair_maker: PairMaker) -> None:
    def grow(pair: Pair) -> bytearray:
        alias = grown = bytearray(b"x")
        grown += pair[1]
        return alias

    for state in STATES:
        _, grown = state(pair_maker, path_with_body(BODY), grow)
        assert grown == b"x" + BODY, state.__name__


def test_bytearray_can_be_extended_by_content(pair_maker: PairMaker) -> None:
    def extend(pair: Pair) -> bytearray:
        longer = bytearray(b"x")
        longer.extend(pair[1])
        return longer

    for state in STATES:
        _, longer = state(pair_maker, path_with_body(BODY), extend)
        assert longer == b"x" + BODY, state.__name__
