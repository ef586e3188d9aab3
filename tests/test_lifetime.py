"""Start and end of an Http within a program: `close`, `with`, and being dropped.

`close` finishes pending requests, or cancels the requests if called to. Afterwards no connection is
left, and the Http works again. Any code may close an Http. Threads belong to the process, not to an
Http: idle workers end after a while, except the last worker.
"""

import concurrent.futures
import gc
import itertools
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import suppress
from types import FrameType

import pytest

from asynchttp import Http, Promise
from asynchttp.dispatch.dispatcher import Dispatcher
from asynchttp.promise.future import LeanFuture, state_lock
from tests.conftest import RawServerFactory
from tests.garbage import collect_garbage
from tests.interruption import Interruption, assert_close_returns
from tests.programs import run_python
from tests.scripted import HOST, ScriptedServer
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.raw import OK, read_head, read_until_closed, send, wait_for_event
from tests.servers.web import WebServer
from tests.signals import signal_waiting_main_thread
from tests.threads import (
    asynchttp_threads,
    thread_kind,
    threads_except_log,
    wait_until_one_worker_is_left,
    worker_threads,
)

pytestmark = pytest.mark.usefixtures("started_core", "idle_workers_end_soon")

ROUNDS = 200


@pytest.fixture(autouse=True)
def only_one_worker_is_left(idle_workers_end_soon: None) -> Iterator[None]:
    """After every test, all threads end, except a single worker."""
    others = asynchttp_threads() - worker_threads()
    yield
    wait_until_one_worker_is_left()
    for thread in asynchttp_threads() - worker_threads() - others:
        thread.join(PATIENCE)
        assert not thread.is_alive(), thread.name


# Closing


def test_close_waits_for_pending_and_following_requests(scripted: ScriptedServer) -> None:
    http = scripted.http(max_workers=2)
    called: list[str] = []

    def call_back(promise: Promise) -> None:
        called.append(promise.request.uri)
        http.request(HOST + "/late", callback=lambda promise: called.append("late"))

    promises = [http.request(f"{HOST}/{number}") for number in range(5)]
    promises.append(http.request(HOST + "/last", callback=call_back))
    followed = promises[-1].then(lambda response, content: called.append("followed"))
    with ThreadPoolExecutor(1) as thread:
        closing = thread.submit(http.close)
        for number in range(7):
            assert scripted.arrived.wait_for(number + 1)
            assert not closing.done()
            scripted.waiting[0].answer()
        closing.result(PATIENCE)
    assert all(promise.done() for promise in promises)
    assert followed.done()
    assert sorted(called) == ["followed", HOST + "/last", "late"]


def test_close_can_cancel_pending_requests(server: WebServer) -> None:
    held = server.hold_answers()
    http = Http(max_workers=2)
    called: list[Promise] = []
    promises = [http.request(held.url(str(n)), callback=called.append) for n in range(6)]
    held.arrived.wait_for(2)
    http.close(cancel_futures=True)
    assert all(promise.cancelled() for promise in promises)
    assert called == []
    with pytest.raises(CancelledError):
        promises[0].result()
    held.aborted.wait_for(2)
    assert len(server.received) == 2


def test_cancelling_close_waits_for_running_callback(
    scripted: ScriptedServer,
) -> None:
    runs, may_end, ended = threading.Event(), threading.Event(), threading.Event()

    def call_back(_: Promise) -> None:
        runs.set()
        assert may_end.wait(PATIENCE)
        ended.set()

    http = scripted.http(max_workers=1)
    running = http.request(HOST, callback=call_back)
    queued = http.request(HOST)
    scripted.wait_for_transfer().answer()
    assert runs.wait(PATIENCE)
    queued.add_done_callback(lambda _: may_end.set())
    http.close(cancel_futures=True)
    assert ended.is_set()
    assert queued.cancelled()
    assert running.response.status == 200


