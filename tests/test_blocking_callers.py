"""Blocking callers: successive callers share one connection, no thread is started beyond the
process's own, and interruptions (signals, finalizers, forks, `close`) harm no request.

Rule: signal handlers that raise anywhere, forks and counted descriptors need separate programs.
"""

import itertools
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httplib2
import pytest

from asynchttp import Http, Promise
from asynchttp.dispatch.workers import Worker
from tests.conftest import RawServerFactory
from tests.forking import with_fork_functions
from tests.garbage import collect_garbage
from tests.interruption import Interruption, assert_close_returns
from tests.programs import Program, python_command, run_python
from tests.servers.app import patterned_bytes
from tests.servers.certificates import Authority
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.raw import OK, read_head, read_until_closed, send, wait_for_event
from tests.servers.web import WebServer
from tests.signals import signal_main_thread, signal_waiting_main_thread
from tests.threads import asynchttp_threads, threads_except_log, wait_until_one_worker_is_left
from tests.ways_of_waiting import each_way_of_waiting

pytestmark = pytest.mark.usefixtures("started_core", "idle_workers_end_soon")


@pytest.fixture(autouse=True)
def only_one_worker_is_left(idle_workers_end_soon: None) -> None:
    """Every thread started from now on belongs to the test."""
    wait_until_one_worker_is_left()


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(blocking=True) as http:
        yield http


def client_ports(server: WebServer) -> set[int]:
    """The client ports of all connections with a request."""
    return {received.port for received in server.received}


def check_usable(http: Http, server: WebServer) -> None:
    """Two requests are answered, without more workers."""
    before = asynchttp_threads()
    for size in (5, 6):
        assert http.request(server.url(f"/bytes/{size}"))[1] == patterned_bytes(0, size)
    assert asynchttp_threads() <= before


# A single caller, and several


@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_sequential_blocking_requests_use_one_connection(
    kind: str, authority_file: str, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    before = threads_except_log()
    with Http(blocking=True, ca_certs=authority_file) as http:
        for size in range(20):
            assert http.request(server.url(f"/bytes/{size}"))[1] == patterned_bytes(0, size)
            assert threads_except_log() == before
    assert len(client_ports(server)) == 1


def test_blocking_caller_reuses_connection_of_ended_thread(http: Http, server: WebServer) -> None:
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(http.request, server.url("/bytes/5")).result()[1] == patterned_bytes(
                0, 5
            )
    assert len(client_ports(server)) == 1
    assert len(asynchttp_threads()) == 1


def test_concurrent_blocking_callers_get_own_answers(http: Http, server: WebServer) -> None:
    def ask(number: int) -> bool:
        response, content = http.request(server.url(f"/bytes/{number}"))
        return (response.status, content) == (200, patterned_bytes(0, number))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(300)))
    check_usable(http, server)


def test_blocking_caller_does_not_delay_later_callers(http: Http, server: WebServer) -> None:
    held = server.hold_answers()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.request, held.url("first"))
        held.arrived.wait_for(1)
        for size in range(10):
            assert http.request(server.url(f"/bytes/{size}"))[1] == patterned_bytes(0, size)
        held.answer_all()
        assert waiting.result()[1] == b"first"
    check_usable(http, server)


def test_queued_blocking_callers_run_after_first(server: WebServer) -> None:
    held = server.hold_answers()
    with Http(max_workers=1, blocking=True) as http, ThreadPoolExecutor(8) as pool:
        first = pool.submit(http.request, held.url("first"))
        held.arrived.wait_for(1)
        queued = [pool.submit(http.request, server.url(f"/bytes/{n}")) for n in range(20)]
        held.answer_all()
        assert first.result()[1] == b"first"
        assert [len(each.result()[1]) for each in queued] == list(range(20))


# Checks for separate programs

ONE_WORKER_CHECK = """
from tests.threads import thread_kind

def assert_one_worker():
    assert [thread_kind(each) for each in threading.enumerate()] == [
        "MainThread",
        "asynchttp worker",
    ]
"""

# Signals

CTRL_C_DURING_REQUEST = """
url, held_url, authority = sys.argv[1:]
http = Http(blocking=True, ca_certs=authority)
http.request(url)
try:
    http.request(held_url)
except KeyboardInterrupt:
    print_line("interrupted")
for size in range(5):
    assert len(http.request(f"{url}{size}")[1]) == size
assert_one_worker()
"""


