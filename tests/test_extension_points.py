"""Parts of httplib2 that programs override, and sockets that programs replace, are used.

Rule: a replaced part notes that it was called, and by which thread; the server counts requests.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import io
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeAlias

import httplib2
import pytest

from asynchttp import Http, Promise
from asynchttp.messages.body import FileBody
from tests.conftest import RawServerFactory
from tests.programs import Program, python_command
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.raw import OK
from tests.servers.recording import answer_requests
from tests.servers.web import WebServer

METHODS = ["_request", "_conn_request", "_auth_from_challenge", "_normalize_headers"]
WORKER = "asynchttp worker"

Calls: TypeAlias = EventLog[str]
"""The names of the threads that called a replaced part."""
Made: TypeAlias = Any
"""Any: arguments and results of httplib2's methods, which have no types."""


@pytest.fixture
def calls() -> Calls:
    return EventLog()


def without_number(thread: threading.Thread) -> str:
    """The name of a thread; workers are numbered."""
    return thread.name.rstrip(" 0123456789")


def noting(calls: Calls, original: Callable[..., Made]) -> Callable[..., Made]:
    """A function that notes each call, and then calls the original."""

    def replacement(*arguments: Made, **named: Made) -> Made:
        calls.add(without_number(threading.current_thread()))
        return original(*arguments, **named)

    return replacement


def subclass(name: str, calls: Calls) -> type[Http]:
    """A class of Http that overrides a method."""
    return type("Overriding", (Http,), {name: noting(calls, getattr(Http, name))})


# What is replaced. Each function replaces a part, and returns the class of Http to use.

Replace: TypeAlias = Callable[[pytest.MonkeyPatch, Calls], type[Http]]


def override(name: str) -> Replace:
    return lambda _, calls: subclass(name, calls)


