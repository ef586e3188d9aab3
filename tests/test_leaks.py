"""No leaks: no thread, no descriptor, and no object that waits for the garbage collector.

Threads and descriptors are counted in separate programs, away from those of the servers. The core's
thread, a worker and their descriptors exist before the first count; further workers end after some
idle time.
"""

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from asynchttp import Http, Promise
from tests.conftest import RawServerFactory
from tests.programs import Program, python_command, run_python
from tests.servers.certificates import Authority
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, ServerConnection, read_head, send
from tests.servers.web import WebServer

RESOURCE_COUNT = """
import contextlib, gc
plain, held_url, tls, refused, authority = sys.argv[1:]
asynchttp.dispatch.workers.IDLE = 0.05

def descriptors():
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found

def threads():  # including threads in C
    return len(os.listdir("/proc/self/task"))

def is_as_before():
    gc.collect()  # tracebacks make cycles
    return threads() == 3 and len(descriptors()) <= len(before)

def make():
    return Http(ca_certs=authority, max_workers=4)

def use(number):
    http = make()
    USE

with make() as first:
    first.request(plain)
before = descriptors()
assert threads() == 3, threading.enumerate()  # main thread, core, worker
for number in range(100):
    use(number)
patience = time.monotonic() + 10
while not is_as_before() and time.monotonic() < patience:
    time.sleep(0.01)  # no event says when idle workers and dropped connections end
assert is_as_before(), (threads(), threading.enumerate(), len(before), descriptors())
"""

WAYS_TO_USE_HTTP = {
    "nothing": "pass",
    "requests": "http.request(plain).result(); http.request(plain)",
    "an upload": """
    with open(os.__file__, "rb") as file:
        http.request(plain, "PUT", file)
    """,
    "callbacks": """
    for _ in range(5):
        http.request(plain, callback=lambda promise: http.request(plain).response.status)
    """,
    "then": "http.request(plain).then(lambda response, content: response)",
    "TLS": "http.request(tls).response.status",
    "large answers": "http.request(plain.replace('echo', 'bytes/100000')).content[0]",
    "failures": "http.request(refused).exception(); http.request('nothing').exception()",
    "names": "http.request(plain.replace('127.0.0.1', '127.1')).result()",
    "cancelled transfers": """
    promises = [http.request(held_url) for _ in range(5)]
    promises[number % 5].cancel()
    http.close(cancel_futures=True)
    """,
    "close": "http.request(plain).result(); http.close(); http.request(plain)",
    "with": """
    with http:
        http.request(tls, callback=lambda promise: promise.response)
    """,
}


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what /proc shows")
@pytest.mark.parametrize("use", WAYS_TO_USE_HTTP.values(), ids=WAYS_TO_USE_HTTP)
def test_hundred_https_leave_no_thread_or_descriptor(
    use: str, server: WebServer, tls_server: WebServer, refused_url: str, authority: Authority
) -> None:
    urls = (server.url(), server.hold_answers().url(), tls_server.url(), refused_url)
    assert run_python(RESOURCE_COUNT.replace("USE", use), *urls, authority.pem).assert_clean() == []


BLOCKED = """
asynchttp.dispatch.workers.IDLE = 0.05
http = Http()

def call_back(promise):
    inner = http.request(sys.argv[2], callback=lambda promise: print_line("called"))
    print_line(inner.response.status)

promise = http.request(sys.argv[1], callback=call_back)
patience = time.monotonic() + 10
while len(os.listdir("/proc/self/task")) != 4 and time.monotonic() < patience:
    time.sleep(0.01)
time.sleep(5 * asynchttp.dispatch.workers.IDLE)  # nothing happens meanwhile
print_line(len(os.listdir("/proc/self/task")))  # main thread, core, callback's worker, idle worker
sys.stdin.readline()
promise.result()
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts what /proc shows")
def test_single_idle_worker_stays_beside_blocked_worker(
    server: WebServer,
) -> None:
    held = server.hold_answers()
    with Program(python_command(BLOCKED, server.url(), held.url())) as running:
        held.arrived.wait_for(1)
        assert running.read_line() == "4"
        held.answer_all()
        running.write_stdin("go on\n")
        assert running.wait_for_end().assert_clean() == ["called", "200"]


# Objects


@pytest.fixture(autouse=True)
def without_garbage_collector() -> Iterator[None]:
    """Objects must be freed without the garbage collector."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def when_freed(thing: object) -> threading.Event:
    """An event set when `thing` is freed."""
    gone = threading.Event()
    weakref.finalize(thing, gone.set).atexit = False
    return gone


LOOKS: dict[str, Callable[[Promise], object]] = {
    "not looked at": lambda promise: promise.wait(),
    "the response": lambda promise: promise.response.status,
    "the content": lambda promise: len(promise.content),
    "the pair": lambda promise: [len(each) for each in promise],
    "the result": lambda promise: promise.result(),
    "kept and looked at": lambda promise: [
        (each.keys() if isinstance(each, dict) else bytes(each)) for each in tuple(promise)
    ],
    "then": lambda promise: promise.then(lambda response, content: response.status).result(),
}


def make_cycle(promise: Promise) -> None:
    promise.me = promise


def make_cycle_through_response(promise: Promise) -> None:
    promise.response.me = promise


@pytest.mark.parametrize("tie", [make_cycle, make_cycle_through_response])
def test_collector_frees_promise_in_cycle(
    server: WebServer, tie: Callable[[Promise], None]
) -> None:
    """Unobserved promises are unknown to the collector."""
    with Http() as http:
        http.request(server.url()).result(PATIENCE)  # the next request reuses the plan
        promise = http.request(server.url())
        assert promise.wait(PATIENCE)
        assert not gc.is_tracked(promise)
        tie(promise)
        gone = when_freed(promise)
        del promise
        assert not gone.is_set()
        gc.collect()
        assert gone.wait(PATIENCE)


