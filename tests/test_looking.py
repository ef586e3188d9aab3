"""Effects of looking: on the text of a content, on the response, in several threads at once, and
with failures that Python could confuse with other errors.
"""

import inspect
import itertools
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Self

import httplib2
import pytest
from hypothesis import given
from hypothesis import strategies as st

import asynchttp
from asynchttp import Content, Http, Promise, Response
from asynchttp.messages.response import Answer
from tests import operations
from tests.conftest import RawServerFactory
from tests.operations import BODY, Operation, Outcome, Pair, parse_rows
from tests.pair_states import (
    CUT_PATH,
    STATES,
    OnFirstWait,
    PairMaker,
    path_with_body,
    settled_without_look,
    unpack,
)
from tests.servers.event_log import PATIENCE
from tests.servers.raw import read_head, send

if TYPE_CHECKING:
    from _typeshed import TraceFunction

BODY_PATH = path_with_body(BODY)


# Text, the only difference between content and bytes


@pytest.mark.parametrize(
    "operation", parse_rows(operations.TEXT_OPERATIONS, "Réseau".encode("latin-1")), ids=str
)
def test_content_as_text_is_decoded(pair_maker: PairMaker, operation: Operation) -> None:
    for state in STATES:
        path = path_with_body(operation.body)
        _, outcome = state(
            pair_maker, path, lambda pair: operation.run(pair, pair_maker.httplib2_response)
        )
        assert outcome == Outcome(str, "Réseau"), state.__name__


@pytest.mark.parametrize("operation", parse_rows(operations.TEXT_OPERATIONS), ids=str)
def test_text_of_failed_request_raises_its_error(
    pair_maker: PairMaker, operation: Operation
) -> None:
    for state in STATES:
        promise, outcome = state(
            pair_maker, CUT_PATH, lambda pair: operation.run(pair, pair_maker.httplib2_response)
        )
        assert outcome.error is promise.exception(), state.__name__


@pytest.mark.parametrize(
    ("content_type", "body", "text"),
    [
        ("text/plain; charset=utf-8", "Réseau".encode(), "Réseau"),
        ("text/plain; charset=windows-1251", "Автобус".encode("windows-1251"), "Автобус"),
        ("text/plain; charset=shift_jis", "バス".encode("shift_jis"), "バス"),
        ("text/plain; charset=utf-16", "Réseau".encode("utf-16"), "Réseau"),
        ('TEXT/HTML; Charset="ISO-8859-2"', "Łódź".encode("iso-8859-2"), "Łódź"),
        ("text/plain; format=flowed; charset=latin-1; delsp=yes", b"R\xe9seau", "Réseau"),
        ("application/json", "Réseau".encode(), "Réseau"),
        ("", "Réseau".encode(), "Réseau"),
        ("text/plain; charset=", "Réseau".encode(), "Réseau"),
        ("text/plain; charset=x-no-such", "Réseau".encode(), "Réseau"),
        ("text/plain; charset=utf-8", b"R\xe9seau", "R\N{REPLACEMENT CHARACTER}seau"),
        ("text/plain; charset=ascii", b"R\xe9seau", "R\N{REPLACEMENT CHARACTER}seau"),
        ("text/plain", b"R\xe9seau", "R\N{REPLACEMENT CHARACTER}seau"),
        # Codecs that are not for text, or cannot replace undecodable bytes
        *(
            (f"text/plain; charset={codec}", b"R\xe9seau", "R\N{REPLACEMENT CHARACTER}seau")
            for codec in ("hex", "base64", "zlib", "rot13", "undefined", "idna")
        ),
    ],
)
def test_text_is_decoded_by_charset_or_utf_8(
    raw_server: RawServerFactory, content_type: str, body: bytes, text: str
) -> None:
    answer = f"HTTP/1.1 200 OK\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n"
    server = raw_server([read_head, send(answer.encode() + b"\r\n" + body)])
    with Http() as http:
        _, content = http.request(server.url())
        assert str(content) == f"{content}" == text


@given(st.text(), st.binary())
def test_text_exists_for_any_charset_and_body(charset: str, body: bytes) -> None:
    response = Response({"content-type": f"text/plain; charset={charset}"})
    assert len(str(Content.of(Answer.of(response, body)))) <= len(body)