@pytest.mark.parametrize("sent", [None, 2], ids=["before the head", "in the body"])
@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_ctrl_c_interrupts_waiting_blocking_request(
    kind: str, sent: int | None, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    held = server.hold_answers()
    arguments = server.url("/bytes/"), held.url("slow", sent), authority.pem
    with Program(python_command(ONE_WORKER_CHECK + CTRL_C_DURING_REQUEST, *arguments)) as program:
        held.arrived.wait_for(1)
        program.send_signal(signal.SIGINT)
        assert program.read_line() == "interrupted"
        held.aborted.wait_for(1)
        program.wait_for_end().assert_clean()


@contextmanager
def calling_on_signal(handler: Callable[[], object]) -> Iterator[None]:
    """Let SIGUSR1 call `handler`."""
    before = signal.signal(signal.SIGUSR1, lambda *_: handler())
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_signal_handler_may_request_during_blocking_request(http: Http, server: WebServer) -> None:
    held = server.hold_answers()
    seen: list[bytes] = []

    def request_and_answer_held() -> None:
        seen.extend(http.request(server.url(f"/bytes/{size}"))[1] for size in range(3))
        held.answer_all()

    def signal_main_when_held() -> None:
        held.arrived.wait_for(1)
        signal_main_thread()

    with calling_on_signal(request_and_answer_held), ThreadPoolExecutor(1) as pool:
        signalling = pool.submit(signal_main_when_held)
        assert http.request(held.url("outer"))[1] == b"outer"
        signalling.result()
    assert seen == [patterned_bytes(0, size) for size in range(3)]
    check_usable(http, server)


def test_signal_handler_may_request_same_cached_url(server: WebServer, tmp_path: Path) -> None:
    """With coalescing, the handler would wait for the answer of the interrupted request."""
    held = server.hold_answers()
    seen: list[bytes] = []

    def signal_main_when_held() -> None:
        held.arrived.wait_for(1)
        signal_waiting_main_thread()
        held.answer_all()

    with (
        Http(str(tmp_path), blocking=True) as http,
        calling_on_signal(lambda: seen.append(http.request(held.url("same"))[1])),
        ThreadPoolExecutor(1) as pool,
    ):
        signalling = pool.submit(signal_main_when_held)
        assert http.request(held.url("same"))[1] == b"same"
        signalling.result()
    assert seen == [b"same"]


# Closing


def test_close_waits_for_blocking_caller(server: WebServer) -> None:
    held = server.hold_answers()
    http = Http(blocking=True)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(http.request, held.url("answer"))
        held.arrived.wait_for(1)
        closing = pool.submit(http.close)
        assert not closing.done()
        held.answer_all()
        assert waiting.result()[1] == b"answer"
        closing.result()
    http.close()
    check_usable(http, server)
    http.close()


def test_close_can_cancel_blocking_caller(server: WebServer) -> None:
    held = server.hold_answers()
    http = Http(blocking=True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.request, held.url())
        held.arrived.wait_for(1)
        http.close(cancel_futures=True)
        with pytest.raises(CancelledError):
            waiting.result()
    held.aborted.wait_for(1)
    check_usable(http, server)
    http.close()


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "dropped"])
def test_connection_closes_with_blocking_http(
    is_closed: bool, raw_server: RawServerFactory
) -> None:
    server = raw_server([read_head, send(OK), read_until_closed])
    http = Http(blocking=True)
    assert http.request(server.url())[1] == b"ok"
    if is_closed:
        http.close()
    del http
    server.closed.wait_for(1)


def test_close_during_blocking_request_closes_connection(raw_server: RawServerFactory) -> None:
    may_answer = threading.Event()
    server = raw_server([read_head, wait_for_event(may_answer), send(OK), read_until_closed])
    http = Http(blocking=True)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(http.request, server.url())
        server.heads.wait_for(1)
        closing = pool.submit(http.close)
        may_answer.set()
        assert waiting.result()[1] == b"ok"
        closing.result()
    server.closed.wait_for(1)


