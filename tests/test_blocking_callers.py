"""Blocking callers: one connection for one caller after another, no thread but the process's own,
and whatever comes between (signals, finalizers, forks, `close`) harms neither caller nor others.

Rule: signals that raise anywhere, forks and descriptors are for programs of their own.
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
from tests.conftest import RawServers, until_one_worker_is_left
from tests.interruption import Interruption
from tests.programs import Program, python, run
from tests.servers.app import pattern
from tests.servers.certificates import Authority
from tests.servers.raw import OK, head, send, until_closed, wait
from tests.servers.seen import PATIENCE, Seen
from tests.servers.web import WebServer
from tests.test_fork import forking
from tests.test_lifetime import close, collect, signal_main, signal_main_when_it_waits, threads
from tests.test_nesting import any_way

pytestmark = pytest.mark.usefixtures("core_runs", "idle_workers_end")


@pytest.fixture(autouse=True)
def others_have_ended(idle_workers_end: None) -> None:
    """Whatever thread there is from now on belongs to the test."""
    until_one_worker_is_left()


@pytest.fixture
def http() -> Iterator[Http]:
    with Http(blocking=True) as http:
        yield http


def ports(server: WebServer) -> set[int]:
    """Of all connections on which a request came."""
    return {received.port for received in server.received}


def works(http: Http, server: WebServer) -> None:
    """It answers, with no more workers to help."""
    before = threads()
    for size in (5, 6):
        assert http.request(server.url(f"/bytes/{size}"))[1] == pattern(0, size)
    assert threads() <= before


# Alone, and not


def lasting_threads() -> list[threading.Thread]:
    """All threads but the log's, which ends when what earlier tests left has been written."""
    return [each for each in threading.enumerate() if each.name != "asynchttp log"]


@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_one_after_another_starts_no_thread_and_uses_one_connection(
    kind: str, authority_file: str, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    before = lasting_threads()
    with Http(blocking=True, ca_certs=authority_file) as http:
        for size in range(20):
            assert http.request(server.url(f"/bytes/{size}"))[1] == pattern(0, size)
            assert lasting_threads() == before
    assert len(ports(server)) == 1


def test_in_another_thread_later_the_connection_is_the_same(http: Http, server: WebServer) -> None:
    for _ in range(3):
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(http.request, server.url("/bytes/5")).result()[1] == pattern(0, 5)
    assert len(ports(server)) == 1
    assert len(threads()) == 1


def test_from_several_threads_all_get_their_own_answers(http: Http, server: WebServer) -> None:
    def ask(number: int) -> bool:
        response, content = http.request(server.url(f"/bytes/{number}"))
        return (response.status, content) == (200, pattern(0, number))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(300)))
    works(http, server)


def test_who_is_alone_waits_for_nobody_who_comes_later(http: Http, server: WebServer) -> None:
    gate = server.gate()
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.request, gate.url("first"))
        gate.arrived.wait_for(1)
        for size in range(10):
            assert http.request(server.url(f"/bytes/{size}"))[1] == pattern(0, size)
        gate.open()
        assert waiting.result()[1] == b"first"
    works(http, server)


def test_others_that_are_queued_meanwhile_come_after_it(server: WebServer) -> None:
    gate = server.gate()
    with Http(max_workers=1, blocking=True) as http, ThreadPoolExecutor(8) as pool:
        first = pool.submit(http.request, gate.url("first"))
        gate.arrived.wait_for(1)
        queued = [pool.submit(http.request, server.url(f"/bytes/{n}")) for n in range(20)]
        gate.open()
        assert first.result()[1] == b"first"
        assert [len(each.result()[1]) for each in queued] == list(range(20))


# In programs

COUNTS = """
def only_one_worker():
    assert [each.name for each in threading.enumerate()] == ["MainThread", "asynchttp worker"]
"""

# Interrupted

CTRL_C = """
url, gate, authority = sys.argv[1:]
http = Http(blocking=True, ca_certs=authority)
http.request(url)
try:
    http.request(gate)
except KeyboardInterrupt:
    say("interrupted")
for size in range(5):
    assert len(http.request(f"{url}{size}")[1]) == size
only_one_worker()
"""