def test_idle_workers_end_except_last_worker(server: WebServer, tls_server: WebServer) -> None:
    http = Http(disable_ssl_certificate_validation=True, max_workers=4)
    ran = EventLog[threading.Thread]()
    for url in (server.url(), tls_server.url(), server.url("/coded/gzip?zeros=1000000")):
        for _ in range(8):
            http.request(url, callback=lambda _: ran.add(threading.current_thread()))
            http.request(url).then(lambda *_: ran.add(threading.current_thread()))
    http.close()
    assert len(ran) == 48
    assert {thread_kind(each) for each in ran} == {"asynchttp worker"}
    wait_until_one_worker_is_left()
    [last] = worker_threads()
    assert last.is_alive()
    assert [each for each in threading.enumerate() if thread_kind(each) == thread_kind(last)] == [
        last
    ]


def test_all_https_share_same_workers(server: WebServer) -> None:
    wait_until_one_worker_is_left()
    before = threads_except_log()
    https = [Http() for _ in range(10)]
    for http in https:
        assert http.request(server.url()).response.status == 200
        assert threads_except_log() == before
    for http in https:
        http.close()
    assert threads_except_log() == before


def test_close_closes_idle_connections(raw_server: RawServerFactory) -> None:
    server = raw_server([read_head, send(OK), read_until_closed])
    http = Http()
    assert http.request(server.url()).response.status == 200
    http.close()
    server.closed.wait_for(1)


def test_closed_http_can_be_used_again(server: WebServer) -> None:
    http = Http()
    for _ in range(3):
        assert http.request(server.url()).response.status == 200
        http.close()


def test_close_without_requests_does_nothing(server: WebServer) -> None:
    http = Http()
    http.close()
    http.request(server.url()).result()
    http.close()
    http.close()
    http.close(cancel_futures=True)


def test_with_statement_closes_at_end(server: WebServer) -> None:
    with Http(max_workers=1) as http:
        promises = [http.request(server.url()) for _ in range(5)]
    assert all(promise.done() for promise in promises)


def test_with_statement_closes_after_exception(server: WebServer) -> None:
    http = Http()

    def fail() -> None:
        with http:
            http.request(server.url(), callback=promises.append)
            raise LookupError

    promises: list[Promise] = []
    with pytest.raises(LookupError):
        fail()
    assert promises[0].done()


# Closing from anywhere


def test_close_in_own_callback_does_not_hang(server: WebServer) -> None:
    http = Http(max_workers=2)
    closing = [http.request(server.url(), callback=lambda _: http.close()) for _ in range(5)]
    assert all(promise.response.status == 200 for promise in closing)


def test_close_in_callback_can_cancel_other_requests(scripted: ScriptedServer) -> None:
    http = scripted.http(max_workers=2)
    others = [http.request(HOST)]
    closing = http.request(HOST, callback=lambda _: http.close(cancel_futures=True))
    others += [http.request(HOST) for _ in range(5)]
    scripted.wait_for_transfers(2)[1].answer()
    assert closing.response.status == 200
    concurrent.futures.wait(others, PATIENCE)
    assert all(promise.cancelled() for promise in others)
    http.close()
    assert (http.pending, len(scripted.arrived)) == (0, 2)


def test_close_in_callback_of_other_http_waits(server: WebServer) -> None:
    other = Http()
    seen: list[bool] = []

    def call_back(_: Promise) -> None:
        promise = other.request(server.url())
        other.close()
        seen.append(promise.done())

    with Http() as http:
        http.request(server.url(), callback=call_back).result()
    assert seen == [True]