DESCRIPTOR_COUNT = """
import gc
plain, tls, refused, authority = sys.argv[1:]

def descriptors():
    return sorted(os.listdir("/proc/self/fd"))

def use():
    http = Http(blocking=True, ca_certs=authority)
    http.request(plain)
    http.request(tls)
    try:
        http.request(refused)
    except ConnectionRefusedError:
        pass
    END

def settle():
    gc.collect()  # tracebacks make cycles
    with Http(blocking=True) as last:  # what was dropped before is closed before
        last.request(plain)

use()
settle()
before = descriptors()
for _ in range(50):
    use()
AT_LAST
assert descriptors() == before, (descriptors(), before)
assert_one_worker()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what /proc shows")
@pytest.mark.parametrize(
    ("end", "at_last"),
    [
        ("http.close()", "gc.collect()"),
        ("http.close(); http.close()", "gc.collect()"),
        ("del http", "settle()"),
    ],
)
def test_blocking_https_leave_no_descriptor(
    end: str,
    at_last: str,
    server: WebServer,
    tls_server: WebServer,
    refused_url: str,
    authority: Authority,
) -> None:
    program = ONE_WORKER_CHECK + DESCRIPTOR_COUNT.replace("END", end).replace("AT_LAST", at_last)
    assert (
        run_python(
            program, server.url(), tls_server.url(), refused_url, authority.pem
        ).assert_clean()
        == []
    )


# Forking

FORKS_DURING_REQUESTS = """
url, authority = sys.argv[1:]
shared = Http(blocking=True, ca_certs=authority)
own = [Http(blocking=True, ca_certs=authority) for _ in range(2)]
over = threading.Event()

def check_http(http):
    for size in (10, 100_000):
        response, content = http.request(f"{url}{size}")
        assert (response.status, len(content)) == (200, size)

def ask(http):
    done = 0
    while not over.is_set():
        check_http(http)
        done += 1
    return done

def in_child():
    for http in (shared, *own):
        check_http(http)
        check_http(http)
    shared.close()

with concurrent.futures.ThreadPoolExecutor(4) as pool:
    asking = [pool.submit(ask, http) for http in (shared, shared, *own)]
    try:
        for _ in range(20):
            join_child(fork_child_from_thread(in_child))
    finally:
        over.set()
    assert all(each.result() > 0 for each in asking)
for http in (shared, *own):
    check_http(http)
"""


@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_fork_during_blocking_requests_works(
    kind: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    program = with_fork_functions(FORKS_DURING_REQUESTS)
    assert run_python(program, server.url("/bytes/"), authority.pem).assert_clean() == []


FORK_IN_HANDLER = """
url, held_url, authority = sys.argv[1:]
http = Http(blocking=True, ca_certs=authority)

def handle(*_):
    join_child(fork_child_from_thread(lambda: http.request(url)))
    print_line("child ended")