@pytest.mark.parametrize("sent", [None, 2], ids=["before the head", "in the body"])
@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_ctrl_c_while_it_waits_comes_out_of_request(
    kind: str, sent: int | None, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    gate = server.gate()
    arguments = server.url("/bytes/"), gate.url("slow", sent), authority.pem
    with Program(python(COUNTS + CTRL_C, *arguments)) as program:
        gate.arrived.wait_for(1)
        program.signal(signal.SIGINT)
        assert program.line() == "interrupted"
        gate.aborted.wait_for(1)
        program.ended().fine()


@contextmanager
def handling(handler: Callable[[], object]) -> Iterator[None]:
    """Calls `handler` for SIGUSR1."""
    before = signal.signal(signal.SIGUSR1, lambda *_: handler())
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_a_signal_handler_makes_a_request_in_the_middle_of_another(
    http: Http, server: WebServer
) -> None:
    gate = server.gate()
    seen: list[bytes] = []

    def ask_too() -> None:
        seen.extend(http.request(server.url(f"/bytes/{size}"))[1] for size in range(3))
        gate.open()

    def strike() -> None:
        gate.arrived.wait_for(1)
        signal_main()

    with handling(ask_too), ThreadPoolExecutor(1) as pool:
        striking = pool.submit(strike)
        assert http.request(gate.url("outer"))[1] == b"outer"
        striking.result()
    assert seen == [pattern(0, size) for size in range(3)]
    works(http, server)


def test_a_signal_handler_asks_for_the_very_same(server: WebServer, tmp_path: Path) -> None:
    """With a cache it would wait for the answer of what it interrupts."""
    gate = server.gate()
    seen: list[bytes] = []

    def strike() -> None:
        gate.arrived.wait_for(1)
        signal_main_when_it_waits()
        gate.open()

    with (
        Http(str(tmp_path), blocking=True) as http,
        handling(lambda: seen.append(http.request(gate.url("same"))[1])),
        ThreadPoolExecutor(1) as pool,
    ):
        striking = pool.submit(strike)
        assert http.request(gate.url("same"))[1] == b"same"
        striking.result()
    assert seen == [b"same"]


# Closed


def test_close_waits_for_who_waits(server: WebServer) -> None:
    gate = server.gate()
    http = Http(blocking=True)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(http.request, gate.url("answer"))
        gate.arrived.wait_for(1)
        closing = pool.submit(http.close)
        assert not closing.done()
        gate.open()
        assert waiting.result()[1] == b"answer"
        closing.result()
    http.close()
    works(http, server)
    http.close()


def test_close_can_cancel_who_waits(server: WebServer) -> None:
    gate = server.gate()
    http = Http(blocking=True)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(http.request, gate.url())
        gate.arrived.wait_for(1)
        http.close(cancel_futures=True)
        with pytest.raises(CancelledError):
            waiting.result()
    gate.aborted.wait_for(1)
    works(http, server)
    http.close()


@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "dropped"])
def test_its_connection_ends_with_it(is_closed: bool, raw_server: RawServers) -> None:
    server = raw_server([head, send(OK), until_closed])
    http = Http(blocking=True)
    assert http.request(server.url())[1] == b"ok"
    if is_closed:
        http.close()
    del http
    server.closed.wait_for(1)


def test_so_does_that_of_who_waited_when_it_was_closed(raw_server: RawServers) -> None:
    may_answer = threading.Event()
    server = raw_server([head, wait(may_answer), send(OK), until_closed])
    http = Http(blocking=True)
    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(http.request, server.url())
        server.heads.wait_for(1)
        closing = pool.submit(http.close)
        may_answer.set()
        assert waiting.result()[1] == b"ok"
        closing.result()
    server.closed.wait_for(1)


COUNTING = """
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
only_one_worker()
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
def test_no_descriptor_is_left(
    end: str,
    at_last: str,
    server: WebServer,
    tls_server: WebServer,
    refused: str,
    authority: Authority,
) -> None:
    program = COUNTS + COUNTING.replace("END", end).replace("AT_LAST", at_last)
    assert run(program, server.url(), tls_server.url(), refused, authority.pem).fine() == []


# Forked

FORKS = """
url, authority = sys.argv[1:]
shared = Http(blocking=True, ca_certs=authority)
own = [Http(blocking=True, ca_certs=authority) for _ in range(2)]
over = threading.Event()

def check(http):
    for size in (10, 100_000):
        response, content = http.request(f"{url}{size}")
        assert (response.status, len(content)) == (200, size)

def ask(http):
    done = 0
    while not over.is_set():
        check(http)
        done += 1
    return done

def in_child():
    for http in (shared, *own):
        check(http)
        check(http)
    shared.close()

with concurrent.futures.ThreadPoolExecutor(4) as pool:
    asking = [pool.submit(ask, http) for http in (shared, shared, *own)]
    try:
        for _ in range(20):
            join(forked_for_good(in_child))
    finally:
        over.set()
    assert all(each.result() > 0 for each in asking)
for http in (shared, *own):
    check(http)