@pytest.mark.parametrize("is_done", [False, True], ids=["callback", "done-callback"])
def test_close_in_callback_lends_slot_to_pending_requests(server: WebServer, is_done: bool) -> None:
    http, other = Http(max_workers=1), Http()
    closing = threading.Event()
    asked: list[Promise] = []

    def ask(_: object) -> None:
        closing.wait(PATIENCE)  # the only slot of `http` is taken
        asked.append(http.request(server.url()))
        assert asked[0].response.status == 200

    def close(_: Promise) -> None:
        closing.set()
        other.close()

    pending = other.request(server.url(), callback=None if is_done else ask)
    if is_done:
        pending.add_done_callback(ask)
    try:
        assert http.request(server.url(), callback=close).wait(PATIENCE)
        assert asked[0].response.status == 200
    finally:
        for promise in asked:
            promise.cancel()


def test_close_in_then_or_done_callback_does_not_hang(server: WebServer) -> None:
    http = Http()
    promise = http.request(server.url())
    closed = threading.Event()
    promise.then(lambda response, content: http.close()).result()
    promise = http.request(server.url())
    promise.add_done_callback(lambda _: (http.close(), closed.set()))
    assert closed.wait(PATIENCE)


def test_close_in_many_threads_at_once_works(server: WebServer) -> None:
    http = Http()
    for _ in range(20):
        promises = [http.request(server.url(), callback=lambda p: p.response) for _ in range(10)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: http.close(), range(4)))
        assert all(promise.done() for promise in promises)


@pytest.mark.parametrize("threads", [2, 50])
@pytest.mark.parametrize("cancel_futures", [False, True])
def test_close_returns_while_other_threads_make_requests(
    server: WebServer, cancel_futures: bool, threads: int
) -> None:
    """Each close returns, though requests never cease."""
    http = Http(max_workers=8)
    over, statuses = threading.Event(), EventLog[int]()

    def make_requests() -> None:
        while not over.is_set():
            promise = http.request(server.url(), callback=lambda p: p.response)
            with suppress(CancelledError):
                statuses.add(promise.response.status)

    with ThreadPoolExecutor(threads) as pool:
        users = [pool.submit(make_requests) for _ in range(threads)]
        statuses.wait_for(threads)
        for _ in range(10):
            http.close(cancel_futures)
        over.set()
        for user in users:
            user.result()
    assert set(statuses) == {200}
    http.close()


