"""Other uses of workers: functions given to `submit`, replaced clients, and blocking on purpose."""

import _thread
import concurrent.futures as cf
import io
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import httplib2
import pytest

import asynchttp
from asynchttp import Http, Promise
from asynchttp.messages.body import PIECE
from asynchttp.messages.response import Response
from tests.conftest import RawServerFactory
from tests.programs import run_python
from tests.servers.app import patterned_bytes
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, read_head, send
from tests.servers.web import WebServer
from tests.threads import thread_kind


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(max_workers=4) as http:
        yield http


# submit


def test_submitted_function_runs_on_worker(http: Http) -> None:
    assert http.submit(thread_kind).result(PATIENCE) == "asynchttp worker"


def test_submitted_function_gets_its_arguments(http: Http) -> None:
    assert http.submit(divmod, 7, 2).result(PATIENCE) == (3, 1)
    assert http.submit(sorted, [1, 3, 2], reverse=True).result(PATIENCE) == [3, 2, 1]


def test_error_of_submitted_function_notes_call_site(http: Http) -> None:
    call = http.submit(int, "none")
    with pytest.raises(ValueError, match="none") as raised:
        call.result(PATIENCE)
    assert "test_error_of_submitted_function_notes_call_site" in raised.value.__notes__[0]


def test_submitted_functions_keep_to_max_workers(http: Http) -> None:
    inside, most, lock = 0, 0, threading.Lock()
    full = threading.Barrier(4)

    def count() -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        full.wait(PATIENCE)
        with lock:
            inside -= 1

    calls = [http.submit(count) for _ in range(20)]
    assert cf.wait(calls, PATIENCE).not_done == set()
    assert [call.exception() for call in calls] == [None] * 20
    assert most == 4


def test_only_queued_submitted_function_can_be_cancelled(http: Http) -> None:
    begun, end = threading.Semaphore(0), threading.Event()

    def wait() -> bool:
        begun.release()
        return end.wait(PATIENCE)

    running = [http.submit(wait) for _ in range(4)]
    for _ in running:
        begun.acquire()
    queued = http.submit(wait)
    assert queued.cancel()
    assert not running[0].cancel()
    end.set()
    assert all(call.result(PATIENCE) for call in running)


@pytest.mark.parametrize("limit", [1, 2])
def test_submitted_function_may_request_and_wait(server: WebServer, limit: int) -> None:
    """The slot of a waiting function is lent to its requests."""
    with Http(max_workers=limit) as http:
        calls = [http.submit(lambda: http.request(server.url()).result()) for _ in range(10)]
        assert [call.result(PATIENCE)[0].status for call in calls] == [200] * 10


def test_close_waits_for_submitted_function() -> None:
    http, end = Http(), threading.Event()
    call = http.submit(end.wait, PATIENCE)
    threading.Timer(0.01, end.set).start()
    http.close()
    assert call.done()


def test_submit_and_request_work_without_python_caller(http: Http, server: WebServer) -> None:
    """A new thread calls both from C, so that no Python frame is the call site."""
    ran, asked = threading.Event(), threading.Event()
    _thread.start_new_thread(http.submit, (ran.set,))
    callback = {"callback": lambda promise: asked.set()}
    _thread.start_new_thread(http.request, (server.url(),), callback)
    assert ran.wait(PATIENCE)
    assert asked.wait(PATIENCE)


def test_submit_works_in_exit_handler() -> None:
    program = """
        import atexit
        atexit.register(Http().submit, print_line, "submitted")
    """
    assert run_python(program).assert_clean() == ["submitted"]


# Blocking on purpose


def test_blocking_request_returns_response_and_bytes(server: WebServer) -> None:
    with Http(blocking=True) as http:
        response, content = http.request(server.url("/bytes/5"))
    assert type(response) is Response
    assert type(content) is bytes
    assert (response.status, content) == (200, bytes(range(5)))


def test_blocking_request_runs_callback_before_returning(server: WebServer) -> None:
    def mark(promise: Promise) -> None:
        promise.response.mark = thread_kind()

    with Http(blocking=True) as http:
        response, _ = http.request(server.url(), callback=mark)
    assert response.mark == "asynchttp worker"


# Replaced clients