signal.signal(signal.SIGUSR1, handle)
assert http.request(held_url)[1] == b"outer"
http.request(url)
"""


@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_signal_handler_may_fork_during_blocking_request(
    kind: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    held = server.hold_answers()
    arguments = server.url(), held.url("outer", sent=2), authority.pem
    with Program(python_command(with_fork_functions(FORK_IN_HANDLER), *arguments)) as program:
        held.arrived.wait_for(1)
        program.send_signal(signal.SIGUSR1)
        assert program.read_line() == "child ended"
        held.answer_all()
        program.wait_for_end().assert_clean()
    assert not held.aborted


# Kinds of requests


def test_blocking_request_returns_after_its_callback(http: Http, server: WebServer) -> None:
    called: list[bytes] = []
    for size in range(5):
        http.request(server.url(f"/bytes/{size}"), callback=lambda p: called.append(p.result()[1]))
        assert called[-1] == patterned_bytes(0, size)
    assert len(called) == 5
    assert len(client_ports(server)) == 1


def test_blocking_request_raises_error_of_callback(http: Http, server: WebServer) -> None:
    with pytest.raises(ZeroDivisionError):
        http.request(server.url(), callback=lambda _: 1 / 0)
    check_usable(http, server)


@pytest.mark.parametrize("limit", [1, 2])
def test_callbacks_may_make_blocking_requests(limit: int, server: WebServer) -> None:
    def ask_deeper(left: int) -> Callable[[Promise], object]:
        def call_back(_: Promise) -> None:
            sizes.append(len(http.request(server.url(f"/bytes/{left}"))[1]))
            if left:
                http.request(server.url(), callback=ask_deeper(left - 1))

        return call_back

    sizes: list[int] = []
    with Http(max_workers=limit, blocking=True) as http:
        http.request(server.url(), callback=ask_deeper(3))
        assert sizes == [3, 2, 1, 0]
        assert len(http.submit(http.request, server.url("/bytes/5")).result(PATIENCE)[1]) == 5


def test_blocking_requests_use_the_cache(server: WebServer, tmp_path: Path) -> None:
    fresh = server.url("/status/200?Cache-Control=max-age%3D60")
    with Http(str(tmp_path), blocking=True) as http:
        assert [http.request(fresh)[0].fromcache for _ in range(3)] == [False, True, True]
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(http.request, fresh + "&X=y") for _ in range(12)]
            assert [each.result()[0].status for each in asked] == [200] * 12
    assert len(server.received) == 2


def test_blocking_request_uses_replaced_client(http: Http, server: WebServer) -> None:
    """Each worker makes a client."""
    workers = set[int]()

    class Other(httplib2.Http):
        def request(self, *arguments: Any, **named: Any) -> tuple[httplib2.Response, bytes]:
            workers.add(threading.get_ident())
            answer: tuple[httplib2.Response, bytes] = super().request(*arguments, **named)
            return answer

    http.Client = Other
    for size in range(3):
        assert http.request(server.url(f"/bytes/{size}"))[1] == patterned_bytes(0, size)
    assert len(client_ports(server)) == len(workers)


def test_redirected_blocking_request_uses_one_connection(http: Http, server: WebServer) -> None:
    response, _ = http.request(server.url("/hops/3"))
    assert (response.status, len(server.received)) == (200, 4)
    assert len(client_ports(server)) == 1
    assert len(asynchttp_threads()) == 1


def test_blocking_request_resolves_host_name(http: Http, server: WebServer) -> None:
    url = server.url("/bytes/5").replace("127.0.0.1", "127.1")
    for _ in range(3):
        assert http.request(url)[1] == patterned_bytes(0, 5)
    assert len(client_ports(server)) == 1


def test_blocking_request_sends_bytes_and_files(http: Http, server: WebServer) -> None:
    http.request(server.url(), "POST", b"memory")
    with Path(__file__).open("rb") as file:
        http.request(server.url(), "PUT", file)
    assert [each.body for each in server.received] == [b"memory", Path(__file__).read_bytes()]
    check_usable(http, server)


@pytest.mark.parametrize("sent", [None, 2], ids=["before the head", "in the body"])
def test_blocking_request_times_out_during_answer(sent: int | None, server: WebServer) -> None:
    held = server.hold_answers()
    with Http(timeout=0.2, blocking=True) as http:
        with pytest.raises(TimeoutError, match="timed out"):
            http.request(held.url("late", sent))
        held.aborted.wait_for(1)
        http.timeout = PATIENCE
        check_usable(http, server)


def test_blocking_request_times_out_while_connecting(black_hole_url: str) -> None:
    with Http(timeout=0.2, blocking=True) as http, pytest.raises(TimeoutError):
        http.request(black_hole_url)


def test_blocking_request_to_dead_port_is_refused(
    http: Http, server: WebServer, refused_url: str
) -> None:
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            http.request(refused_url)
        check_usable(http, server)


def test_blocking_request_replaces_closed_connection(
    http: Http, raw_server: RawServerFactory
) -> None:
    server = raw_server([read_head, send(OK)])
    for _ in range(5):
        assert http.request(server.url())[1] == b"ok"
    assert len(server.heads) == 5


# Finalizers


class RequestingGarbage:
    """Makes a blocking request in its finalizer; only the garbage collector can find the cycle."""

    def __init__(self, http: Http, url: str, seen: list[bytes]) -> None:
        self._http, self._url, self._seen = http, url, seen
        self._self = self

    def __del__(self) -> None:
        self._seen.append(self._http.request(self._url)[1])


@pytest.mark.parametrize("limit", [1, 32])
def test_finalizer_may_make_blocking_request(limit: int, server: WebServer) -> None:
    seen: list[bytes] = []
    with Http(max_workers=limit, blocking=True) as http:
        for _ in range(3):
            RequestingGarbage(http, server.url("/bytes/5"), seen)
        collect_garbage()
        assert seen == [patterned_bytes(0, 5)] * 3
        check_usable(http, server)


# Attributes of a promise are dropped with the promise: on the worker with the dispatcher's role, if
# no caller holds the promise. A finalizer waiting there must not wait for its own thread.


class CallOnDispatcher:
    """Calls a function when finalized, on the worker with the dispatcher's role."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __del__(self) -> None:
        thread = threading.current_thread()
        assert isinstance(thread, Worker)
        assert thread.has_role
        self._function()