def test_close_waits_only_for_what_was_pending(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that another thread makes while `close` waits is not disturbed."""
    held = server.hold_answers()
    later: list[Promise] = []

    def make_later_request(account: Dispatcher, wait: Callable[[float], bool]) -> None:
        if not later:
            later.append(http.request(held.url("later")))
            held.arrived.wait_for(1)
        wait_until(account, wait)

    wait_until = Dispatcher._wait_until
    monkeypatch.setattr(Dispatcher, "_wait_until", make_later_request)
    http = Http()
    pending = [http.request(server.url("/slow?head=0.2"), callback=lambda p: p.response)]
    http.close()
    assert (pending[0].done(), later[0].done()) == (True, False)
    held.answer_all()
    assert later[0].result(PATIENCE)[1] == b"later"


def test_close_in_signal_handler_finishes_requests(server: WebServer) -> None:
    http = Http()
    seen: list[bool] = []

    def close(*_: object) -> None:
        http.close()
        seen.append(promise.done())

    before = signal.signal(signal.SIGUSR1, close)
    try:
        for _ in range(20):
            promise = http.request(server.url(), callback=lambda p: p.response)
            signal.raise_signal(signal.SIGUSR1)
            assert http.request(server.url()).response.status == 200
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [True] * 20
    http.close()


class ClosingGarbage:
    """Closes an Http in its finalizer; only the garbage collector can find the cycle."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._self = self

    def __del__(self) -> None:
        self._http.close()


@pytest.fixture
def frequent_collections() -> Iterator[None]:
    """The garbage collector runs all the time, in every thread."""
    before = gc.get_threshold()
    gc.set_threshold(3, 1, 1)
    yield
    gc.set_threshold(*before)
    collect_garbage()


def test_close_in_finalizer_does_not_wait(server: WebServer) -> None:
    """The interrupted thread may be needed for the answers."""
    held = server.hold_answers()
    http = Http()
    promise = http.request(held.url("late"))
    held.arrived.wait_for(1)
    ClosingGarbage(http)
    collect_garbage()
    assert not promise.done()
    held.answer_all()
    assert promise.result()[1] == b"late"


def test_close_with_lock_of_asynchttp_does_not_wait(scripted: ScriptedServer) -> None:
    """A finalizer or a signal handler may run while the thread has a lock that workers need."""
    http = scripted.http()
    promise = http.request(HOST)
    transfer = scripted.wait_for_transfer()
    with state_lock:
        http.close()
    assert not promise.done()
    transfer.answer(content=b"late")
    assert promise.result()[1] == b"late"


@pytest.mark.usefixtures("frequent_collections")
def test_close_in_finalizers_anywhere_harms_no_request(server: WebServer) -> None:
    http = Http(max_workers=4)
    for _ in range(ROUNDS):
        ClosingGarbage(http)
        promise = http.request(server.url(), callback=lambda p: ClosingGarbage(http) and p.response)
        assert promise.response.status == 200
        assert http.request(server.url("/status/404")).response["status"] == "404"
    http.close()


@pytest.mark.usefixtures("frequent_collections")
def test_http_in_collected_cycle_finishes_requests(server: WebServer) -> None:
    for _ in range(ROUNDS):
        http = Http()
        vars(http)["itself"] = http
        promise = http.request(server.url(), callback=lambda p: p.response)
        del http
        assert promise.response.status == 200


def test_close_in_signal_handler_during_wait_finishes_request(server: WebServer) -> None:
    held = server.hold_answers()
    http = Http()
    seen: list[bool] = []

    def close(*_: object) -> None:
        held.answer_all()
        http.close()
        seen.append(waiting.done())

    before = signal.signal(signal.SIGUSR1, close)
    try:
        waiting = http.request(held.url())
        threading.Thread(target=signal_waiting_main_thread).start()
        assert waiting.response.status == 200
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == [True]


def test_close_in_signal_handler_before_wait_finishes_request(server: WebServer) -> None:
    held = server.hold_answers()
    http = Http()
    seen: list[bool] = []

    def close(*_: object) -> None:
        sys.setprofile(None)
        held.answer_all()
        http.close()
        seen.append(waiting.done())

    def signal_before_wait(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code is LeanFuture._wait_once.__code__:
            signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, close)
    try:
        waiting = http.request(held.url())
        sys.setprofile(signal_before_wait)
        assert waiting.response.status == 200
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGUSR1, before)
    assert seen == [True]


CTRL_C_DURING_COLLECTION = """
    import ctypes, functools, gc

    class SignalsInFinalizer:  # in C, since Python code would run the handler at once
        __del__ = staticmethod(functools.partial(ctypes.CDLL(None)["raise"], signal.SIGINT))

    def collect_signalling_garbage():
        garbage = SignalsInFinalizer()
        garbage.itself = garbage
        del garbage
        gc.collect()

    try:
        collect_signalling_garbage()
        print_line("not interrupted")
    except KeyboardInterrupt:
        print_line("interrupted")
"""


def test_ctrl_c_during_garbage_collection_is_raised() -> None:
    assert run_python(CTRL_C_DURING_COLLECTION).assert_clean() == ["interrupted"]


def test_with_statement_of_subclass_waits(server: WebServer) -> None:
    class Mine(Http):
        def close(self, cancel_futures: bool = False) -> None:
            super().close(cancel_futures)

    with Mine() as http:
        promise = http.request(server.url())
    assert promise.done()


# Interruptions


