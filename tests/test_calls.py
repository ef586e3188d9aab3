"""What else runs on workers: functions given to `submit`, other clients, and what blocks on
purpose.
"""

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
from tests.conftest import RawServers
from tests.programs import run
from tests.servers.app import pattern
from tests.servers.raw import OK, head, send
from tests.servers.seen import PATIENCE
from tests.servers.web import WebServer


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(max_workers=4) as http:
        yield http


def thread_name() -> str:
    return threading.current_thread().name


# submit


def test_a_function_runs_on_a_worker(http: Http) -> None:
    assert http.submit(thread_name).result(PATIENCE) == "asynchttp worker"


def test_with_its_arguments(http: Http) -> None:
    assert http.submit(divmod, 7, 2).result(PATIENCE) == (3, 1)
    assert http.submit(sorted, [1, 3, 2], reverse=True).result(PATIENCE) == [3, 2, 1]


def test_what_it_raises_says_where_it_was_called(http: Http) -> None:
    call = http.submit(int, "none")
    with pytest.raises(ValueError, match="none") as raised:
        call.result(PATIENCE)
    assert "test_what_it_raises_says_where_it_was_called" in raised.value.__notes__[0]


def test_no_more_at_once_than_max_workers(http: Http) -> None:
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


def test_one_that_waits_can_be_cancelled(http: Http) -> None:
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
def test_it_may_make_requests_and_wait_for_them(server: WebServer, limit: int) -> None:
    """Its slot is lent."""
    with Http(max_workers=limit) as http:
        calls = [http.submit(lambda: http.request(server.url()).result()) for _ in range(10)]
        assert [call.result(PATIENCE)[0].status for call in calls] == [200] * 10


def test_close_waits_for_it() -> None:
    http, end = Http(), threading.Event()
    call = http.submit(end.wait, PATIENCE)
    threading.Timer(0.01, end.set).start()
    http.close()
    assert call.done()


def test_c_code_may_call_it(http: Http, server: WebServer) -> None:
    """There is no frame that called."""
    ran, asked = threading.Event(), threading.Event()
    _thread.start_new_thread(http.submit, (ran.set,))
    callback = {"callback": lambda promise: asked.set()}
    _thread.start_new_thread(http.request, (server.url(),), callback)
    assert ran.wait(PATIENCE)
    assert asked.wait(PATIENCE)


def test_so_may_the_end_of_a_program() -> None:
    program = """
        import atexit
        atexit.register(Http().submit, say, "submitted")
    """
    assert run(program).fine() == ["submitted"]


# blocking


def test_blocking_gives_what_httplib2_gives(server: WebServer) -> None:
    with Http(blocking=True) as http:
        response, content = http.request(server.url("/bytes/5"))
    assert type(response) is Response
    assert type(content) is bytes
    assert (response.status, content) == (200, bytes(range(5)))


def test_blocking_raises_in_place(refused: str) -> None:
    with Http(blocking=True) as http, pytest.raises(ConnectionRefusedError):
        http.request(refused)


def test_blocking_is_for_any_number_of_threads(server: WebServer) -> None:
    def ask(number: int) -> int:
        return len(shared.request(server.url(f"/bytes/{number}"))[1])

    with Http(blocking=True) as shared, cf.ThreadPoolExecutor(20) as threads:
        assert list(threads.map(ask, range(200))) == list(range(200))


def test_blocking_runs_the_callback_first(server: WebServer) -> None:
    def mark(promise: Promise) -> None:
        promise.response.mark = thread_name()

    with Http(blocking=True) as http:
        response, _ = http.request(server.url(), callback=mark)
    assert response.mark == "asynchttp worker"


# Other clients


class Client(httplib2.Http):
    """Notes who asks."""

    made: ClassVar[list["Client"]] = []
    threads: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        Client.made.append(self)

    # Any: httplib2's own arguments.
    def request(self, *arguments: Any, **named: Any) -> Any:
        Client.threads.add(thread_name())
        return super().request(*arguments, **named)


@pytest.fixture
def client() -> type[Client]:
    Client.made, Client.threads = [], set()
    return Client


def test_a_client_makes_the_requests(server: WebServer, client: type[Client]) -> None:
    gate = server.gate()
    with Http(max_workers=1) as http:
        http.Client = client
        first = http.request(gate.url())
        gate.arrived.wait_for(1)  # so that no other thread finds the slot free
        promises = [http.request(server.url(f"/bytes/{size}")) for size in range(20)]
        gate.open()
        assert first.response.status == 200
        assert [len(promise.content) for promise in promises] == list(range(20))
    assert client.threads == {"asynchttp worker"}
    assert len(client.made) <= 3  # one on each worker that came to it


@pytest.mark.parametrize("size", [0, 5, PIECE + 5])
def test_a_client_sends_bodies_of_all_kinds(
    http: Http, server: WebServer, client: type[Client], tmp_path: Path, size: int
) -> None:
    http.Client = client
    path = tmp_path / "body"
    path.write_bytes(pattern(0, size))
    with path.open("rb") as file:
        bodies: list[object] = [pattern(0, size), file, io.BytesIO(pattern(0, size))]
        promises = [http.request(server.url("/echo"), "POST", body) for body in bodies]
    assert [promise.result()[0].status for promise in promises] == [200] * 3
    assert [each.body for each in server.received] == [pattern(0, size)] * 3