def send_file(http: Http, url: str) -> Promise:
    with Path(__file__).open("rb") as file:
        return http.request(url, "PUT", file)


REQUESTS: dict[str, Callable[[Http, WebServer], Promise]] = {
    "plain": lambda http, server: http.request(server.url()),
    "redirected": lambda http, server: http.request(server.url("/hops/2")),
    "packed": lambda http, server: http.request(server.url("/coded/gzip?zeros=100000")),
    "with a body": lambda http, server: http.request(server.url(), "POST", b"body"),
    "from a file": lambda http, server: send_file(http, server.url()),
    "with a callback": lambda http, server: http.request(
        server.url(), callback=lambda promise: promise.response
    ),
    "with a timeout": lambda http, server: Http(timeout=100).request(server.url()),
}


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
def test_dropped_promise_is_freed_at_once(
    look: Callable[[Promise], object],
    request_: Callable[[Http, WebServer], Promise],
    server: WebServer,
) -> None:
    with Http() as http:
        promise = request_(http, server)
        look(promise)
        gone = when_freed(promise)
        del promise
        assert gone.wait(PATIENCE)


def test_dropped_promise_of_resent_request_is_freed(raw_server: RawServerFactory) -> None:
    """The request fails on a kept connection, and is sent again on a new connection."""
    count = 14
    all_connected = threading.Barrier(count)

    def wait(_: ServerConnection) -> None:
        all_connected.wait(PATIENCE)

    server = raw_server(*[[read_head, wait, send(OK), read_head]] * count, [read_head, send(OK)])
    with Http() as http:
        for each in [http.request(server.url()) for _ in range(count)]:
            each.result()
        promise = http.request(server.url())
        assert promise.response.status == 200
        gone = when_freed(promise)
        del promise
        assert gone.wait(PATIENCE)
    assert len(server.heads) == count + 2


def test_promise_dropped_before_answer_is_freed(server: WebServer) -> None:
    held = server.hold_answers()
    with Http() as http:
        gone = when_freed(http.request(held.url()))
        held.arrived.wait_for(1)
        assert not gone.is_set()
        held.answer_all()
        assert gone.wait(PATIENCE)


def test_dropped_cancelled_promise_is_freed(server: WebServer) -> None:
    held = server.hold_answers()
    with Http(max_workers=1) as http:
        promises = [http.request(held.url()) for _ in range(2)]
        held.arrived.wait_for(1)
        gone = [when_freed(promise) for promise in promises]
        for promise in promises:
            assert promise.cancel()
        del promise, promises
        assert all(each.wait(PATIENCE) for each in gone)


def test_dropped_failed_promise_is_freed_and_reported(
    refused_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Http() as http:
        promise = http.request(refused_url)
        promise.wait()
        gone = when_freed(promise)
        del promise
        assert gone.wait(PATIENCE)
    assert "nobody looked" in caplog.text


def test_pair_outlives_promise_and_is_freed(server: WebServer) -> None:
    with Http() as http:
        promise = http.request(server.url("/bytes/3"))
        response, content = promise
        assert (response.status, len(content)) == (200, 3)
        gone = [when_freed(promise), when_freed(response), when_freed(content)]
        del promise
        assert gone[0].wait(PATIENCE)
        assert (response.status, len(content)) == (200, 3)
        del response, content
        assert all(each.wait(PATIENCE) for each in gone)


def test_callback_kept_by_response_is_freed(server: WebServer) -> None:
    class Kept:
        def __call__(self, promise: Promise) -> None:
            promise.response.kept = self

    with Http() as http:
        callback = Kept()
        promise = http.request(server.url(), callback=callback)
        assert promise.response.kept is callback
        gone = when_freed(callback)
        del callback, promise
        assert gone.wait(PATIENCE)


def test_dropped_http_is_freed_at_once(server: WebServer) -> None:
    http = Http()
    http.request(server.url()).result()
    gone = when_freed(http)
    del http
    assert gone.is_set()


def test_closed_http_keeps_no_promise(raw_server: RawServerFactory) -> None:
    http = Http(max_workers=1)
    server = raw_server([read_head, send(OK)])
    gone = [when_freed(http.request(server.url())) for _ in range(20)]
    http.close()
    assert all(each.wait(PATIENCE) for each in gone)


def test_timers_of_ended_requests_keep_no_promise(server: WebServer) -> None:
    with Http(timeout=1000) as http:
        gone = [when_freed(http.request(server.url())) for _ in range(100)]
        assert all(each.wait(PATIENCE) for each in gone)


@pytest.mark.parametrize("path", ["/bytes/100000", "/bytes/100000?chunked=1"])
def test_content_is_referenced_by_caller_only(path: str, server: WebServer) -> None:
    """The Http keeps much for the next request, but no reference to the content."""
    with Http(blocking=True) as http:
        for _ in range(3):
            _, content = http.request(server.url(path))
            mine = bytes(reversed(content))
            assert sys.getrefcount(content) == sys.getrefcount(mine)


def test_cancelled_promise_keeps_no_frame_alive(server: WebServer) -> None:
    class Local:
        pass

    def look() -> threading.Event:
        local = Local()
        with pytest.raises(CancelledError):
            promise.result()
        return when_freed(local)

    with Http() as http:
        promise = http.request(server.hold_answers().url())
        promise.cancel()
        assert look().wait(PATIENCE)
