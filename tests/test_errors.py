"""Failures are raised at every look: with the exceptions that callers of httplib2 catch, naming the
request and the call site.

Rule: where httplib2 can meet the same server, httplib2 decides the exception (`tests.reference`).
"""

import errno
import json
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from http.client import (
    BadStatusLine,
    HTTPException,
    IncompleteRead,
    InvalidURL,
    RemoteDisconnected,
)
from pathlib import Path
from typing import Any

import httplib2
import pytest

import asynchttp
from asynchttp import Http, Promise
from tests.conftest import RawServerFactory
from tests.reference import assert_same_as_httplib2, request_with_both
from tests.servers.event_log import PATIENCE
from tests.servers.raw import (
    OK,
    ServerConnection,
    Step,
    read_head,
    read_until_closed,
    reset_connection,
    send,
    send_slowly,
)
from tests.servers.recording import record_request
from tests.servers.web import WebServer

HEAD_OF_TWO_BYTES = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
UNKNOWN_HOST = "a." * 130 + "invalid"
"""A name too long for any name server to be asked."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(timeout=PATIENCE) as http:
        yield http


# Broken answers


@pytest.mark.parametrize(
    "script",
    [
        [record_request],
        [record_request, send(b"")],
        [record_request, send(HEAD_OF_TWO_BYTES + b"X: cut")],
        [record_request, send(HEAD_OF_TWO_BYTES)],
        [record_request, send(HEAD_OF_TWO_BYTES + b"\r\no")],
        [record_request, send(HEAD_OF_TWO_BYTES + b"\r\n")],
        [record_request, send_slowly(HEAD_OF_TWO_BYTES + b"\r\no", every=0)],
        [record_request, send(CHUNKED + b"2\r\nok\r\n")],
        [record_request, send(CHUNKED + b"2\r\nok\r\nnonsense\r\n\r\n")],
        [record_request, send(CHUNKED + b"nonsense\r\n")],
        [record_request, send(CHUNKED)],
        [record_request, reset_connection],
        [record_request, send(b"HTTP/1.1 200 OK\r\n"), reset_connection],
        [record_request, send(HEAD_OF_TWO_BYTES + b"\r\no"), reset_connection],
        [record_request, send(b"garbage\r\n\r\n")],
        [record_request, send(b"\x16\x03\x01\x00\x05garbage")],
        [record_request, send(b"<html>no head</html>\n")],
        [record_request, send(b"\r\n" + OK)],
        [record_request, send(b"HTTP/1.1 none OK\r\n\r\n")],
        [record_request, send(b"HTTP/1.1 99 OK\r\n\r\n")],
        [record_request, send(b"ICY 200 OK\r\n\r\n")],
    ],
    ids=range(21),
)
def test_broken_answer_fails_like_httplib2(
    raw_server: RawServerFactory, script: list[Step]
) -> None:
    """httplib2 repeats the request on a new connection, so only the outcomes can be the same."""
    theirs, ours = request_with_both(raw_server, script)
    assert ours.outcome.error is not None
    assert ours.outcome == theirs.outcome


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.", BadStatusLine),
        (b"HTTP/1.1 200 OK", BadStatusLine),  # httplib2: a whole answer
        (b"HTTP/1.1 200 OK\r\nX: 1\r\n", IncompleteRead),  # httplib2: a whole answer
        (CHUNKED + b"2\r\nok\r\n0\r\n", IncompleteRead),  # httplib2: a whole answer
        (CHUNKED + b"2\r\nokXX0\r\n\r\n", IncompleteRead),  # httplib2 ignores bytes between chunks
        (b"HTTP/1.1 100 Continue\r\n\r\n", RemoteDisconnected),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", IncompleteRead),
        (b"HTTP/1.2 200 OK\r\n\r\n", BadStatusLine),
        (b"HTTP/1.1 1000 OK\r\n\r\n", BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok", BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nok" % 2**63, BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nok" % (2**64 + 2), BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\nok" % (2**63 - 1), IncompleteRead),
        (
            HEAD_OF_TWO_BYTES + b"Content-Length: 3\r\n\r\nok!",
            BadStatusLine,
        ),  # RFC 9112, 6.3: unrecoverable
        (HEAD_OF_TWO_BYTES + b"no colon\r\n\r\nok", BadStatusLine),
        (HEAD_OF_TWO_BYTES + b"X: a\0b\r\n\r\nok", BadStatusLine),
        (HEAD_OF_TWO_BYTES + b"X: a\rb\r\n\r\nok", BadStatusLine),
        (HEAD_OF_TWO_BYTES + b"X: " + b"long" * 50_000 + b"\r\n\r\nok", HTTPException),
        (HEAD_OF_TWO_BYTES + b"X: y\r\n" * 100_000 + b"\r\nok", HTTPException),
        (HEAD_OF_TWO_BYTES + b"Transfer-Encoding: identity\r\n\r\no", IncompleteRead),
    ],
    ids=range(21),
)
def test_broken_answer_accepted_by_httplib2_fails(
    raw_server: RawServerFactory, http: Http, answer: bytes, error: type[Exception]
) -> None:
    server = raw_server([record_request, send(answer)])
    with pytest.raises(error):
        http.request(server.url("/")).result()


def test_too_large_length_is_refused_while_connection_stays_open(
    raw_server: RawServerFactory, http: Http
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok"
    server = raw_server([record_request, send(answer), read_until_closed])
    with pytest.raises(BadStatusLine, match="Content-Length is too large"):
        http.request(server.url("/")).result()


INTERIM = b"HTTP/1.1 102 Processing\r\n\r\n"


def test_hundred_interim_answers_are_read(raw_server: RawServerFactory, http: Http) -> None:
    server = raw_server([read_head, send(INTERIM * 100 + OK)])
    assert http.request(server.url("/"))[1] == b"ok"


def test_endless_interim_answers_fail(raw_server: RawServerFactory, http: Http) -> None:
    server = raw_server([read_head, send(INTERIM * 101), read_until_closed])
    with pytest.raises(HTTPException, match=r"too many interim responses \(1xx\)"):
        http.request(server.url("/")).result()


@pytest.mark.parametrize(
    "answer",
    [
        HEAD_OF_TWO_BYTES + b"X:\r\n" * 5001 + b"\r\nok",
        CHUNKED + b"2\r\nok\r\n0\r\n" + b"X:\r\n" * 5001 + b"\r\n",
    ],
    ids=["head", "trailers"],
)
def test_too_many_fields_fail(raw_server: RawServerFactory, http: Http, answer: bytes) -> None:
    server = raw_server([read_head, send(answer), read_until_closed])
    with pytest.raises(HTTPException, match="Too many response headers, 5000 is max"):
        http.request(server.url("/")).result()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffff\r\nok",
    ],
)
def test_violation_of_http_raises_http_exception(
    raw_server: RawServerFactory, http: Http, answer: bytes
) -> None:
    server = raw_server([record_request, send(answer)])
    assert isinstance(http.request(server.url()).exception(), HTTPException)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"x": "1", "size": 5}, ["'size'", "int"]),
        ({"x": None}, ["'x'", "NoneType"]),
        ({"x": ["a"]}, ["'x'", "list"]),
        ({b"x": 5}, ["b'x'", "int"]),
        ({5: "x"}, ["a name", "int"]),
    ],
    ids=str,
)
def test_error_about_header_of_wrong_type_names_header(
    http: Http, refused_url: str, headers: Any, words: list[str]
) -> None:  # Any: wrong arguments
    error = http.request(refused_url, headers=headers).exception()
    assert type(error) is TypeError
    assert str(error).startswith("headers: ")
    assert all(word in str(error) for word in words)


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({"x": "pass\u20acword"}, UnicodeEncodeError),
        ({"x": b"pass\xffword"}, UnicodeDecodeError),
        ({"x\u20ac": "password"}, UnicodeEncodeError),
        ({"x": "pass\nword\0"}, ValueError),
    ],
    ids=ascii,
)
def test_error_about_header_value_has_class_of_httplib2(
    http: Http, refused_url: str, headers: Any, error: type[Exception]
) -> None:  # Any: as above
    raised = http.request(refused_url, headers=headers).exception()
    assert type(raised) is error
    assert "headers" in str(raised)


def test_unknown_name_of_module_is_reported_as_ours() -> None:
    with pytest.raises(AttributeError, match="module 'asynchttp' has no attribute 'nonsense'"):
        asynchttp.nonsense  # noqa: B018  # the access is the test
    assert asynchttp.FileCache is httplib2.FileCache


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1/" + "a" * (8 << 20), "http://127.0.0.1:1/\0"], ids=["long", "NUL"]
)
def test_uri_that_libcurl_cannot_take_raises_invalid_url(http: Http, uri: str) -> None:
    assert type(http.request(uri).exception()) is InvalidURL


@pytest.mark.parametrize("length", ["-5", "x", "1" * 19, "1, 1"])
def test_invalid_length_of_upload_raises_value_error(
    http: Http, refused_url: str, tmp_path: Path, length: str
) -> None:
    file = tmp_path / "body"
    file.write_bytes(b"x")
    with file.open("rb") as body:
        error = http.request(refused_url, "PUT", body, {"Content-Length": length}).exception()
    assert type(error) is ValueError
    assert str(error).startswith("headers: content-length has to be a number of bytes")


def test_incomplete_read_has_partial_content(raw_server: RawServerFactory, http: Http) -> None:
    server = raw_server([read_head, send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")])
    with pytest.raises(IncompleteRead) as raised:
        http.request(server.url("/")).result()
    assert (raised.value.partial, raised.value.expected) == (b"first", 5)


def test_request_after_broken_answers_succeeds(raw_server: RawServerFactory, http: Http) -> None:
    server = raw_server(
        [read_head, send(HEAD_OF_TWO_BYTES + b"\r\no")],
        [read_head, send(b"garbage")],
        [read_head, send(OK)],
    )
    errors = [http.request(server.url("/")).exception() for _ in range(2)]
    assert [type(error) for error in errors] == [IncompleteRead, BadStatusLine]
    assert http.request(server.url("/"))[1] == b"ok"


# No connection


def test_refused_connection_fails_like_httplib2(refused_url: str) -> None:
    assert_same_error(refused_url, ConnectionRefusedError, errno.ECONNREFUSED)


def test_unreachable_address_fails_like_httplib2() -> None:
    """Broadcast addresses accept no connection."""
    assert_same_error("http://255.255.255.255/", OSError, errno.ENETUNREACH)


def assert_same_error(uri: str, kind: type[OSError], number: int) -> None:
    for client in (httplib2.Http, Http):
        http = client(timeout=PATIENCE)
        with pytest.raises(kind) as raised:
            bytes(http.request(uri)[1])
        assert (raised.value.errno, raised.value.strerror) == (number, os.strerror(number))
        http.close()


# Notes and attributes of errors


FAILING_REQUESTS: dict[str, tuple[Callable[[str], dict[str, object]], type[Exception]]] = {
    "uri": (lambda _: {"uri": "/relative"}, httplib2.RelativeURIError),
    "scheme": (lambda _: {"uri": "ftp://localhost/"}, KeyError),
    "method": (lambda url: {"uri": url, "method": "GE T"}, ValueError),
    "headers": (lambda url: {"uri": url, "headers": {"X": "a\nb"}}, ValueError),
    "no headers": (lambda url: {"uri": url, "headers": 5}, TypeError),
    "body": (lambda url: {"uri": url, "body": 5}, TypeError),
    "answer": (lambda url: {"uri": url + "/garbage"}, BadStatusLine),
    "cut": (lambda url: {"uri": url + "/cut"}, IncompleteRead),
    "closed": (lambda url: {"uri": url + "/closed"}, RemoteDisconnected),
    "decoding": (lambda url: {"uri": url + "/coded"}, httplib2.FailedToDecompressContent),
    "redirect": (lambda url: {"uri": url + "/loop"}, httplib2.RedirectLimit),
    "missing": (lambda url: {"uri": url + "/lost"}, httplib2.RedirectMissingLocation),
}

ANSWERS = {
    b"/garbage": b"garbage",
    b"/cut": HEAD_OF_TWO_BYTES + b"\r\no",
    b"/closed": b"",
    b"/coded": HEAD_OF_TWO_BYTES + b"Content-Encoding: gzip\r\n\r\nno",
    b"/loop": b"HTTP/1.1 302 F\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n",
    b"/lost": b"HTTP/1.1 302 F\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
def url(raw_server: RawServerFactory) -> str:
    """A server whose paths each fail in a different way."""

    def answer(connection: ServerConnection) -> None:
        target = read_head(connection).split(b" ")[1]
        send(ANSWERS[target])(connection)

    return raw_server([answer]).url("")


@pytest.fixture(params=FAILING_REQUESTS)
def failed(request: pytest.FixtureRequest, url: str, http: Http) -> tuple[Promise, type[Exception]]:
    """A failing request, and the type of its exception."""
    arguments, error = FAILING_REQUESTS[request.param]
    return made_here(http, arguments(url)), error


def made_here(http: Http, arguments: dict[str, object]) -> Promise:
    return http.request(**arguments)  # type: ignore[arg-type]  # wrong ones, on purpose


Failed = tuple[Promise, type[Exception]]


def test_error_notes_request_and_call_site(failed: Failed) -> None:
    promise, kind = failed
    with pytest.raises(kind) as raised:
        promise.result()
    (note,) = raised.value.__notes__
    assert note.startswith(f"{promise.request.method} {promise.request.uri}")
    assert __file__ in note
    assert "in made_here\n" in note
    assert "return http.request(**arguments)" in note
    assert "in failed\n" in note
    assert raised.value.request is promise.request  # type: ignore[attr-defined]  # where callers look
    assert "made here" not in str(raised.value)


def test_error_can_be_pickled_with_notes(failed: Failed) -> None:
    """Process pools pickle the errors of their workers."""
    promise, kind = failed
    error = promise.exception()
    if issubclass(kind, httplib2.error.HttpLib2ErrorWithResponse):
        pytest.skip("httplib2's own errors with a response cannot be pickled")
    copied: Any = pickle.loads(pickle.dumps(error))  # Any: added attributes have no types
    assert (str(copied), copied.__notes__) == (str(error), error.__notes__)  # type: ignore[union-attr]
    assert str(copied.request) == str(promise.request)
    assert str(copied.request.site) == str(promise.request.site)
    assert "in made_here\n" in str(copied.request.site)
    assert type(copied) is kind


def test_error_of_file_upload_is_pickled_without_file(
    tmp_path: Path, refused_url: str, http: Http
) -> None:
    path = tmp_path / "body"
    path.write_bytes(b"to be sent")
    with path.open("rb") as file:
        error = http.request(refused_url, "POST", file).exception()
    assert pickle.loads(pickle.dumps(error)).request.body.whole() == b""


def test_call_site_in_callback_omits_worker_frames(
    http: Http, refused_url: str, server: WebServer
) -> None:
    """The worker called the callback that made the request."""

    def call_back(promise: Promise) -> None:
        made.append(http.request(refused_url))

    made: list[Promise] = []
    http.request(server.url(), callback=call_back).result()
    summary = made[0].request.site.summary()
    assert [(each.filename, each.name) for each in summary] == [(__file__, "call_back")]
    assert made[0].exception() is not None


def test_too_large_head_is_refused(raw_server: RawServerFactory, http: Http) -> None:
    """httplib2 accepts the head; libcurl has a limit."""
    fields = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 5000) for number in range(80))
    server = raw_server([read_head, send(OK.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n"))])
    with pytest.raises(HTTPException, match="Too large response headers"):
        http.request(server.url()).result()


def test_connection_lost_twice_is_reported_once(raw_server: RawServerFactory, http: Http) -> None:
    promise = http.request(raw_server([read_head], [read_head]).url())
    with pytest.raises(RemoteDisconnected) as raised:
        promise.result()
    shown = "".join(traceback.format_exception(raised.value))
    assert shown.count("RemoteDisconnected") == 1


def test_traceback_of_error_shows_the_note(failed: Failed) -> None:
    promise, kind = failed
    with pytest.raises(kind) as raised:
        promise.result()
    shown = "".join(traceback.format_exception(raised.value))
    assert f"{promise.request.method} {promise.request.uri}" in shown
    assert "in made_here\n" in shown


LOOKS: dict[str, Callable[[Promise], object]] = {
    "result": lambda promise: promise.result(),
    "status": lambda promise: promise.response.status,
    "field": lambda promise: promise.response["server"],
    "dict": lambda promise: dict(promise.response),
    "content": lambda promise: bytes(promise.content),
    "len": lambda promise: len(promise.content),
    "text": lambda promise: str(promise.content),
    "json": lambda promise: json.loads(promise.content),
}


def test_every_look_raises_same_error_object(failed: Failed) -> None:
    promise, kind = failed
    error = promise.exception()
    assert type(error) is kind
    for look in [*LOOKS.values(), *LOOKS.values()]:
        with pytest.raises(kind) as raised:
            look(promise)
        assert raised.value is error
    assert promise.exception() is error


@pytest.mark.parametrize("look", LOOKS)
def test_repeated_looks_do_not_grow_traceback(failed: Failed, look: str) -> None:
    promise, kind = failed
    depths = {traceback_depth(promise, kind, LOOKS[look]) for _ in range(1000)}
    assert len(depths) == 1
    assert len(getattr(promise.exception(), "__notes__", [])) == 1


def traceback_depth(
    promise: Promise, kind: type[Exception], look: Callable[[Promise], object]
) -> int:
    """The number of frames in the traceback of a look."""
    try:
        look(promise)
    except kind as error:
        return len(list(traceback.walk_tb(error.__traceback__)))
    raise AssertionError("it did not fail")


def test_error_is_raised_in_all_looking_threads(failed: Failed) -> None:
    promise, kind = failed
    seen: list[Exception] = []

    def look() -> None:
        for _ in range(100):
            try:
                promise.result()
            except Exception as error:  # noqa: BLE001 - any error is counted
                seen.append(error)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 800
    assert {type(error) for error in seen} == {kind}
    assert len({id(error) for error in seen}) == 1


def test_error_message_equals_message_of_httplib2(raw_server: RawServerFactory) -> None:
    moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
    assert_same_as_httplib2(raw_server, [record_request, send(moved)])  # compares the messages, too


def test_failed_requests_have_separate_errors(http: Http) -> None:
    """All requests fail for the same reason."""
    promises = [http.request(f"http://{UNKNOWN_HOST}/{number}") for number in range(5)]
    errors = [promise.exception() for promise in promises]
    assert len({id(error) for error in errors}) == 5
    for promise, error in zip(promises, errors, strict=True):
        assert isinstance(error, httplib2.ServerNotFoundError)
        assert error.request is promise.request  # type: ignore[attr-defined]
        (note,) = error.__notes__
        assert note.startswith(f"GET {promise.request.uri},")


# Raised at the call, or not


def test_request_raises_no_failure_at_call(url: str, http: Http) -> None:
    promises = [made_here(http, arguments(url)) for arguments, _ in FAILING_REQUESTS.values()]
    assert [type(promise.exception()) for promise in promises] == [
        e for _, e in FAILING_REQUESTS.values()
    ]


def test_unpacking_of_failed_promise_does_not_raise(failed: Failed) -> None:
    promise, kind = failed
    response, content = promise
    with pytest.raises(kind):
        len(content)
    with pytest.raises(kind):
        _ = response.status


@pytest.mark.parametrize(
    "arguments",
    [{}, {"url": "http://localhost/"}, {"uri": "http://localhost/", "callbak": print}],
    ids=repr,
)
def test_wrong_arguments_raise_type_error_at_call(http: Http, arguments: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"request\(\)"):
        http.request(**arguments)  # type: ignore[arg-type]  # wrong arguments, on purpose


def test_many_queued_failures_do_not_recurse(http: Http, server: WebServer) -> None:
    """All failing requests are queued behind a slow request, and fail in sequence after its end."""
    held = server.hold_answers()
    with Http(max_workers=1) as http:
        first = http.request(held.url("first"))
        held.arrived.wait_for(1)
        bad = [http.request("/relative") for _ in range(10_000)]
        last = http.request(server.url("/status/200"))
        held.answer_all()
        assert last.response.status == 200
        assert first.response.status == 200
    assert {type(promise.exception()) for promise in bad} == {httplib2.RelativeURIError}


def test_callbacks_chaining_failures_do_not_recurse(http: Http) -> None:
    left = iter(range(1000))
    over = threading.Event()

    def retry(promise: Promise) -> None:
        promise.exception()
        if next(left, None) is None:
            over.set()
        else:
            http.request("/relative", callback=retry)

    http.request("/relative", callback=retry)
    assert over.wait(PATIENCE)