@pytest.mark.parametrize("callback", [None, lambda promise: promise.response])
def test_ctrl_c_at_any_moment_harms_no_other_request(
    callback: Callable[[Promise], object] | None, server: WebServer
) -> None:
    http = Http(max_workers=1)
    for number in itertools.count(1):
        http.request(server.url()).result(PATIENCE)  # a worker exists from here on
        with (interruption := Interruption(number)):
            http.request(server.url(), callback=callback)
        assert http.request(server.url()).wait(PATIENCE), number
        assert_close_returns(http)
        if not interruption.was_raised:
            break
    assert number > 30


FIRST_REQUEST = """
import itertools
from tests.interruption import Interruption
from tests.threads import thread_kind

def use(number):
    http = Http()
    with (interruption := Interruption(number)):
        http.request(sys.argv[1])
    assert http.request(sys.argv[1]).wait(10), number
    http.close()
    assert {thread_kind(each) for each in threading.enumerate()} == {
        "MainThread",
        "asynchttp worker",
    }
    return interruption.was_raised

Http().request(sys.argv[1]).wait()  # slow one-time work
for number in itertools.count(1):
    if not (pid := os.fork()):  # a child has no worker yet, and no core
        signal.alarm(20)
        os._exit(0 if use(number) else 7)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 7:
        break
    assert status == 0, (status, number)
    signal.alarm(20)
assert number > 50
"""


def test_ctrl_c_during_first_request_is_harmless(server: WebServer) -> None:
    """The first request starts the first worker."""
    assert run_python(FIRST_REQUEST, server.url()).assert_clean() == []


# Dropping


def test_http_dropped_at_once_still_answers(server: WebServer) -> None:
    assert Http().request(server.url()).response.status == 200


WAYS_TO_USE_HTTP: dict[str, Callable[[Http, str], object]] = {
    "nothing": lambda http, url: None,
    "request": lambda http, url: http.request(url),
    "result": lambda http, url: http.request(url).result(),
    "callback": lambda http, url: http.request(url, callback=lambda p: p.response).result(),
    "failing callback": lambda http, url: http.request(url, callback=lambda p: 1 / 0).wait(),
    "then": lambda http, url: http.request(url).then(lambda *_: None).result(),
    "wait": lambda http, url: concurrent.futures.wait([http.request(url)], PATIENCE),
    "refused": lambda http, url: http.request("http://127.0.0.1:1/").exception(),
    "no URL": lambda http, url: http.request("no url").exception(),
    "cancel": lambda http, url: http.request(url).cancel(),
}


@pytest.mark.parametrize("use", WAYS_TO_USE_HTTP.values(), ids=WAYS_TO_USE_HTTP)
def test_dropped_http_leaves_no_thread(
    use: Callable[[Http, str], object], server: WebServer
) -> None:
    use(Http(), server.url())  # the fixture checks the threads


def test_then_on_promise_of_dropped_http_works(server: WebServer) -> None:
    promise = Http().request(server.url())
    promise.result()
    wait_until_one_worker_is_left()
    assert promise.then(lambda response, content: response.status).result() == 200


def test_dropped_http_finishes_queued_requests(server: WebServer) -> None:
    held = server.hold_answers()
    http = Http(max_workers=2)
    promises = [http.request(held.url()) for _ in range(10)]
    held.arrived.wait_for(2)
    del http
    held.answer_all()
    assert not concurrent.futures.wait(promises, PATIENCE).not_done


def test_dropped_http_closes_its_connections(raw_server: RawServerFactory) -> None:
    server = raw_server([read_head, send(OK), read_until_closed])
    Http().request(server.url()).result()
    server.closed.wait_for(1)


def test_promise_dropped_with_deep_structure_ends(
    raw_server: RawServerFactory, server: WebServer
) -> None:
    """Python puts off the end of what is nested about 50 deep, until the rest is gone: here while
    the promise is answered.
    """

    class Rest:
        def __del__(self) -> None:
            go.set()
            assert sent.wait(PATIENCE)
            Http().request(server.url(), callback=lambda _: None).result()  # events come in order

    for depth in range(40, 60):
        go, sent, called = threading.Event(), threading.Event(), EventLog[Promise]()
        raw = raw_server([read_head, wait_for_event(go), send(OK), lambda _, sent=sent: sent.set()])
        nested: list[object] = [Http().request(raw.url(), callback=called.add)]
        for _ in range(depth):
            nested = [nested]
        nested = [Rest(), nested]  # the last goes first
        del nested
        called.wait_for(1)