def replace_method(name: str) -> Replace:
    """Replace a method of httplib2's own class."""

    def replace(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
        patch.setattr(httplib2.Http, name, noting(calls, getattr(httplib2.Http, name)))
        return Http

    return replace


def set_method(name: str) -> Replace:
    """Set a method as an attribute of an Http."""

    def replace(_: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
        class Changed(Http):
            def __init__(self, **named: Made) -> None:
                super().__init__(**named)
                vars(self)[name] = noting(calls, getattr(super(), name))

        return Changed

    return replace


def connection_class(calls: Calls) -> type[httplib2.HTTPConnectionWithTimeout]:
    connect = noting(calls, httplib2.HTTPConnectionWithTimeout.connect)
    return type("Replaced", (httplib2.HTTPConnectionWithTimeout,), {"connect": connect})


def replace_dict(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
    classes = {**httplib2.SCHEME_TO_CONNECTION, "http": connection_class(calls)}
    patch.setattr(httplib2, "SCHEME_TO_CONNECTION", classes)
    return Http


def replace_item(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
    patch.setitem(httplib2.SCHEME_TO_CONNECTION, "http", connection_class(calls))
    return Http


def replace_member_of_connections(name: str) -> Replace:
    def replace(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
        kind = httplib2.HTTPConnectionWithTimeout
        patch.setattr(kind, name, noting(calls, getattr(kind, name)))
        return Http

    return replace


def replace_socket(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
    patch.setattr(socket, "socket", socket_class(calls))
    return Http


def socket_class(calls: Calls) -> type[socket.socket]:
    return type("Replaced", (socket.socket,), {"connect": noting(calls, socket.socket.connect)})


def replace_socket_by_function(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
    kind = socket.socket
    patch.setattr(socket, "socket", noting(calls, kind))
    return Http


def replace_connect(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
    patch.setattr(socket.socket, "connect", noting(calls, socket.socket.connect))
    return Http


def replace_module_of_sockets(patch: pytest.MonkeyPatch, calls: Calls) -> type[Http]:
    module = SimpleNamespace(**{**vars(socket), "socket": socket_class(calls)})
    patch.setattr(httplib2, "socket", module)
    return Http


REPLACED: dict[str, Replace] = {
    **{f"{name} overridden": override(name) for name in METHODS if "auth" not in name},
    **{f"{name} replaced": replace_method(name) for name in METHODS if "auth" not in name},
    **{f"{name} set": set_method(name) for name in METHODS if "auth" not in name},
    "SCHEME_TO_CONNECTION": replace_dict,
    "SCHEME_TO_CONNECTION['http']": replace_item,
    "connect of connections": replace_member_of_connections("connect"),
    "getresponse of connections": replace_member_of_connections("getresponse"),
    "socket.socket": replace_socket,
    "socket.socket by a function": replace_socket_by_function,
    "socket.socket.connect": replace_connect,
    "httplib2.socket": replace_module_of_sockets,
}
any_part = pytest.mark.parametrize("replace", REPLACED.values(), ids=REPLACED)


# How requests are made.

FIELDS = {"X-Field": "value"}  # httplib2 normalizes given fields only


def ask_lazily(http: Http, url: str) -> tuple[int, bytes]:
    response, content = http.request(url, headers=FIELDS)
    return response.status, bytes(content)


def ask_and_await(http: Http, url: str) -> tuple[int, bytes]:
    async def ask() -> tuple[int, bytes]:
        response, content = await http.request(url, headers=FIELDS)
        return response.status, content

    return asyncio.run(ask())


def ask_with_callback(http: Http, url: str) -> tuple[int, bytes]:
    answers: EventLog[tuple[int, bytes]] = EventLog()

    def call_back(promise: Promise) -> None:
        answers.add((promise.response.status, bytes(promise.content)))

    http.request(url, headers=FIELDS, callback=call_back)
    return answers.wait_for(1)[0]


def ask_in_callback(http: Http, url: str) -> tuple[int, bytes]:
    answers: EventLog[tuple[int, bytes]] = EventLog()
    http.request(url, callback=lambda _: answers.add(ask_lazily(http, url)))
    return answers.wait_for(1)[0]


def ask_by_submit(http: Http, url: str) -> tuple[int, bytes]:
    return http.submit(ask_lazily, http, url).result(PATIENCE)


FORMS: dict[str, tuple[bool, Callable[[Http, str], tuple[int, bytes]]]] = {
    "lazy": (False, ask_lazily),
    "blocking": (True, ask_lazily),
    "awaited": (False, ask_and_await),
    "callback": (False, ask_with_callback),
    "blocking callback": (True, ask_with_callback),
    "in a callback": (False, ask_in_callback),
    "submit": (False, ask_by_submit),
}


@any_part
@pytest.mark.parametrize(("is_blocking", "ask"), FORMS.values(), ids=FORMS)
def test_replaced_part_is_called_on_worker(
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
    calls: Calls,
    replace: Replace,
    is_blocking: bool,
    ask: Callable[[Http, str], tuple[int, bytes]],
) -> None:
    kind = replace(monkeypatch, calls)
    with kind(blocking=is_blocking, max_workers=1, timeout=PATIENCE) as http:
        assert ask(http, server.url("/text/ascii?text=yes")) == (200, b"yes")
    assert WORKER in list(calls)


@any_part
def test_parts_are_read_at_each_call(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, calls: Calls, replace: Replace
) -> None:
    """A part replaced after a request, and put back, is called in between."""
    with Http(timeout=PATIENCE) as usual:
        assert usual.request(server.url()).response.status == 200
        with monkeypatch.context() as patch:
            kind = replace(patch, calls)
            with kind(timeout=PATIENCE) as http:
                changed = http if kind is not Http else usual
                assert changed.request(server.url(), headers=FIELDS).response.status == 200
        asked = len(calls)
        assert asked > 0
        assert usual.request(server.url()).response.status == 200
        assert len(calls) == asked
        assert used_ports(server)[0] == used_ports(server)[-1], "not libcurl's connection"


def used_ports(server: WebServer) -> list[int]:
    return [each.port for each in server.received]


def test_method_set_on_used_http_is_called(server: WebServer, calls: Calls) -> None:
    with Http() as http:
        assert http.request(server.url()).response.status == 200
        original = http._conn_request  # type: ignore[attr-defined]  # not in httplib2's stubs
        vars(http)["_conn_request"] = noting(calls, original)
        assert http.request(server.url()).response.status == 200
        assert len(calls) == 1
        del vars(http)["_conn_request"]
        assert http.request(server.url()).response.status == 200
        assert len(calls) == 1


CHALLENGE = b'HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: Basic realm="x"\r\n\r\n'


@pytest.mark.parametrize("change", [override, replace_method, set_method])
def test_changed_answer_to_challenge_is_called(
    raw_server: RawServerFactory,
    monkeypatch: pytest.MonkeyPatch,
    calls: Calls,
    change: Callable[[str], Replace],
) -> None:
    kind = change("_auth_from_challenge")(monkeypatch, calls)
    server = raw_server([answer_requests(CHALLENGE, OK)])
    with kind(timeout=PATIENCE) as http:
        http.add_credentials("name", "password")
        assert http.request(server.url()).response.status == 200
    assert list(calls) == [WORKER]
    assert b"authorization: Basic " in server.requests[1][0]


def test_scheme_added_by_program_is_served(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes: Made = httplib2.SCHEME_TO_CONNECTION
    monkeypatch.setitem(classes, "own", httplib2.HTTPConnectionWithTimeout)
    with Http(timeout=PATIENCE) as http:
        url = server.url("/text/ascii?text=yes").replace("http:", "own:")
        assert http.request(url).result()[1] == b"yes"


# Replaced functions that are no extension points.


def test_functions_of_http_client_may_be_replaced(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, calls: Calls
) -> None:
    """Tracers replace these functions: requests would all be made one by one."""
    kind = http.client.HTTPConnection
    for name in ("__init__", "request", "putrequest", "getresponse"):
        monkeypatch.setattr(kind, name, noting(calls, getattr(kind, name)))
    with Http() as http_:
        assert http_.request(server.url()).response.status == 200
    assert list(calls) == []


@pytest.mark.parametrize("module", ["gevent._socket3", "eventlet.greenio.base"])
def test_sockets_of_green_threads_are_no_extension(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, calls: Calls, module: str
) -> None:
    kind = socket_class(calls)
    kind.__module__ = kind.connect.__module__ = module
    monkeypatch.setattr(socket, "socket", kind)
    with Http() as http:
        assert http.request(server.url()).response.status == 200
    assert list(calls) == []
    monkeypatch.setattr(kind, "connect", noting(calls, kind.connect))
    with Http() as http:
        assert http.request(server.url()).response.status == 200
    assert set(calls) == {WORKER}


def test_other_client_makes_requests_in_spite_of_overridden_methods(
    server: WebServer, calls: Calls
) -> None:
    class Overriding(subclass("_request", calls)):  # type: ignore[misc]  # made at run time
        Client = httplib2.Http

    with Overriding() as http:
        assert http.request(server.url()).response.status == 200
    assert list(calls) == []


BEFORE_IMPORT = """
import socket, sys

def forbidden(*_):
    raise PermissionError("no network")

url, part = sys.argv[1:]
import httplib2
if part == "getaddrinfo":
    real, socket.getaddrinfo = socket.getaddrinfo, forbidden
    put_back = lambda: setattr(socket, "getaddrinfo", real)
    url = url.replace("127.0.0.1", "127.1")
elif part == "connection":
    class Forbidden(httplib2.HTTPConnectionWithTimeout):
        connect = forbidden
    real = httplib2.SCHEME_TO_CONNECTION
    httplib2.SCHEME_TO_CONNECTION = {**real, "http": Forbidden}
    put_back = lambda: setattr(httplib2, "SCHEME_TO_CONNECTION", real)
elif part == "method":
    real, httplib2.Http._request = httplib2.Http._request, forbidden
    put_back = lambda: setattr(httplib2.Http, "_request", real)
else:
    class Forbidden(socket.socket):
        connect = forbidden
    real, socket.socket = socket.socket, Forbidden
    put_back = lambda: setattr(socket, "socket", real)

from asynchttp import Http
try:
    Http(blocking=True).request(url)
except PermissionError as error:
    print(error)
put_back()
with Http(blocking=True) as http:
    print(http.request(url)[0].status, http.connections)
"""


@pytest.mark.parametrize("part", ["getaddrinfo", "connection", "method", "socket"])
def test_part_replaced_before_the_import_is_noticed(server: WebServer, part: str) -> None:
    command = [sys.executable, "-W", "error", "-c", BEFORE_IMPORT, server.url(), part]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.stdout, ended.stderr) == ("no network\n200 {}\n", "")


# The object, the order, the connections.


class Overriding(Http):
    """An Http with an overridden method, whose requests httplib2's code makes."""

    def _request(self, *arguments: Made) -> Made:
        return super()._request(*arguments)  # type: ignore[misc]  # not in httplib2's stubs


@pytest.fixture
def overriding() -> Iterator[Http]:
    with Overriding(timeout=PATIENCE) as http:
        yield http


def test_method_is_called_on_own_object_and_redirects_are_seen(server: WebServer) -> None:
    class Signing(Http):
        def __init__(self, **named: Made) -> None:
            super().__init__(**named)
            self.signed: list[str] = []

        def _request(self, *arguments: Made) -> Made:
            uri, headers = arguments[2], arguments[6]
            self.signed.append(uri)
            headers["x-signature"] = f"signed {len(self.signed)}"
            return super()._request(*arguments)  # type: ignore[misc]  # as above

    http = Signing()
    with http:
        response, _ = http.request(server.url("/hops/2"))
        assert response.status == 200
        assert response.previous is not None
        assert response.previous.status == 302
        assert http.signed == [server.url(each.target) for each in server.received]
    signatures = [each.header("x-signature") for each in server.received]
    assert signatures == ["signed 1", "signed 2", "signed 3"]


def test_guard_stops_request_before_the_server(server: WebServer) -> None:
    class Guarded(Http):
        def _conn_request(self, conn: Made, *arguments: Made) -> Made:
            raise httplib2.HttpLib2Error(f"blocked: {conn.host}")

    with Guarded() as http:
        error = http.request(server.url()).exception()
    assert isinstance(error, httplib2.HttpLib2Error)
    assert str(error) == "blocked: 127.0.0.1"
    assert "made here" in error.__notes__[0]
    assert list(server.received) == []


def test_requests_are_made_one_at_a_time_in_order(server: WebServer, overriding: Http) -> None:
    held = server.hold_answers()
    promises = [overriding.request(held.url(str(number))) for number in range(20)]
    held.arrived.wait_for(1)
    assert Http().request(server.url()).response.status == 200
    held.answer_all()
    assert [promise.response.status for promise in promises] == [200] * 20
    assert list(held.arrived) == [str(number) for number in range(20)]
    assert held.most_waiting == 1
    assert len(set(used_ports(server))) == 2, "the connection is kept"


def test_requests_of_many_threads_are_made_one_at_a_time(server: WebServer) -> None:
    held = server.hold_answers()
    held.answer_all()
    with Overriding(blocking=True) as http, ThreadPoolExecutor(20) as pool:
        answers = [pool.submit(http.request, held.url()) for _ in range(100)]
        assert [answer.result(PATIENCE)[0].status for answer in answers] == [200] * 100
    assert held.most_waiting == 1


def test_request_cancelled_in_the_queue_is_not_sent(server: WebServer, overriding: Http) -> None:
    held = server.hold_answers()
    first, second, third = (overriding.request(held.url(label)) for label in "abc")
    held.arrived.wait_for(1)
    assert second.cancel()
    held.answer_all()
    assert [each.response.status for each in (first, third)] == [200, 200]
    assert list(held.arrived) == ["a", "c"]


def test_failed_request_lets_the_next_be_made(
    server: WebServer, overriding: Http, refused_url: str
) -> None:
    promises = [
        overriding.request(url) for url in (refused_url, server.url(), refused_url, server.url())
    ]
    assert [type(promise.exception(PATIENCE)) for promise in promises] == [
        ConnectionRefusedError,
        type(None),
    ] * 2


def test_text_body_reaches_the_method_as_text(server: WebServer) -> None:
    bodies: list[object] = []

    class Reading(Http):
        def _request(self, *arguments: Made) -> Made:
            bodies.append(arguments[5])
            return super()._request(*arguments)  # type: ignore[misc]  # as above

    given = ["café", b"bytes", io.BytesIO(b"file")]
    with Reading() as http:
        for body in given:
            assert http.request(server.url(), "POST", body).response.status == 200
    assert bodies == ["café", b"bytes", b"file"]
    assert [each.body for each in server.received] == ["café".encode("latin-1"), b"bytes", b"file"]


def test_connection_type_and_expect_reach_the_method(server: WebServer, calls: Calls) -> None:
    kind = connection_class(calls)
    with subclass("_request", calls)(timeout=PATIENCE) as http:
        assert http.request(server.url(), connection_type=kind).response.status == 200
        assert list(calls) == [WORKER] * 2
        promise = http.request(server.url(), "POST", b"x", {"Expect": "100-continue"})
        assert promise.response.status == 200
    assert list(calls) == [WORKER] * 3


def test_foreign_response_keeps_its_attributes() -> None:
    class Simulated(Http):
        def _request(self, *_: Made) -> Made:
            return SimpleNamespace(status=418, reason="simulated"), b"content"

    for blocking in (True, False):
        with Simulated(blocking=blocking) as http:
            response, content = http.request("http://server.test/")
            assert (response.status, response.reason, bytes(content)) == (
                418,
                "simulated",
                b"content",
            )


def test_close_closes_connections_of_httplib2(server: WebServer) -> None:
    with Overriding() as http:
        assert http.request(server.url()).response.status == 200
        [connection] = http.connections.values()
        assert connection.sock is not None
    assert (connection.sock, http.connections) == (None, {})


def test_connection_of_an_earlier_replacement_is_not_used(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two cassettes, one after the other: the second must not get the first one's connection."""
    with Http() as http:
        for _ in range(2):
            calls: Calls = EventLog()
            with monkeypatch.context() as patch:
                replace_item(patch, calls)
                for _ in range(2):
                    assert http.request(server.url()).response.status == 200
            assert list(calls) == [WORKER]


@pytest.mark.parametrize("is_other", [False, True], ids=["same Http", "other Http"])
def test_connections_put_back_for_a_moment_stay_replaced(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, calls: Calls, is_other: bool
) -> None:
    """As vcrpy does in the middle of a request, while other requests are made."""
    original: Made = httplib2.SCHEME_TO_CONNECTION["http"]
    are_back, may_go_on = threading.Event(), threading.Event()

    class Replaced(httplib2.HTTPConnectionWithTimeout):
        def connect(self) -> None:
            calls.add(without_number(threading.current_thread()))
            with monkeypatch.context() as patch:
                patch.setitem(httplib2.SCHEME_TO_CONNECTION, "http", original)
                are_back.set()
                assert may_go_on.wait(PATIENCE)
            super().connect()

    monkeypatch.setitem(httplib2.SCHEME_TO_CONNECTION, "http", Replaced)
    with Http(timeout=PATIENCE) as http, Http(timeout=PATIENCE) as other:
        first = http.request(server.url())
        assert are_back.wait(PATIENCE)
        second = (other if is_other else http).request(server.url())
        may_go_on.set()
        assert [each.response.status for each in (first, second)] == [200, 200]
        assert len(other.connections) == int(is_other), "libcurl made a request"
        assert is_other or len(set(used_ports(server))) == 1


def test_dropped_http_finishes_its_requests(server: WebServer) -> None:
    held = server.hold_answers()
    promises = [Overriding().request(held.url()) for _ in range(3)]
    held.arrived.wait_for(3)
    gc.collect()
    held.answer_all()
    assert [promise.response.status for promise in promises] == [200] * 3


def test_dropped_http_closes_connections_of_httplib2(server: WebServer) -> None:
    http = Overriding(blocking=True)
    assert http.request(server.url())[0].status == 200
    [connection] = http.connections.values()
    assert connection.sock is not None
    del http
    gc.collect()
    assert connection.sock is None


# Requests that a method makes in the middle of another request.


class Asking(Http):
    """Asks for a token in the middle of the first request, by `ask_for_token`."""

    ask_for_token: Callable[[Asking], str]

    def __init__(self, ask_for_token: Callable[[Asking], str], **named: Made) -> None:
        super().__init__(**named)
        vars(self)["ask_for_token"] = ask_for_token
        self.tokens: list[str] = []

    def _request(self, *arguments: Made) -> Made:
        if not self.tokens:
            self.tokens.append("")
            self.tokens.append(self.ask_for_token(self))
        arguments[6]["x-token"] = self.tokens[-1]
        return super()._request(*arguments)  # type: ignore[misc]  # as above


@pytest.fixture(params=[False, True], ids=["lazy", "blocking"])
def form(request: pytest.FixtureRequest) -> dict[str, bool]:
    return {"blocking": request.param, "max_workers": 1}


def check_token(server: WebServer, http: Asking, count: int = 3) -> None:
    """Check that requests have the token, which was asked for once."""
    with http:
        answers = [http.request(server.url()) for _ in range(count)]
        assert [response.status for response, _ in answers] == [200] * count
    token, *others = server.received
    assert token.target == "/text/ascii?text=secret"
    assert [each.header("x-token") for each in others] == ["secret"] * count


def test_inner_request_runs_at_once_on_same_thread(
    server: WebServer, form: dict[str, bool]
) -> None:
    threads: list[str] = []

    def ask(http: Asking) -> str:
        threads.append(without_number(threading.current_thread()))
        response, content = http.request(server.url("/text/ascii?text=secret"))
        assert (response.status, type(content)) == (200, bytes)
        return content.decode()

    check_token(server, Asking(ask, **form))
    assert threads == [WORKER]
    assert len(set(used_ports(server))) == 1


def test_promise_of_inner_request_is_done(server: WebServer) -> None:
    def ask(http: Asking) -> str:
        promise = http.request(server.url("/text/ascii?text=secret"))
        assert promise.done()
        assert promise.response.status == 200
        assert promise.result()[1] == promise.content == asyncio.run(wait_for(promise))[1]
        return str(promise.content, "ascii")

    check_token(server, Asking(ask))


async def wait_for(promise: Promise) -> tuple[httplib2.Response, bytes]:
    return await promise


def test_callback_of_inner_request_is_called_at_once(
    server: WebServer, form: dict[str, bool]
) -> None:
    tokens: list[str] = []

    def ask(http: Asking) -> str:
        http.request(
            server.url("/text/ascii?text=secret"),
            callback=lambda promise: tokens.append(promise.content.decode()),
        )
        return tokens.pop()

    check_token(server, Asking(ask, **form))


def test_failed_inner_request_raises_at_once(
    server: WebServer, form: dict[str, bool], refused_url: str
) -> None:
    def ask(http: Asking) -> str:
        with pytest.raises(ConnectionRefusedError) as raised:
            http.request(refused_url)
        assert refused_url in raised.value.__notes__[0]
        with pytest.raises(TypeError, match="body"):
            http.request(refused_url, "POST", 7)
        return "none"

    with Asking(ask, **form) as http:
        response, _ = http.request(server.url())
        assert response.status == 200
    assert [each.header("x-token") for each in server.received] == ["none"]


def test_inner_requests_of_another_http_are_promises(
    server: WebServer, form: dict[str, bool]
) -> None:
    def ask(_: Asking) -> str:
        with Overriding(max_workers=1) as other:
            return bytes(other.request(server.url("/text/ascii?text=secret")).content).decode()

    check_token(server, Asking(ask, **form))


def test_inner_post_with_file_sends_content(server: WebServer, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")

    def ask(http: Asking) -> str:
        with path.open("rb") as file:
            promise = http.request(server.url(), "POST", file)
        assert isinstance(promise.request.body, FileBody)
        assert promise.request.body._fd == -1, "the file is left open"
        return "sent"

    with Asking(ask) as http:
        assert http.request(server.url()).response.status == 200
    assert [each.body for each in server.received] == [b"content", b""]


def test_redirect_with_cache_stores_the_answer(server: WebServer, tmp_path: Path) -> None:
    """httplib2's code gets real bytes from the redirected request, which it stores."""
    with Overriding(cache=str(tmp_path)) as http:
        url = server.url("/status/308?Location=/status/200%3FCache-Control%3Dmax-age%3D60")
        assert [http.request(url).response.status for _ in range(2)] == [200, 200]
        assert http.request(url).response.fromcache


FORKING = """
begun = threading.Event()

class Overriding(Http):
    def _request(self, *arguments):
        begun.set()
        return super()._request(*arguments)

url, held = sys.argv[1:]
http = Overriding(timeout=10)
print_line(http.request(url).result()[0].status)
begun.clear()
pending = http.request(held)
begun.wait()
if pid := os.fork():
    os.waitpid(pid, 0)
    print_line(pending.result()[0].status)
    http.close()
else:
    print_line(http.request(url).result()[0].status)
    http.request(url.replace("/bytes", "/status/404?x=")).result()
    os._exit(0)
"""


def test_forked_child_makes_requests_on_own_connection(server: WebServer) -> None:
    """The parent forks in the middle of a request, whose connection the child must not use."""
    held = server.hold_answers()
    with Program(python_command(FORKING, server.url("/bytes/5"), held.url())) as program:
        assert [program.read_line(), program.read_line()] == ["200", "200"]
        held.answer_all()
        assert program.wait_for_end().assert_clean() == ["200"]
    last_port = {each.target.split("/")[1]: each.port for each in server.received}
    assert server.received[0].port == last_port["held"]
    assert last_port["bytes"] == last_port["status"] != last_port["held"]