# A response is plain after the first look


@pytest.mark.parametrize("operation", parse_rows(operations.RESPONSE_OPERATIONS), ids=str)
def test_first_look_makes_response_plain(pair_maker: PairMaker, operation: Operation) -> None:
    for state in STATES[:4]:  # in the callback's states, the caller's response waits for the end
        promise, _ = state(
            pair_maker, BODY_PATH, lambda pair: operation.run(pair, pair_maker.httplib2_response)
        )
        assert type(promise.response) is Response, state.__name__


@pytest.mark.parametrize("name", [*vars(dict), "__getattr__", "__setattr__", "__delattr__"])
def test_plain_response_has_methods_of_httplib2(name: str) -> None:
    if name != "__doc__":
        plain = inspect.getattr_static(httplib2.Response, name)
        assert inspect.getattr_static(Response, name) is plain


def test_seen_pair_keeps_no_promise_alive(pair_maker: PairMaker) -> None:
    forgotten = threading.Event()
    promise, _ = settled_without_look(
        pair_maker, BODY_PATH, lambda pair: [len(each) for each in pair]
    )
    response, content = promise
    weakref.finalize(promise, forgotten.set)
    del promise
    assert forgotten.wait(PATIENCE)
    assert (response.status, content) == (203, BODY)


# Attributes set from outside


def test_attribute_can_be_set_before_answer(pair_maker: PairMaker) -> None:
    promise = pair_maker.make_request(BODY_PATH)
    response, _ = promise
    with OnFirstWait(pair_maker.answer_request) as first_wait:
        response.mark = "early"
    assert not first_wait.has_waited
    pair_maker.answer_request()
    assert (response.mark, response.status) == ("early", 203)
    assert promise.result()[0].mark == "early"


def test_callback_and_caller_share_attributes_of_response(pair_maker: PairMaker) -> None:
    seen: list[str] = []

    def mark(promise: Promise) -> None:
        seen.append(promise.response.early)
        promise.response.late = "by the callback"
        promise.response["x-added"] = "by the callback"
        del promise.response.reason

    promise = pair_maker.make_request(BODY_PATH, mark)
    promise.response.early = "by the caller"
    pair_maker.answer_request()
    response = promise.response
    assert (response.late, response["x-added"]) == ("by the callback", "by the callback")
    assert (response.early, seen) == ("by the caller", ["by the caller"])
    assert response.reason == httplib2.Response.reason  # the attribute of the class


def test_answer_does_not_overwrite_attributes_set_before(pair_maker: PairMaker) -> None:
    promise = pair_maker.make_request(BODY_PATH)
    response = promise.response
    with OnFirstWait(pair_maker.answer_request):
        response.status = 500
    assert (response.status, response["status"]) == (500, "203")


# Several threads at once


class OtherThreadAtLine:
    """At the `line`-th line of asynchttp in the current thread, another thread calls `do`.

    The current thread goes on after `do`, or after a moment, since `do` may wait for this thread.
    """

    def __init__(self, line: int, do: Callable[[], object]) -> None:
        self._left = line
        self._other = threading.Thread(target=do)
        self.happened = False

    def __enter__(self) -> Self:
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        if self.happened:
            self._other.join(PATIENCE)

    def _trace(self, frame: FrameType, event: str, _: object) -> "TraceFunction | None":
        if not frame.f_code.co_filename.startswith(PACKAGE):
            return None
        self._left -= event == "line"
        if not self._left and not self.happened:
            self.happened = True
            self._other.start()
            self._other.join(0.002)
        return self._trace


PACKAGE = str(Path(asynchttp.__file__).parent)
FIRST_OPERATIONS = parse_rows("r.status\nstr(c)")
SECOND_OPERATIONS = parse_rows(
    """
r.status
len(r)
dict(r)
json.dumps(r)
str(c)
c == b
r.mark = "set meanwhile"
"""
)