# Many Https, many threads, no threads


def test_https_dropped_in_many_threads_answer(server: WebServer) -> None:
    def use_some(_: int) -> int:
        return sum(
            Http().request(server.url(), callback=lambda p: p.response).response.status == 200
            for _ in range(10)
        )

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(use_some, range(8))) == 80


def test_many_threads_share_one_http(server: WebServer) -> None:
    with Http(max_workers=4) as http, ThreadPoolExecutor(8) as pool:
        fetch = lambda number: bytes(http.request(server.url(f"/bytes/{number}")).content)  # noqa: E731
        assert [len(content) for content in pool.map(fetch, range(200))] == list(range(200))


# Before Python 3.12.3 a worker starts together with the Http: see process/threads.py.
NO_EARLY_WORKER = """
from asynchttp.dispatch import dispatcher
dispatcher.MAIN_THREAD_HAS_TO_START_THREADS = False
"""

FAILED_THREAD_START = (
    NO_EARLY_WORKER
    + """
http = Http()
threading.stack_size(1 << 47)  # more than the machine has: no thread can start
for _ in range(2):
    error = http.request(sys.argv[1]).exception()
    assert isinstance(error, RuntimeError) and "thread" in str(error), error
threading.stack_size(0)
assert http.request(sys.argv[1], callback=lambda p: p.response).response.status == 200
http.close()
"""
)


def test_requests_work_again_after_failed_thread_start(server: WebServer) -> None:
    assert run_python(FAILED_THREAD_START, server.url()).assert_clean() == []


def test_failed_worker_start_fails_no_request(server: WebServer) -> None:
    held = server.hold_answers()
    http = Http()
    waiting = http.request(held.url("waits"))
    held.arrived.wait_for(1)
    threading.stack_size(1 << 47)
    try:
        called = http.request(server.url(), callback=lambda p: p.response)
        looked_up = http.request(server.url().replace("127.0.0.1", "127.1"))
        assert called.response.status == 200
        assert looked_up.response.status == 200
    finally:
        threading.stack_size(0)
    held.answer_all()
    assert str(waiting.content) == "waits"
    http.close()


# Pickling, and errors of user code


def test_pickled_http_is_independent_with_same_settings(server: WebServer) -> None:
    http = Http(timeout=7, max_workers=3)
    http.follow_redirects = False
    http.request(server.url()).result()
    again = pickle.loads(pickle.dumps(http))
    assert (again.timeout, again.max_workers, again.follow_redirects) == (7, 3, False)
    http.close()
    assert again.request(server.url()).response.status == 200
    again.close()


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, LookupError])
def test_http_works_after_any_error_of_user_code(
    error: type[BaseException], server: WebServer
) -> None:
    def fail(*_: object) -> None:
        raise error

    http = Http(max_workers=1)
    called = http.request(server.url(), callback=fail)
    done = http.request(server.url())
    done.add_done_callback(fail)
    follows = http.request(server.url()).then(fail)
    assert isinstance(called.exception(PATIENCE), error)
    assert isinstance(follows.exception(PATIENCE), error)
    assert done.response.status == http.request(server.url()).response.status == 200
    http.close()


# Ctrl-C within `submit`, before the call is queued or begun


def test_ctrl_c_during_worker_start_loses_no_worker() -> None:
    for number in itertools.count(1):
        http = Http()
        with (interruption := Interruption(number)):
            http.submit(pow, 2, 3)
        assert http.submit(pow, 2, 10).result(PATIENCE) == 1024, number
        assert_close_returns(http)
        if not interruption.was_raised:
            break
    assert number > 20


