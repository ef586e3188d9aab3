"""What goes wrong is raised on access, each time: the exceptions that callers of httplib2 catch,
which say which request it was and where it was made.

Rule: where httplib2 meets the same server, it is asked which exception it is (`tests.oracle`).
"""

import errno
import json
import os
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any

import httplib2
import pytest

from asynchttp import Http, Promise
from tests.conftest import RawServers
from tests.oracle import both, record, same
from tests.servers.raw import OK, Peer, Step, drip, head, read_head, reset, send
from tests.servers.seen import PATIENCE
from tests.servers.web import WebServer

TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
UNKNOWN = "a." * 130 + "invalid"
"""So long a name that no name server needs to be asked."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(timeout=PATIENCE) as http:
        yield http


# Broken answers


@pytest.mark.parametrize(
    "script",
    [
        [record],
        [record, send(b"")],
        [record, send(TWO + b"X: cut")],
        [record, send(TWO)],
        [record, send(TWO + b"\r\no")],
        [record, send(TWO + b"\r\n")],
        [record, drip(TWO + b"\r\no", every=0)],
        [record, send(CHUNKED + b"2\r\nok\r\n")],
        [record, send(CHUNKED + b"2\r\nok\r\nnonsense\r\n\r\n")],
        [record, send(CHUNKED + b"nonsense\r\n")],
        [record, send(CHUNKED)],
        [record, reset],
        [record, send(b"HTTP/1.1 200 OK\r\n"), reset],
        [record, send(TWO + b"\r\no"), reset],
        [record, send(b"garbage\r\n\r\n")],
        [record, send(b"\x16\x03\x01\x00\x05garbage")],
        [record, send(b"<html>no head</html>\n")],
        [record, send(b"\r\n" + OK)],
        [record, send(b"HTTP/1.1 none OK\r\n\r\n")],
        [record, send(b"HTTP/1.1 99 OK\r\n\r\n")],
        [record, send(b"ICY 200 OK\r\n\r\n")],
    ],
    ids=range(21),
)
def test_broken_answers(raw_server: RawServers, script: list[Step]) -> None:
    """httplib2 asks once more on another connection, so only the outcomes can be the same."""
    theirs, ours = both(raw_server, script)
    assert ours.outcome.error is not None
    assert ours.outcome == theirs.outcome


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"HTTP/1.", RemoteDisconnected),  # to httplib2, a bad status line, which that is too
        (b"HTTP/1.1 200 OK", RemoteDisconnected),  # to httplib2, all that there is to say
        (b"HTTP/1.1 200 OK\r\nX: 1\r\n", IncompleteRead),  # the same
        (CHUNKED + b"2\r\nok\r\n0\r\n", IncompleteRead),  # the same
        (CHUNKED + b"2\r\nokXX0\r\n\r\n", IncompleteRead),  # it does not look at what is between
        (b"HTTP/1.1 100 Continue\r\n\r\n", RemoteDisconnected),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n", IncompleteRead),
        (b"HTTP/1.2 200 OK\r\n\r\n", BadStatusLine),
        (b"HTTP/1.1 1000 OK\r\n\r\n", BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nok", BadStatusLine),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", BadStatusLine),
        (TWO + b"Content-Length: 3\r\n\r\nok!", BadStatusLine),  # RFC 9112, 6.3: unrecoverable
        (TWO + b"no colon\r\n\r\nok", BadStatusLine),
        (TWO + b"X: a\0b\r\n\r\nok", BadStatusLine),
        (TWO + b"X: a\rb\r\n\r\nok", BadStatusLine),
        (TWO + b"X: " + b"long" * 50_000 + b"\r\n\r\nok", HTTPException),
        (TWO + b"X: y\r\n" * 100_000 + b"\r\nok", HTTPException),
    ],
    ids=range(17),
)
def test_what_httplib2_would_let_pass(
    raw_server: RawServers, http: Http, answer: bytes, error: type[Exception]
) -> None:
    server = raw_server([record, send(answer)])
    with pytest.raises(error):
        http.request(server.url("/")).result()


def test_the_part_that_came(raw_server: RawServers, http: Http) -> None:
    server = raw_server([head, send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")])
    with pytest.raises(IncompleteRead) as raised:
        http.request(server.url("/")).result()
    assert (raised.value.partial, raised.value.expected) == (b"first", 5)


def test_after_a_broken_answer_all_is_well(raw_server: RawServers, http: Http) -> None:
    server = raw_server(
        [head, send(TWO + b"\r\no")], *[[head, send(b"garbage")]] * 2, [head, send(OK)]
    )
    errors = [http.request(server.url("/")).exception() for _ in range(2)]
    assert [type(error) for error in errors] == [IncompleteRead, BadStatusLine]
    assert http.request(server.url("/"))[1] == b"ok"


# No connection


def test_refused(refused: str) -> None:
    assert_same_error(refused, ConnectionRefusedError, errno.ECONNREFUSED)


def test_unreachable() -> None:
    """Nobody can connect to all of the local network."""
    assert_same_error("http://255.255.255.255/", OSError, errno.ENETUNREACH)


def assert_same_error(uri: str, kind: type[OSError], number: int) -> None:
    for client in (httplib2.Http, Http):
        http = client(timeout=PATIENCE)
        with pytest.raises(kind) as raised:
            bytes(http.request(uri)[1])
        assert (raised.value.errno, raised.value.strerror) == (number, os.strerror(number))
        http.close()


# What an error says


WRONG: dict[str, tuple[Callable[[str], dict[str, object]], type[Exception]]] = {
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
    b"/cut": TWO + b"\r\no",
    b"/closed": b"",
    b"/coded": TWO + b"Content-Encoding: gzip\r\n\r\nno",
    b"/loop": b"HTTP/1.1 302 F\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n",
    b"/lost": b"HTTP/1.1 302 F\r\nContent-Length: 0\r\n\r\n",
}


@pytest.fixture
def url(raw_server: RawServers) -> str:
    """Where a request fails in the way that its path says."""

    def answer(peer: Peer) -> None:
        target = read_head(peer).split(b" ")[1]
        send(ANSWERS[target])(peer)

    return raw_server([answer]).url("")


@pytest.fixture(params=WRONG)
def failed(request: pytest.FixtureRequest, url: str, http: Http) -> tuple[Promise, type[Exception]]:
    """A request that fails, and the exception that it fails with."""
    arguments, error = WRONG[request.param]
    return made_here(http, arguments(url)), error


def made_here(http: Http, arguments: dict[str, object]) -> Promise:
    return http.request(**arguments)  # type: ignore[arg-type]  # wrong ones, on purpose


Failed = tuple[Promise, type[Exception]]


def test_it_says_which_request_it_was_and_where_it_was_made(failed: Failed) -> None:
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


def test_it_can_be_pickled(failed: Failed) -> None:
    """As by a process pool, whose workers make requests."""
    promise, kind = failed
    error = promise.exception()
    if issubclass(kind, httplib2.error.HttpLib2ErrorWithResponse):
        pytest.skip("httplib2's own, which cannot")
    copied: Any = pickle.loads(pickle.dumps(error))  # Any: what is written into it has no types
    assert (str(copied), copied.__notes__) == (str(error), error.__notes__)  # type: ignore[union-attr]
    assert str(copied.request) == str(promise.request)
    assert str(copied.request.site) == str(promise.request.site)
    assert "in made_here\n" in str(copied.request.site)
    assert type(copied) is kind


def test_so_can_that_of_a_request_with_a_file(tmp_path: Path, refused: str, http: Http) -> None:
    """Which stays where it is."""
    path = tmp_path / "body"
    path.write_bytes(b"to be sent")
    with path.open("rb") as file:
        error = http.request(refused, "POST", file).exception()
    assert pickle.loads(pickle.dumps(error)).request.body.whole() == b""


def test_where_it_was_made_leaves_out_the_worker(
    http: Http, refused: str, server: WebServer
) -> None:
    """That called the callback that made it."""

    def call_back(promise: Promise) -> None:
        made.append(http.request(refused))

    made: list[Promise] = []
    http.request(server.url(), callback=call_back).result()
    summary = made[0].request.site.summary()
    assert [(each.filename, each.name) for each in summary] == [(__file__, "call_back")]
    assert made[0].exception() is not None


def test_a_head_that_is_too_large(raw_server: RawServers, http: Http) -> None:
    """httplib2 takes it, libcurl has a limit."""
    fields = b"".join(b"x-%d: %s\r\n" % (number, b"y" * 5000) for number in range(80))
    server = raw_server([head, send(OK.replace(b"\r\n\r\n", b"\r\n" + fields + b"\r\n"))])
    with pytest.raises(HTTPException, match="Too large response headers"):
        http.request(server.url()).result()


def test_a_connection_lost_twice_is_told_once(raw_server: RawServers, http: Http) -> None:
    promise = http.request(raw_server([head], [head]).url())
    with pytest.raises(RemoteDisconnected) as raised:
        promise.result()
    shown = "".join(traceback.format_exception(raised.value))
    assert shown.count("RemoteDisconnected") == 1


def test_a_traceback_shows_the_note(failed: Failed) -> None:
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


def test_every_look_raises_the_same_object(failed: Failed) -> None:
    promise, kind = failed
    error = promise.exception()
    assert type(error) is kind
    for look in [*LOOKS.values(), *LOOKS.values()]:
        with pytest.raises(kind) as raised:
            look(promise)
        assert raised.value is error
    assert promise.exception() is error


@pytest.mark.parametrize("look", LOOKS)
def test_a_thousand_looks_do_not_grow_the_traceback(failed: Failed, look: str) -> None:
    promise, kind = failed
    depths = {depth(promise, kind, LOOKS[look]) for _ in range(1000)}
    assert len(depths) == 1
    assert len(getattr(promise.exception(), "__notes__", [])) == 1


def depth(promise: Promise, kind: type[Exception], look: Callable[[Promise], object]) -> int:
    """How many frames the traceback of a look has."""
    try:
        look(promise)
    except kind as error:
        return len(list(traceback.walk_tb(error.__traceback__)))
    raise AssertionError("it did not fail")


def test_threads_that_look_at_once_all_see_it(failed: Failed) -> None:
    promise, kind = failed
    seen: list[Exception] = []

    def look() -> None:
        for _ in range(100):
            try:
                promise.result()
            except Exception as error:  # noqa: BLE001 - it is what is counted
                seen.append(error)

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 800
    assert {type(error) for error in seen} == {kind}
    assert len({id(error) for error in seen}) == 1


def test_what_it_says_is_what_httplib2_says(raw_server: RawServers) -> None:
    moved = b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"
    same(raw_server, [record, send(moved)])  # its words are among what is compared


def test_each_of_many_failures_is_its_own(http: Http) -> None:
    """Though they fail for one and the same reason."""
    promises = [http.request(f"http://{UNKNOWN}/{number}") for number in range(5)]
    errors = [promise.exception() for promise in promises]
    assert len({id(error) for error in errors}) == 5
    for promise, error in zip(promises, errors, strict=True):
        assert isinstance(error, httplib2.ServerNotFoundError)
        assert error.request is promise.request  # type: ignore[attr-defined]
        (note,) = error.__notes__
        assert note.startswith(f"GET {promise.request.uri},")


# Not from request()


def test_nothing_is_raised_at_the_call(url: str, http: Http) -> None:
    promises = [made_here(http, arguments(url)) for arguments, _ in WRONG.values()]
    assert [type(promise.exception()) for promise in promises] == [e for _, e in WRONG.values()]


def test_unpacking_is_no_look(failed: Failed) -> None:
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
def test_a_wrong_call_is_a_type_error_at_once(http: Http, arguments: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"request\(\)"):
        http.request(**arguments)  # type: ignore[arg-type]  # that is what is wrong


def test_many_failures_in_a_row_do_not_recurse(http: Http, server: WebServer) -> None:
    """They are all queued behind one, and all fail one after another when that is through."""
    gate = server.gate()
    with Http(max_workers=1) as http:
        first = http.request(gate.url("first"))
        gate.arrived.wait_for(1)
        bad = [http.request("/relative") for _ in range(10_000)]
        last = http.request(server.url("/status/200"))
        gate.open()
        assert last.response.status == 200
        assert first.response.status == 200
    assert {type(promise.exception()) for promise in bad} == {httplib2.RelativeURIError}


def test_failures_whose_callbacks_make_more_do_not_recurse(http: Http) -> None:
    left = iter(range(1000))
    over = threading.Event()

    def again(promise: Promise) -> None:
        promise.exception()
        if next(left, None) is None:
            over.set()
        else:
            http.request("/relative", callback=again)

    http.request("/relative", callback=again)
    assert over.wait(PATIENCE)