"""


@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_a_fork_while_others_make_blocking_requests(
    kind: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    assert run(forking(FORKS), server.url("/bytes/"), authority.pem).fine() == []


IDLE_FORK = """
url, authority = sys.argv[1:]
http = Http(blocking=True, ca_certs=authority)
http.request(url)
join(forked(lambda: [http.request(url) for _ in range(3)]))
join(forked(http.close))
join(forked(lambda: None))
http.request(url)
"""


@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_the_parents_idle_connection_survives_a_child(
    kind: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    assert run(forking(IDLE_FORK), server.url(), authority.pem).fine() == []
    parent, *children, last = [received.port for received in server.received]
    assert last == parent
    assert len(children) == 3
    assert len(set(children)) == 1
    assert parent not in children


FORK_IN_HANDLER = """
url, gate, authority = sys.argv[1:]
http = Http(blocking=True, ca_certs=authority)

def handle(*_):
    join(forked_for_good(lambda: http.request(url)))
    say("child ended")

signal.signal(signal.SIGUSR1, handle)
assert http.request(gate)[1] == b"outer"
http.request(url)
"""


@pytest.mark.parametrize("kind", ["server", "tls_h1_server", "tls_server"])
def test_a_fork_by_a_signal_handler_in_the_middle_of_a_request(
    kind: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(kind)
    gate = server.gate()
    arguments = server.url(), gate.url("outer", sent=2), authority.pem
    with Program(python(forking(FORK_IN_HANDLER), *arguments)) as program:
        gate.arrived.wait_for(1)
        program.signal(signal.SIGUSR1)
        assert program.line() == "child ended"
        gate.open()
        program.ended().fine()
    assert not gate.aborted


# Whatever is asked for


def test_with_a_callback(http: Http, server: WebServer) -> None:
    called: list[bytes] = []
    for size in range(5):
        http.request(server.url(f"/bytes/{size}"), callback=lambda p: called.append(p.result()[1]))
        assert called[-1] == pattern(0, size)
    assert len(called) == 5
    assert len(ports(server)) == 1


def test_with_a_callback_that_fails(http: Http, server: WebServer) -> None:
    with pytest.raises(ZeroDivisionError):
        http.request(server.url(), callback=lambda _: 1 / 0)
    works(http, server)


@pytest.mark.parametrize("limit", [1, 2])
def test_within_callbacks_of_the_same_http(limit: int, server: WebServer) -> None:
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


def test_with_a_cache(server: WebServer, tmp_path: Path) -> None:
    fresh = server.url("/status/200?Cache-Control=max-age%3D60")
    with Http(str(tmp_path), blocking=True) as http:
        assert [http.request(fresh)[0].fromcache for _ in range(3)] == [False, True, True]
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(http.request, fresh + "&X=y") for _ in range(12)]
            assert [each.result()[0].status for each in asked] == [200] * 12
    assert len(server.received) == 2


def test_with_another_client(http: Http, server: WebServer) -> None:
    """Each worker has its own."""
    workers = set[int]()

    class Other(httplib2.Http):
        def request(self, *arguments: Any, **named: Any) -> tuple[httplib2.Response, bytes]:
            workers.add(threading.get_ident())
            answer: tuple[httplib2.Response, bytes] = super().request(*arguments, **named)
            return answer

    http.Client = Other
    for size in range(3):
        assert http.request(server.url(f"/bytes/{size}"))[1] == pattern(0, size)
    assert len(ports(server)) == len(workers)


def test_through_redirects_on_one_connection(http: Http, server: WebServer) -> None:
    response, _ = http.request(server.url("/hops/3"))
    assert (response.status, len(server.received)) == (200, 4)
    assert len(ports(server)) == 1
    assert len(threads()) == 1


def test_to_a_name_that_is_looked_up(http: Http, server: WebServer) -> None:
    url = server.url("/bytes/5").replace("127.0.0.1", "127.1")
    for _ in range(3):
        assert http.request(url)[1] == pattern(0, 5)
    assert len(ports(server)) == 1


def test_with_bodies_in_memory_and_in_files(http: Http, server: WebServer) -> None:
    http.request(server.url(), "POST", b"memory")
    with Path(__file__).open("rb") as file:
        http.request(server.url(), "PUT", file)
    assert [each.body for each in server.received] == [b"memory", Path(__file__).read_bytes()]
    works(http, server)


@pytest.mark.parametrize("sent", [None, 2], ids=["before the head", "in the body"])
def test_a_timeout_strikes(sent: int | None, server: WebServer) -> None:
    gate = server.gate()
    with Http(timeout=0.2, blocking=True) as http:
        with pytest.raises(TimeoutError, match="timed out"):
            http.request(gate.url("late", sent))
        gate.aborted.wait_for(1)
        http.timeout = PATIENCE
        works(http, server)


def test_a_timeout_strikes_where_no_connection_is_made(black_hole: str) -> None:
    with Http(timeout=0.2, blocking=True) as http, pytest.raises(TimeoutError):
        http.request(black_hole)


def test_to_a_dead_port(http: Http, server: WebServer, refused: str) -> None:
    for _ in range(3):
        with pytest.raises(ConnectionRefusedError):
            http.request(refused)
        works(http, server)


def test_a_connection_that_the_server_had_closed(http: Http, raw_server: RawServers) -> None:
    server = raw_server([head, send(OK)])
    for _ in range(5):
        assert http.request(server.url())[1] == b"ok"
    assert len(server.heads) == 5


# Finalizers


class Asking:
    """Makes a request when the garbage collector finds it."""

    def __init__(self, http: Http, url: str, seen: list[bytes]) -> None:
        self._http, self._url, self._seen = http, url, seen
        self._self = self

    def __del__(self) -> None:
        self._seen.append(self._http.request(self._url)[1])


@pytest.mark.parametrize("limit", [1, 32])
def test_by_a_finalizer(limit: int, server: WebServer) -> None:
    seen: list[bytes] = []
    with Http(max_workers=limit, blocking=True) as http:
        for _ in range(3):
            Asking(http, server.url("/bytes/5"), seen)
        collect()
        assert seen == [pattern(0, 5)] * 3
        works(http, server)


# What a promise holds goes with it: on the worker that has the dispatcher's role, where nobody else
# has the promise. A finalizer that waits there must not wait for its own thread.


class Late:
    """Calls a function when it goes."""

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def __del__(self) -> None:
        thread = threading.current_thread()
        assert isinstance(thread, Worker)
        assert thread.has_role
        self._function()


def on_the_dispatcher(server: WebServer, function: Callable[[], object]) -> None:
    """Have a finalizer call `function` on the worker that has the dispatcher's role."""
    gate = server.gate()
    vars(Http().request(gate.url()))["late"] = Late(function)
    gate.arrived.wait_for(1)
    gate.open()


