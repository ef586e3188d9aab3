"""Nothing is left: no thread, no descriptor, and no object that waits for the garbage collector.

Threads and descriptors are counted in programs of their own, since the servers have some too. The
core's thread, one worker and their descriptors are there before the first count; other workers end
when they have been idle for a while.
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
from tests.conftest import RawServers
from tests.programs import Program, python, run
from tests.servers.certificates import Authority
from tests.servers.raw import OK, Peer, head, send
from tests.servers.seen import PATIENCE
from tests.servers.web import WebServer

COUNTING = """
import contextlib, gc
plain, gate, tls, refused, authority = sys.argv[1:]
asynchttp.dispatch.workers.IDLE = 0.05

def descriptors():
    found = {}
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            found[fd] = os.readlink(f"/proc/self/fd/{fd}")
    return found

def threads():  # those in C, too
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
assert threads() == 3, threading.enumerate()  # the main one, the core's, a worker
for number in range(100):
    use(number)
patience = time.monotonic() + 10
while not is_as_before() and time.monotonic() < patience:
    time.sleep(0.01)  # no event says when idle workers end, and connections that nobody waits for
assert is_as_before(), (threads(), threading.enumerate(), len(before), descriptors())
"""

USES = {
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
    "functions that follow": "http.request(plain).then(lambda response, content: response)",
    "TLS": "http.request(tls).response.status",
    "large answers": "http.request(plain.replace('echo', 'bytes/100000')).content[0]",
    "failures": "http.request(refused).exception(); http.request('nothing').exception()",
    "names": "http.request(plain.replace('127.0.0.1', '127.1')).result()",
    "cancelled transfers": """
    promises = [http.request(gate) for _ in range(5)]
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
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_a_hundred_https_leave_no_thread_and_no_descriptor(
    use: str, server: WebServer, tls_server: WebServer, refused: str, authority: Authority
) -> None:
    urls = (server.url(), server.gate().url(), tls_server.url(), refused)
    assert run(COUNTING.replace("USE", use), *urls, authority.pem).fine() == []


BLOCKED = """
asynchttp.dispatch.workers.IDLE = 0.05
http = Http()

def call_back(promise):
    say(http.request(sys.argv[2], callback=lambda promise: say("called")).response.status)

promise = http.request(sys.argv[1], callback=call_back)
patience = time.monotonic() + 10
while len(os.listdir("/proc/self/task")) != 4 and time.monotonic() < patience:
    time.sleep(0.01)
time.sleep(5 * asynchttp.dispatch.workers.IDLE)  # nothing happens meanwhile
say(len(os.listdir("/proc/self/task")))  # the main one, the core's, the callback's, a worker
sys.stdin.readline()
promise.result()
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="counts what /proc shows")
def test_of_the_idle_workers_one_waits_for_events_however_many_are_blocked(
    server: WebServer,
) -> None:
    gate = server.gate()
    with Program(python(BLOCKED, server.url(), gate.url())) as running:
        gate.arrived.wait_for(1)
        assert running.line() == "4"
        gate.open()
        running.tell("go on\n")
        assert running.ended().fine() == ["called", "200"]


# Objects


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """What goes, goes by itself."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def goes(thing: object) -> threading.Event:
    """Set when `thing` has gone."""
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


def keep_itself(promise: Promise) -> None:
    promise.me = promise


def keep_itself_in_its_response(promise: Promise) -> None:
    promise.response.me = promise


@pytest.mark.parametrize("tie", [keep_itself, keep_itself_in_its_response])
def test_the_collector_finds_a_promise_in_a_cycle(
    server: WebServer, tie: Callable[[Promise], None]
) -> None:
    """Promises that were only made are unknown to the collector."""
    with Http() as http:
        http.request(server.url()).result(PATIENCE)  # the next one begins by the same plan
        promise = http.request(server.url())
        assert promise.wait(PATIENCE)
        assert not gc.is_tracked(promise)
        tie(promise)
        gone = goes(promise)
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
def test_a_promise_goes_when_it_is_dropped(
    look: Callable[[Promise], object],
    request_: Callable[[Http, WebServer], Promise],
    server: WebServer,
) -> None:
    with Http() as http:
        promise = request_(http, server)
        look(promise)
        gone = goes(promise)
        del promise
        assert gone.wait(PATIENCE)