# The garbage collector may run finalizers in a new thread before `Thread.start` has returned.

FINALIZER_IN_NEW_THREAD = (
    NO_EARLY_WORKER
    + """
import asynchttp.log

def set_ident_and_finalize(thread, really=threading.Thread._set_ident):
    really(thread)
    if thread.name.startswith(name) and to_finalize:
        to_finalize.pop()()

threading.Thread._set_ident = set_ident_and_finalize
purpose, url = sys.argv[1:]
name = "asynchttp log" if purpose == "log" else "asynchttp worker"
http, asked = Http(), []
ask = {
    "submit": lambda: asked.append(http.submit(pow, 2, 3)),
    "request": lambda: asked.append(http.request(url)),
    "log": lambda: asynchttp.log.error("asked"),
}[purpose]
to_finalize = [ask]
ask()
for each in asked:
    each.result()
assert not to_finalize
http.close()
"""
)


@pytest.mark.parametrize("purpose", ["submit", "request", "log"])
def test_finalizer_in_starting_thread_may_make_requests(purpose: str, server: WebServer) -> None:
    ended = run_python(FINALIZER_IN_NEW_THREAD, purpose, server.url())
    assert (ended.code, ended.err) == (0, "asked\nasked\n" if purpose == "log" else "")


HANDLER_BEFORE_START = (
    NO_EARLY_WORKER
    + """
from asynchttp.process.threads import OwnThread

def start(thread, really=threading.Thread.start):
    if signals:
        os.kill(os.getpid(), signals.pop())
    really(thread)

OwnThread.start = start
purpose, url = sys.argv[1:]
http, signals = Http(), [signal.SIGUSR1]
ask = {
    "submit": lambda: http.submit(pow, 2, 3).result(),
    "request": lambda: http.request(url).result(),
}
signal.signal(signal.SIGUSR1, lambda *_: ask[purpose]())
ask[purpose]()
assert not signals
http.close()
"""
)


@pytest.mark.parametrize("purpose", ["submit", "request"])
def test_signal_handler_before_thread_start_may_request(purpose: str, server: WebServer) -> None:
    run_python(HANDLER_BEFORE_START, purpose, server.url()).assert_clean()


FINALIZERS_EVERYWHERE = """
import gc, random
from concurrent.futures import CancelledError

class RequestsInFinalizer:
    def __init__(self):
        self.myself = self

    def __del__(self):
        late.append(http.submit(pow, 2, 10))
        late.append(http.request(url, callback=lambda promise: None))

def use(chance):
    callback = chance.choice([None, lambda promise: http.request(url).wait()])
    promise = http.request(url, callback=callback)
    if chance.random() < 0.1:
        promise.cancel()
    if chance.random() < 0.3:
        assert promise.result()[0].status == 200
    if chance.random() < 0.02:
        http.close(cancel_futures=chance.random() < 0.3)
    if chance.random() < 0.05:
        RequestsInFinalizer()

def use_many_times(seed):
    chance = random.Random(seed)
    for _ in range(200):
        try:
            use(chance)
        except CancelledError:  # cancelled by this thread or by a `close`
            pass
        except BaseException as error:
            failed.append(error)
            raise

url, http = sys.argv[1], Http(max_workers=4)
failed, late = [], []
sys.setswitchinterval(1e-5)
gc.set_threshold(50)
users = [threading.Thread(target=use_many_times, args=[seed]) for seed in range(4)]
for each in users:
    each.start()
for each in users:
    each.join()
http.close()
gc.collect()  # old garbage, too late for requests at the interpreter's end
http.close()
assert not failed and late
for each in late:
    assert each.done()
"""


def test_finalizers_anywhere_may_make_requests(server: WebServer) -> None:
    run_python(FINALIZERS_EVERYWHERE, server.url()).assert_clean()