class RecordingClient(httplib2.Http):
    """Records instances and calling threads."""

    made: ClassVar[list["RecordingClient"]] = []
    threads: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        RecordingClient.made.append(self)

    # Any: httplib2's own arguments
    def request(self, *arguments: Any, **named: Any) -> Any:
        RecordingClient.threads.add(thread_kind())
        return super().request(*arguments, **named)


@pytest.fixture
def client() -> type[RecordingClient]:
    RecordingClient.made, RecordingClient.threads = [], set()
    return RecordingClient


def test_replaced_client_makes_requests_on_workers(
    server: WebServer, client: type[RecordingClient]
) -> None:
    held = server.hold_answers()
    with Http(max_workers=1) as http:
        http.Client = client
        first = http.request(held.url())
        held.arrived.wait_for(1)  # the only slot is occupied from here on
        promises = [http.request(server.url(f"/bytes/{size}")) for size in range(20)]
        held.answer_all()
        assert first.response.status == 200
        assert [len(promise.content) for promise in promises] == list(range(20))
    assert client.threads == {"asynchttp worker"}
    assert len(client.made) <= 3  # a client for each worker with a request


@pytest.mark.parametrize("size", [0, 5, PIECE + 5])
def test_replaced_client_sends_all_kinds_of_bodies(
    http: Http, server: WebServer, client: type[RecordingClient], tmp_path: Path, size: int
) -> None:
    http.Client = client
    path = tmp_path / "body"
    path.write_bytes(patterned_bytes(0, size))
    with path.open("rb") as file:
        bodies: list[object] = [
            patterned_bytes(0, size),
            file,
            io.BytesIO(patterned_bytes(0, size)),
        ]
        promises = [http.request(server.url("/echo"), "POST", body) for body in bodies]
    assert [promise.result()[0].status for promise in promises] == [200] * 3
    assert [each.body for each in server.received] == [patterned_bytes(0, size)] * 3


def test_request_in_callback_returns_at_once(
    server: WebServer, client: type[RecordingClient]
) -> None:
    held = server.hold_answers()
    with Http(max_workers=4) as http:
        http.Client = client

        def ask_for_more(_: Promise) -> None:
            more.extend(http.request(held.url()) for _ in range(3))

        more: list[Promise] = []
        http.request(server.url(), callback=ask_for_more).result(PATIENCE)
        held.arrived.wait_for(3)
        held.answer_all()
        assert [promise.exception(PATIENCE) for promise in more] == [None] * 3


def test_close_closes_replaced_clients(server: WebServer, client: type[RecordingClient]) -> None:
    with Http() as http:
        http.Client = client
        assert http.request(server.url()).response.status == 200
        [made] = client.made
        assert len(made.connections) == 1
    assert made.connections == {}


def test_replaced_client_gets_attributes_of_http(
    http: Http, server: WebServer, client: type[RecordingClient]
) -> None:
    http.Client = client
    http.follow_redirects = False
    assert http.request(server.url("/hops/1")).response.status == 302
    http.follow_redirects = True
    assert http.request(server.url("/hops/1")).response.status == 200


def test_look_raises_error_of_replaced_client(
    http: Http, refused_url: str, client: type[RecordingClient]
) -> None:
    http.Client = client
    promise = http.request(refused_url)
    with pytest.raises(ConnectionRefusedError) as raised:
        len(promise.content)
    assert refused_url in raised.value.__notes__[0]


def test_replaced_client_supports_body_and_callback(
    http: Http, server: WebServer, client: type[RecordingClient]
) -> None:
    http.Client = client
    sent: list[bytes] = []
    promise = http.request(
        server.url(), "POST", "body", callback=lambda promise: sent.append(bytes(promise.content))
    )
    assert promise.response.status == 200
    assert server.received[0].body == b"body"
    assert len(sent) == 1


@pytest.mark.parametrize("kind", [bytearray, lambda content: content.decode(), memoryview])
def test_content_of_replaced_client_becomes_bytes(
    http: Http, server: WebServer, kind: Callable[[bytes], object]
) -> None:
    class Other(httplib2.Http):
        # Any: httplib2's own arguments
        def request(self, *arguments: Any, **named: Any) -> Any:
            response, content = super().request(*arguments, **named)
            return response, kind(content)

    http.Client = Other
    content = http.request(server.url("/text/ascii?text=ok, yes")).content
    assert content.startswith(b"ok")
    assert content.upper().split() == [b"OK,", b"YES"]
    assert (content, hash(content), content.decode()) == (b"ok, yes", hash(b"ok, yes"), "ok, yes")
    assert type(http.request(server.url("/bytes/5")).result()[1]) is bytes