def finalize_on_dispatcher(server: WebServer, function: Callable[[], object]) -> None:
    """Have a finalizer call `function` on the worker with the dispatcher's role."""
    held = server.hold_answers()
    vars(Http().request(held.url()))["late"] = CallOnDispatcher(function)
    held.arrived.wait_for(1)
    held.answer_all()


def test_finalizer_on_dispatcher_may_make_blocking_requests(http: Http, server: WebServer) -> None:
    seen = EventLog[bytes]()
    for number in range(1, 4):
        finalize_on_dispatcher(server, lambda: seen.add(http.request(server.url("/bytes/5"))[1]))
        assert seen.wait_for(number) == [patterned_bytes(0, 5)] * number
        check_usable(http, server)


@each_way_of_waiting
def test_finalizer_on_dispatcher_may_wait_for_promise(
    server: WebServer, wait: Callable[[Promise], object]
) -> None:
    seen = EventLog[int]()

    def ask() -> None:
        promise = mine.request(server.url("/status/404"))
        wait(promise)
        seen.add(promise.response.status)

    with Http() as mine:
        finalize_on_dispatcher(server, ask)
        assert seen.wait_for(1) == [404]


def test_waiting_finalizer_on_dispatcher_delays_no_request(http: Http, server: WebServer) -> None:
    """However long the finalizer waits for its own request."""
    held, seen = server.hold_answers(), EventLog[bytes]()
    finalize_on_dispatcher(server, lambda: seen.add(http.request(held.url("late"))[1]))
    held.arrived.wait_for(1)
    for size in range(5):
        assert http.request(server.url(f"/bytes/{size}"))[1] == patterned_bytes(0, size)
    assert not seen
    held.answer_all()
    assert seen.wait_for(1) == [b"late"]


def test_finalizer_on_dispatcher_may_wait_for_same_batch(
    server: WebServer, raw_server: RawServerFactory
) -> None:
    """The next dispatcher handles the events already fetched by the previous dispatcher."""
    stands, may_go, seen = threading.Event(), threading.Event(), EventLog[int]()
    last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answering = raw_server([read_head, send(last), read_until_closed])
    others: list[Promise] = []

    def occupy_dispatcher() -> None:
        stands.set()
        assert may_go.wait(PATIENCE)

    finalize_on_dispatcher(server, occupy_dispatcher)
    assert stands.wait(PATIENCE)
    with Http() as http:
        late = CallOnDispatcher(lambda: seen.add(sum(len(each.content) for each in others)))
        vars(http.request(answering.url()))["late"] = late
        del late
        answering.closed.wait_for(1)
        others += [http.request(answering.url()) for _ in range(5)]
        answering.closed.wait_for(6)
        may_go.set()
        assert seen.wait_for(1) == [10]


def test_request_of_finalizer_on_dispatcher_needs_no_event(
    server: WebServer,
) -> None:
    """The core had no event of the finalizer's Http to deliver."""
    called = EventLog[Promise]()
    with Http(max_workers=1) as http:
        finalize_on_dispatcher(server, lambda: http.request("no url", callback=called.add))
        error = called.wait_for(1)[0].exception()
    assert isinstance(error, httplib2.RelativeURIError)


REQUESTING_FINALIZERS = """
import gc

class RequestsInFinalizer:
    def __init__(self):
        self.itself = self

    def __del__(self):
        seen.append(http.request(url + "3")[1])

url = sys.argv[1]
seen = []
http = Http(blocking=True)
gc.set_threshold(3, 1, 1)  # anywhere
for size in range(100):
    RequestsInFinalizer()
    assert len(http.request(f"{url}{size}")[1]) == size
gc.set_threshold(0)
gc.collect()
assert [len(each) for each in seen] == [3] * 100, len(seen)
http.request(url + "1")
"""


def test_finalizers_may_interrupt_blocking_requests_anywhere(server: WebServer) -> None:
    assert run_python(REQUESTING_FINALIZERS, server.url("/bytes/")).assert_clean() == []


# Interruptions at certain moments, and a request during a request with the only slot