def test_by_a_finalizer_on_the_dispatchers_worker(http: Http, server: WebServer) -> None:
    seen = Seen[bytes]()
    for number in range(1, 4):
        on_the_dispatcher(server, lambda: seen.add(http.request(server.url("/bytes/5"))[1]))
        assert seen.wait_for(number) == [pattern(0, 5)] * number
        works(http, server)


@any_way
def test_a_finalizer_on_the_dispatchers_worker_waits_in_any_way(
    server: WebServer, wait: Callable[[Promise], object]
) -> None:
    seen = Seen[int]()

    def ask() -> None:
        promise = mine.request(server.url("/status/404"))
        wait(promise)
        seen.add(promise.response.status)

    with Http() as mine:
        on_the_dispatcher(server, ask)
        assert seen.wait_for(1) == [404]


def test_a_finalizer_on_the_dispatchers_worker_holds_up_nobody(
    http: Http, server: WebServer
) -> None:
    """However long it waits for its own request."""
    gate, seen = server.gate(), Seen[bytes]()
    on_the_dispatcher(server, lambda: seen.add(http.request(gate.url("late"))[1]))
    gate.arrived.wait_for(1)
    for size in range(5):
        assert http.request(server.url(f"/bytes/{size}"))[1] == pattern(0, size)
    assert not seen
    gate.open()
    assert seen.wait_for(1) == [b"late"]


def test_a_finalizer_on_the_dispatchers_worker_waits_for_what_was_answered_with_it(
    server: WebServer, raw_server: RawServers
) -> None:
    """The next dispatcher goes on with the events that the one before had taken."""
    stands, may_go, seen = threading.Event(), threading.Event(), Seen[int]()
    last = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answering = raw_server([head, send(last), until_closed])
    others: list[Promise] = []

    def stand_still() -> None:
        stands.set()
        assert may_go.wait(PATIENCE)

    on_the_dispatcher(server, stand_still)
    assert stands.wait(PATIENCE)
    with Http() as http:
        late = Late(lambda: seen.add(sum(len(each.content) for each in others)))
        vars(http.request(answering.url()))["late"] = late
        del late
        answering.closed.wait_for(1)
        others += [http.request(answering.url()) for _ in range(5)]
        answering.closed.wait_for(6)
        may_go.set()
        assert seen.wait_for(1) == [10]