def test_asynchttp_may_be_the_replaced_client(http: Http, server: WebServer) -> None:
    http.Client = Http
    response, content = http.request(server.url("/text/ascii?text=ok, yes"))
    assert (response.status, content.upper()) == (200, b"OK, YES")
    assert type(http.request(server.url("/bytes/5")).result()[1]) is bytes


def test_end_of_replaced_client_keeps_credentials(
    http: Http, server: WebServer, client: type[RecordingClient]
) -> None:
    http.add_credentials("name", "password")
    http.add_certificate("key", "cert", "elsewhere")
    http.Client = client
    http.request(server.url()).result(PATIENCE)
    http.Client = httplib2.Http
    cf.wait([http.request(server.url()) for _ in range(20)], PATIENCE)
    assert http.credentials.credentials == [("", "name", "password")]
    assert len(http.certificates.credentials) == 1


def test_connection_type_is_used_on_worker(http: Http, raw_server: RawServerFactory) -> None:
    made: list[str] = []

    class Connection(httplib2.HTTPConnectionWithTimeout):
        def connect(self) -> None:
            made.append(thread_kind())
            super().connect()

    server = raw_server([read_head, send(OK)])
    response, content = http.request(server.url(), connection_type=Connection)
    assert (response.status, content) == (200, b"ok")
    assert made == ["asynchttp worker"]


def test_connection_type_works_if_httplib2_is_replaced(
    http: Http, raw_server: RawServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httplib2, "Http", Http)
    server = raw_server([read_head, send(OK)])
    kind = httplib2.HTTPConnectionWithTimeout
    assert http.request(server.url(), connection_type=kind)[1] == b"ok"


# Names, attributes, pickles


NAMES = [name for name, value in vars(httplib2).items() if not isinstance(value, ModuleType)]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("__")])
def test_every_name_of_httplib2_is_exported(name: str) -> None:
    assert getattr(asynchttp, name) is getattr(httplib2, name) or name in asynchttp.__all__


def test_unknown_name_of_module_raises_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        asynchttp.nonsense  # noqa: B018  # the lookup is under test


def test_http_is_pickled_with_its_attributes(tmp_path: Path, server: WebServer) -> None:
    http = Http(str(tmp_path), timeout=7, max_workers=3, blocking=True)
    http.follow_redirects = False
    http.add_credentials("name", "password")
    with closing(http), closing(pickle.loads(pickle.dumps(http))) as copy:
        assert (copy.timeout, copy.max_workers, copy.follow_redirects) == (7, 3, False)
        assert copy.credentials.credentials == http.credentials.credentials
        assert copy.request(server.url("/hops/1"))[0].status == 302


def test_debuglevel_prints_request_and_answer(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(httplib2, "debuglevel", 1)
    with Http() as http:
        http.request(server.url("/bytes/5"), headers={"x-mine": "yes"}).result()
    out = capfd.readouterr().out
    assert out.startswith("send: b'GET /bytes/5 HTTP/1.1")
    assert "x-mine: yes" in out
    assert "\nreply: 'HTTP/1.1 200" in out
    assert "\nheader: content-length: 5\n" in out


def test_getall_returns_each_value_of_repeated_header(server: WebServer) -> None:
    url = server.url("/status/200?Set-Cookie=a%3D1,x&Set-Cookie=b%3D2&X=y")
    with Http() as http:
        response = http.request(url).response
        assert response.getall("Set-Cookie") == ["a=1,x", "b=2"]
        assert response["set-cookie"] == "a=1,x, b=2"
        assert (response.getall("x"), response.getall("z")) == (["y"], [])
        for copy in (pickle.loads(pickle.dumps(response)), http.request(url).result()[0]):
            assert copy.getall("set-cookie") == ["a=1,x", "b=2"]
        response["set-cookie"] = "c"
        assert response.getall("set-cookie") == ["c"]