def test_requests_made_on_a_worker_return_at_once_too(
    server: WebServer, client: type[Client]
) -> None:
    gate = server.gate()
    with Http(max_workers=4) as http:
        http.Client = client

        def ask_for_more(_: Promise) -> None:
            more.extend(http.request(gate.url()) for _ in range(3))

        more: list[Promise] = []
        http.request(server.url(), callback=ask_for_more).result(PATIENCE)
        gate.arrived.wait_for(3)
        gate.open()
        assert [promise.exception(PATIENCE) for promise in more] == [None] * 3


def test_close_closes_the_clients(server: WebServer, client: type[Client]) -> None:
    with Http() as http:
        http.Client = client
        assert http.request(server.url()).response.status == 200
        [made] = client.made
        assert len(made.connections) == 1
    assert made.connections == {}


def test_with_the_attributes_of_the_http(
    http: Http, server: WebServer, client: type[Client]
) -> None:
    http.Client = client
    http.follow_redirects = False
    assert http.request(server.url("/hops/1")).response.status == 302
    http.follow_redirects = True
    assert http.request(server.url("/hops/1")).response.status == 200


def test_its_errors_come_when_looked_at(http: Http, refused: str, client: type[Client]) -> None:
    http.Client = client
    promise = http.request(refused)
    with pytest.raises(ConnectionRefusedError) as raised:
        len(promise.content)
    assert refused in raised.value.__notes__[0]


def test_its_callbacks_and_bodies(http: Http, server: WebServer, client: type[Client]) -> None:
    http.Client = client
    sent: list[bytes] = []
    promise = http.request(
        server.url(), "POST", "body", callback=lambda promise: sent.append(bytes(promise.content))
    )
    assert promise.response.status == 200
    assert server.received[0].body == b"body"
    assert len(sent) == 1


@pytest.mark.parametrize("kind", [bytearray, lambda content: content.decode(), memoryview])
def test_whatever_it_has_for_bytes(
    http: Http, server: WebServer, kind: Callable[[bytes], object]
) -> None:
    class Other(httplib2.Http):
        # Any: httplib2's own arguments.
        def request(self, *arguments: Any, **named: Any) -> Any:
            response, content = super().request(*arguments, **named)
            return response, kind(content)

    http.Client = Other
    content = http.request(server.url("/text/ascii?text=ok, yes")).content
    assert content.startswith(b"ok")
    assert content.upper().split() == [b"OK,", b"YES"]
    assert (content, hash(content), content.decode()) == (b"ok, yes", hash(b"ok, yes"), "ok, yes")
    assert type(http.request(server.url("/bytes/5")).result()[1]) is bytes


def test_an_asynchttp_may_be_the_client(http: Http, server: WebServer) -> None:
    http.Client = Http
    response, content = http.request(server.url("/text/ascii?text=ok, yes"))
    assert (response.status, content.upper()) == (200, b"OK, YES")
    assert type(http.request(server.url("/bytes/5")).result()[1]) is bytes


def test_its_end_is_not_the_end_of_the_credentials(
    http: Http, server: WebServer, client: type[Client]
) -> None:
    http.add_credentials("name", "password")
    http.add_certificate("key", "cert", "elsewhere")
    http.Client = client
    http.request(server.url()).result(PATIENCE)
    http.Client = httplib2.Http
    cf.wait([http.request(server.url()) for _ in range(20)], PATIENCE)
    assert http.credentials.credentials == [("", "name", "password")]
    assert len(http.certificates.credentials) == 1


def test_a_connection_type_is_httplib2s_business(http: Http, raw_server: RawServers) -> None:
    made: list[str] = []

    class Connection(httplib2.HTTPConnectionWithTimeout):
        def connect(self) -> None:
            made.append(thread_name())
            super().connect()

    server = raw_server([head, send(OK)])
    response, content = http.request(server.url(), connection_type=Connection)
    assert (response.status, content) == (200, b"ok")
    assert made == ["asynchttp worker"]


def test_even_where_asynchttp_stands_in_for_httplib2(
    http: Http, raw_server: RawServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httplib2, "Http", Http)
    server = raw_server([head, send(OK)])
    kind = httplib2.HTTPConnectionWithTimeout
    assert http.request(server.url(), connection_type=kind)[1] == b"ok"


# Names, attributes, pickles


NAMES = [name for name, value in vars(httplib2).items() if not isinstance(value, ModuleType)]


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("__")])
def test_every_name_of_httplib2_is_there(name: str) -> None:
    assert getattr(asynchttp, name) is getattr(httplib2, name) or name in asynchttp.__all__


def test_a_name_that_nobody_has() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        asynchttp.nonsense  # noqa: B018  # it is what is tested


def test_it_is_pickled_with_its_attributes(tmp_path: Path, server: WebServer) -> None:
    http = Http(str(tmp_path), timeout=7, max_workers=3, blocking=True)
    http.follow_redirects = False
    http.add_credentials("name", "password")
    with closing(http), closing(pickle.loads(pickle.dumps(http))) as copy:
        assert (copy.timeout, copy.max_workers, copy.follow_redirects) == (7, 3, False)
        assert copy.credentials.credentials == http.credentials.credentials
        assert copy.request(server.url("/hops/1"))[0].status == 302


def test_debuglevel_prints_what_goes_over_the_wire(
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


def test_values_of_a_header_that_comes_several_times(server: WebServer) -> None:
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