def test_what_a_finalizer_on_the_dispatchers_worker_asks_for_needs_no_other_event(
    server: WebServer,
) -> None:
    """Nor does it matter that nothing of that Http was to be delivered."""
    called = Seen[Promise]()
    with Http(max_workers=1) as http:
        on_the_dispatcher(server, lambda: http.request("no url", callback=called.add))
        error = called.wait_for(1)[0].exception()
    assert isinstance(error, httplib2.RelativeURIError)


FINALIZERS = """
import gc

class Asking:
    def __init__(self):
        self.itself = self

    def __del__(self):
        seen.append(http.request(url + "3")[1])

url = sys.argv[1]
seen = []
http = Http(blocking=True)
gc.set_threshold(3, 1, 1)  # anywhere
for size in range(100):
    Asking()
    assert len(http.request(f"{url}{size}")[1]) == size
gc.set_threshold(0)
gc.collect()
assert [len(each) for each in seen] == [3] * 100, len(seen)
http.request(url + "1")
"""


def test_by_finalizers_anywhere_in_the_middle_of_others(server: WebServer) -> None:
    assert run(FINALIZERS, server.url("/bytes/")).fine() == []


# Ctrl-C at certain moments, and a request in the middle of one that has the only slot.

STRUCK = """
import faulthandler, gc, random, time
url, authority, kind = sys.argv[1:]
faulthandler.dump_traceback_later(15, exit=True)
sys.unraisablehook = lambda _: None  # what is raised in a finalizer goes nowhere

class Struck({"KeyboardInterrupt": KeyboardInterrupt, "Exception": Exception}[kind]):
    pass

def strike(*_):
    raise Struck

def connections():
    gc.collect()  # tracebacks make cycles
    paths = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum(os.path.lexists(path) and "socket" in os.readlink(path) for path in paths)

def ask(size):
    response, content = http.request(f"{url}{size}")
    assert (response.status, len(content)) == (200, size), (size, response.status, len(content))

chance = random.Random(7)
signal.signal(signal.SIGALRM, strike)
http = Http(blocking=True, ca_certs=authority)
ask(0)
http.close()
assert not connections()
struck, took = 0, 0.001
while struck < 200:
    began = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-6, 2 * took))
        try:
            ask(struck)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Struck:
        struck += 1
    else:
        took = time.monotonic() - began
for size in range(20):
    ask(size)
http.close()
only_one_worker()
assert not connections()
"""


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts what /proc shows")
@pytest.mark.parametrize("kind", ["KeyboardInterrupt", "Exception"])
@pytest.mark.parametrize("protocol", ["server", "tls_h1_server"])
def test_handlers_that_raise_at_any_moment(
    protocol: str, kind: str, authority: Authority, request: pytest.FixtureRequest
) -> None:
    server: WebServer = request.getfixturevalue(protocol)
    assert run(COUNTS + STRUCK, server.url("/bytes/"), authority.pem, kind).fine() == []


EVERY_MOMENT = """
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
    only_one_worker()
    return interruption.came

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
def test_ctrl_c_at_every_moment_of_a_request(
    kind: str, first: bool, blocking: bool, authority: Authority, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue(kind).url("/bytes/5")
    assert run(COUNTS + EVERY_MOMENT, url, authority.pem, first, blocking).fine() == []


def test_ctrl_c_at_every_moment_harms_no_other(server: WebServer) -> None:
    """Another's is queued, and begun by the thread whose request makes room for it."""

    def queue_another() -> Promise:
        gate.arrived.wait_for(1)
        http.blocking = False
        promise = http.request(server.url("/bytes/5"))
        gate.open()
        return promise

    for number in itertools.count(1):
        gate, http = server.gate(), Http(blocking=True, max_workers=1)
        with ThreadPoolExecutor(1) as pool:
            other = pool.submit(queue_another)
            with (interruption := Interruption(number)):
                http.request(gate.url())
            gate.arrived.add("or will never arrive")
            assert other.result().result(PATIENCE)[1] == pattern(0, 5), number
        close(http)
        if not interruption.came:
            break
    assert number > 50


def test_a_signal_handler_makes_a_request_though_there_is_one_slot(server: WebServer) -> None:
    gate = server.gate()

    def strike() -> None:
        gate.arrived.wait_for(1)
        signal_main()
        gate.open()

    seen: list[bytes] = []
    with (
        Http(max_workers=1, blocking=True) as http,
        handling(lambda: seen.append(http.request(server.url("/bytes/5"))[1])),
        ThreadPoolExecutor(1) as pool,
    ):
        striking = pool.submit(strike)
        assert http.request(gate.url("outer"))[1] == b"outer"
        striking.result()
    assert seen == [pattern(0, 5)]