def test_a_promise_that_was_sent_twice_goes_when_it_is_dropped(raw_server: RawServers) -> None:
    """Of many kept connections one is tried, and then a new one."""
    count = 14
    all_connected = threading.Barrier(count)

    def wait(_: Peer) -> None:
        all_connected.wait(PATIENCE)

    server = raw_server(*[[head, wait, send(OK), head]] * count, [head, send(OK)])
    with Http() as http:
        for each in [http.request(server.url()) for _ in range(count)]:
            each.result()
        promise = http.request(server.url())
        assert promise.response.status == 200
        gone = goes(promise)
        del promise
        assert gone.wait(PATIENCE)
    assert len(server.heads) == count + 2


def test_so_does_one_that_was_dropped_before_it_was_answered(server: WebServer) -> None:
    gate = server.gate()
    with Http() as http:
        gone = goes(http.request(gate.url()))
        gate.arrived.wait_for(1)
        assert not gone.is_set()
        gate.open()
        assert gone.wait(PATIENCE)


def test_so_does_one_that_was_cancelled(server: WebServer) -> None:
    gate = server.gate()
    with Http(max_workers=1) as http:
        promises = [http.request(gate.url()) for _ in range(2)]
        gate.arrived.wait_for(1)
        gone = [goes(promise) for promise in promises]
        for promise in promises:
            assert promise.cancel()
        del promise, promises
        assert all(each.wait(PATIENCE) for each in gone)


def test_so_does_one_that_failed_and_its_failure_is_reported(
    refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    with Http() as http:
        promise = http.request(refused)
        promise.wait()
        gone = goes(promise)
        del promise
        assert gone.wait(PATIENCE)
    assert "nobody looked" in caplog.text


def test_the_pair_outlives_its_promise_and_goes_when_it_is_dropped(server: WebServer) -> None:
    with Http() as http:
        promise = http.request(server.url("/bytes/3"))
        response, content = promise
        assert (response.status, len(content)) == (200, 3)
        gone = [goes(promise), goes(response), goes(content)]
        del promise
        assert gone[0].wait(PATIENCE)
        assert (response.status, len(content)) == (200, 3)
        del response, content
        assert all(each.wait(PATIENCE) for each in gone)


def test_what_a_callback_keeps_goes_with_it(server: WebServer) -> None:
    class Kept:
        def __call__(self, promise: Promise) -> None:
            promise.response.kept = self

    with Http() as http:
        callback = Kept()
        promise = http.request(server.url(), callback=callback)
        assert promise.response.kept is callback
        gone = goes(callback)
        del callback, promise
        assert gone.wait(PATIENCE)


def test_an_http_goes_when_it_is_dropped(server: WebServer) -> None:
    http = Http()
    http.request(server.url()).result()
    gone = goes(http)
    del http
    assert gone.is_set()


def test_an_http_that_is_closed_keeps_nothing_of_its_work(raw_server: RawServers) -> None:
    http = Http(max_workers=1)
    server = raw_server([head, send(OK)])
    gone = [goes(http.request(server.url())) for _ in range(20)]
    http.close()
    assert all(each.wait(PATIENCE) for each in gone)


def test_ten_thousand_timeouts_leave_nothing_behind(server: WebServer) -> None:
    """A timer that is not needed any more keeps nothing alive."""
    with Http(timeout=1000) as http:
        gone = [goes(http.request(server.url())) for _ in range(100)]
        assert all(each.wait(PATIENCE) for each in gone)


@pytest.mark.parametrize("path", ["/bytes/100000", "/bytes/100000?chunked=1"])
def test_a_body_belongs_to_who_asked_for_it_alone(path: str, server: WebServer) -> None:
    """The Http, which keeps much for the next request, keeps nothing of it."""
    with Http(blocking=True) as http:
        for _ in range(3):
            _, content = http.request(server.url(path))
            mine = bytes(reversed(content))
            assert sys.getrefcount(content) == sys.getrefcount(mine)


def test_a_cancelled_promise_keeps_no_frame(server: WebServer) -> None:
    class Local:
        pass

    def look() -> threading.Event:
        local = Local()
        with pytest.raises(CancelledError):
            promise.result()
        return goes(local)

    with Http() as http:
        promise = http.request(server.gate().url())
        promise.cancel()
        assert look().wait(PATIENCE)