def look_in_two_threads(
    pair_maker: PairMaker, first: Operation, second: Operation, line: int
) -> tuple[bool, list[Outcome], dict[str, object]]:
    """`second` at the given line of `first`: whether `first` came so far, outcomes, attributes."""

    def look(pair: Pair) -> tuple[bool, list[Outcome]]:
        pair[0].early = pair[0].earlier = "set before"
        others: list[Outcome] = []
        with OtherThreadAtLine(
            line, lambda: others.append(second.run(pair, pair_maker.httplib2_response))
        ) as interruption:
            own = first.run(pair, pair_maker.httplib2_response)
        return interruption.happened, [
            own,
            *(others or [second.run(pair, pair_maker.httplib2_response)]),
        ]

    promise, (happened, outcomes) = settled_without_look(pair_maker, BODY_PATH, look)
    return happened, outcomes, vars(promise.response)


@pytest.mark.parametrize("first", FIRST_OPERATIONS, ids=str)
@pytest.mark.parametrize("second", SECOND_OPERATIONS, ids=str)
def test_second_thread_may_look_at_any_moment(
    pair_maker: PairMaker, first: Operation, second: Operation
) -> None:
    never, *in_turn = look_in_two_threads(pair_maker, first, second, sys.maxsize)
    assert not never
    for line in itertools.count(1):
        happened, *at_once = look_in_two_threads(pair_maker, first, second, line)
        assert at_once == in_turn, f"interrupted at line {line}"
        if not happened:
            break
    assert line > 10  # the look takes several steps


@pytest.fixture
def frequent_thread_switches() -> Iterator[None]:
    """Threads switch as often as possible."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


THREADS = 4


@pytest.mark.usefixtures("frequent_thread_switches")
@pytest.mark.parametrize("settled", [True, False])
@pytest.mark.parametrize("operation", SECOND_OPERATIONS[:-1], ids=str)
def test_simultaneous_first_looks_see_same_outcome(
    pair_maker: PairMaker, operation: Operation, settled: bool
) -> None:
    _, expected = settled_without_look(
        pair_maker, BODY_PATH, lambda pair: operation.run(pair, pair_maker.httplib2_response)
    )
    starting = threading.Barrier(THREADS + 1)

    def look(pair: Pair) -> Outcome:
        starting.wait(PATIENCE)
        return operation.run(pair, pair_maker.httplib2_response)

    with ThreadPoolExecutor(THREADS) as threads:
        for _ in range(50):
            promise = pair_maker.make_request(BODY_PATH)
            looking = [threads.submit(look, unpack(promise)) for _ in range(THREADS)]
            if settled:
                pair_maker.answer_request()
                promise.wait()
            starting.wait(PATIENCE)
            if not settled:
                pair_maker.answer_request()
            assert [each.result(PATIENCE) for each in looking] == [expected] * THREADS


@pytest.mark.usefixtures("frequent_thread_switches")
def test_attributes_set_during_answer_are_kept(pair_maker: PairMaker) -> None:
    for _ in range(100):
        promise = pair_maker.make_request(
            BODY_PATH, lambda promise: setattr(promise.response, "mark", 0)
        )
        response = promise.response
        pair_maker.answer_request()
        count = 0
        while not promise.done() and count < 5_000:
            count += 1
            setattr(response, f"mark{count}", count)
        assert promise.wait(PATIENCE)
        marks = {name for name in vars(response) if name.startswith("mark")}
        assert marks == {"mark"} | {f"mark{number}" for number in range(1, count + 1)}


# Failures that Python could confuse with other errors


OPERATIONS_THAT_SHOW_ERRORS = [
    operation
    for operation in parse_rows(operations.RESPONSE_OPERATIONS)
    if operation not in parse_rows(operations.OPERATIONS_THAT_HIDE_ERRORS)
]


def fail(_: Promise) -> None:
    raise AttributeError("what the callback raised")


@pytest.mark.parametrize("operation", OPERATIONS_THAT_SHOW_ERRORS, ids=str)
def test_attribute_error_of_callback_is_raised_at_look(
    pair_maker: PairMaker, operation: Operation
) -> None:
    promise = pair_maker.make_request(BODY_PATH, fail)
    pair = unpack(promise)
    pair_maker.answer_request()
    outcomes = [operation.run(pair, pair_maker.httplib2_response) for _ in range(2)]
    failure = promise.exception()
    assert str(failure) == "what the callback raised"
    assert [outcome.error for outcome in outcomes] == [failure, failure]