RAISING_HANDLER = """
import faulthandler, gc, random, time
url, authority, kind = sys.argv[1:]
faulthandler.dump_traceback_later(15, exit=True)
sys.unraisablehook = lambda _: None  # what is raised in a finalizer goes nowhere

class RaisedByHandler({"KeyboardInterrupt": KeyboardInterrupt, "Exception": Exception}[kind]):
    pass

def raise_in_handler(*_):
    raise RaisedByHandler

def connections():
    gc.collect()  # tracebacks make cycles
    paths = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum(os.path.lexists(path) and "socket" in os.readlink(path) for path in paths)

def ask(size):
    response, content = http.request(f"{url}{size}")
    assert (response.status, len(content)) == (200, size), (size, response.status, len(content))

chance = random.Random(7)
signal.signal(signal.SIGALRM, raise_in_handler)
http = Http(blocking=True, ca_certs=authority)
ask(0)
http.close()
assert not connections()
interrupted, took = 0, 0.001
while interrupted < 200:
    began = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 2 * took))
        try:
            ask(interrupted)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except RaisedByHandler:
        interrupted += 1
    else:
        took = time.monotonic() - began
for size in range(20):
    ask(size)
http.close()
assert_one_worker()
assert not connections()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what /proc shows")
@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "Exception"])
@pytest.mark.parametrize("protocol", ["server", "tls_h1_server"])
def test_handler_raising_at_random_moments_loses_nothing(
    protocol: str, kind: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(protocol)
    assert (
        run_python(
            ONE_WORKER_CHECK + RAISING_HANDLER, server.url("/bytes/"), authority.pem, kind
        ).assert_clean()
        == []
    )


CTRL_C_AT_EVERY_MOMENT = """
import gc, itertools
from asynchttp.promise.callback_scope import current_scope
from tests.interruption import Interruption
url, authority, first, blocking = sys.argv[1:]

def ask():
    response, content = http.request(url)
    assert (response.status, content) == (200, bytes(range(5))), content

def use(number):
    signal.alarm(20)  # for each: there are some hundred
    if first == "False":
        ask()
    with (interruption := Interruption(number)):
        ask()
    assert current_scope() is None, number
    ask()
    http.close()
    assert_one_worker()
    return interruption.was_raised

def count():
    return len(os.listdir("/proc/self/fd"))

http = Http(blocking=blocking == "True", max_workers=1, ca_certs=authority)
use(0)
before = count()
for number in itertools.count(1):
    came = use(number)
    if count() != before:
        gc.collect()  # tracebacks make cycles
        assert count() == before, number
    if not came:
        break
assert number > 50, number
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what /proc shows")
@pytest.mark.parametrize("blocking", [False, True])
@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("kind", ["server", "tls_h1_server"])
def test_ctrl_c_at_every_moment_loses_nothing(
    kind: str, first: bool, blocking: bool, authority: Authority, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(kind).url("/bytes/5")
    assert (
        run_python(
            ONE_WORKER_CHECK + CTRL_C_AT_EVERY_MOMENT, url, authority.pem, first, blocking
        ).assert_clean()
        == []
    )


def test_ctrl_c_at_every_moment_spares_queued_request(server: WebServer) -> None:
    """The queued request begins when the interrupted request frees the slot."""

    def queue_another() -> Promise:
        held.arrived.wait_for(1)
        http.blocking = False
        promise = http.request(server.url("/bytes/5"))
        held.answer_all()
        return promise

    for number in itertools.count(1):
        held, http = server.hold_answers(), Http(blocking=True, max_workers=1)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(queue_another)
            with (interruption := Interruption(number)):
                http.request(held.url())
            held.arrived.add("or will never arrive")
            assert other.result().result(PATIENCE)[1] == patterned_bytes(0, 5), number
        assert_close_returns(http)
        if not interruption.was_raised:
            break
    assert number > 50


def test_signal_handler_may_request_with_single_slot(server: WebServer) -> None:
    held = server.hold_answers()

    def signal_main_when_held() -> None:
        held.arrived.wait_for(1)
        signal_main_thread()
        held.answer_all()

    seen: list[bytes] = []
    with (
        Http(max_workers=1, blocking=True) as http,
        calling_on_signal(lambda: seen.append(http.request(server.url("/bytes/5"))[1])),
        ThreadPoolExecutor(1) as pool,
    ):
        signalling = pool.submit(signal_main_when_held)
        assert http.request(held.url("outer"))[1] == b"outer"
        signalling.result()
    assert seen == [patterned_bytes(0, 5)]
