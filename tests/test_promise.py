"""A promise: `request` returns at once; a look waits, in any thread, for the answer, a timeout or
Ctrl-C; `then` adds functions of the answer.
"""

import concurrent.futures as cf
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from concurrent.futures._base import _Waiter
from typing import Any

import pytest

from asynchttp import Content, Http, Promise, RequestTimeoutError, Response, ResultTimeoutError
from asynchttp.promise.future import LeanFuture
from tests.pair_states import OnFirstWait
from tests.programs import Program, python_command, run_python
from tests.servers.app import METHODS
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.web import WebServer
from tests.threads import thread_kind


@pytest.fixture
def http() -> Iterator[Http]:
    with Http() as http:
        yield http


# `request` returns at once; the benchmark (`overhead`) measures the microseconds


@pytest.fixture(params=["silent", "prompt", "refused", "black hole", "no such name"])
def url_of_any_behaviour(request: pytest.FixtureRequest) -> str:
    """A URL for each behaviour of a server or a network."""
    if request.param == "no such name":
        return "http://nowhere.invalid/"
    if request.param in ("silent", "prompt"):
        server: WebServer = request.getfixturevalue("server")
        return server.hold_answers().url() if request.param == "silent" else server.url()
    url: str = request.getfixturevalue(request.param.replace(" ", "_") + "_url")
    return url


def test_request_returns_for_any_server_behaviour(url_of_any_behaviour: str) -> None:
    http = Http(max_workers=1000)
    promises = [http.request(url_of_any_behaviour) for _ in range(50)]
    http.close(cancel_futures=True)
    assert all(promise.done() for promise in promises)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "arguments", [{}, {"body": "text", "headers": {"X-Name": "value"}}], ids=str
)
def test_request_returns_before_answer_for_every_method(
    http: Http, server: WebServer, method: str, arguments: dict[str, Any]
) -> None:
    held = server.hold_answers()
    promises = [http.request(held.url(), method, **arguments) for _ in range(10)]
    assert not any(promise.done() for promise in promises)
    held.answer_all()
    assert {promise.response.status for promise in promises} == {200}


def test_request_returns_while_all_workers_are_busy(server: WebServer) -> None:
    held = server.hold_answers()
    with Http(max_workers=1) as http:
        promises = [http.request(held.url(), callback=lambda _: None) for _ in range(50)]
        assert not any(promise.done() for promise in promises)
        held.answer_all()
    assert {promise.response.status for promise in promises} == {200}


def test_promise_has_request_and_call_site(http: Http, server: WebServer) -> None:
    before = time.time()
    promise = http.request(server.url(), "PUT", b"body", {"X-Name": "value"})
    request = promise.request
    assert (request.method, request.uri, request.headers) == (
        *("PUT", server.url()),
        {"X-Name": "value"},
    )
    assert before <= request.made <= time.time()
    assert request.site.summary()[-1].name == "test_promise_has_request_and_call_site"


# Looks

LOOKS: dict[str, Callable[[Promise], object]] = {
    "an attribute": lambda promise: promise.response.status,
    "a header": lambda promise: promise.response["content-length"],
    "the length": lambda promise: len(promise.content),
    "the bytes": lambda promise: bytes(promise.content),
    "result": lambda promise: promise.result(),
    "exception": lambda promise: promise.exception(),
    "wait": lambda promise: promise.wait(),
    "wait at most": lambda promise: promise.wait(PATIENCE),
    "wait of concurrent.futures": lambda promise: cf.wait([promise]),
    "as_completed": lambda promise: list(cf.as_completed([promise])),
}
any_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


@any_look
def test_every_look_waits_for_answer(
    http: Http, server: WebServer, look: Callable[[Promise], object]
) -> None:
    held = server.hold_answers()
    promise = http.request(held.url())
    with OnFirstWait(held.answer_all) as first_wait:
        look(promise)
    assert first_wait.has_waited
    assert promise.done()


def test_many_threads_wait_for_same_promise(http: Http, server: WebServer) -> None:
    held = server.hold_answers()
    promise = http.request(held.url("label"))
    about_to_look: EventLog[None] = EventLog()

    def look() -> tuple[int, bytes, int]:
        about_to_look.add(None)
        return promise.response.status, bytes(promise.content), id(promise.result()[0])

    with ThreadPoolExecutor(50) as threads:
        looks = [threads.submit(look) for _ in range(50)]
        about_to_look.wait_for(50)
        held.answer_all()
        assert {look.result(PATIENCE) for look in looks} == {(200, b"label", id(promise.response))}


@pytest.mark.parametrize("seconds", [0, 0.01, -1])
def test_timeout_of_wait_leaves_promise_usable(
    http: Http, server: WebServer, seconds: float
) -> None:
    held = server.hold_answers()
    promise = http.request(held.url("label"))
    assert promise.wait(seconds) is False
    for look in (promise.result, promise.exception):
        said = f"{look.__name__}(timeout={seconds}): not done yet: GET {promise.request.uri}"
        with pytest.raises(ResultTimeoutError, match=f"^{re.escape(said)}$"):
            look(seconds)
    held.answer_all()
    assert promise.wait(PATIENCE) is True
    assert promise.result(0)[1] == b"label"


def test_timeout_of_look_and_timeout_of_request_are_different_errors(server: WebServer) -> None:
    """Both are TimeoutErrors, and neither is the other."""
    with Http(timeout=0.2) as http:
        silent = http.request(server.url("/slow?head=60"))
        with pytest.raises(ResultTimeoutError) as of_look:
            silent.result(0.01)
        with pytest.raises(RequestTimeoutError) as of_request:
            silent.result(PATIENCE)
    assert isinstance(of_look.value, TimeoutError)
    assert isinstance(of_request.value, TimeoutError)
    assert not isinstance(of_look.value, RequestTimeoutError)
    assert not isinstance(of_request.value, ResultTimeoutError)
    said = f"timed out: GET {server.url('/slow?head=60')} (timeout=0.2 seconds)"
    assert str(of_request.value) == said


def test_timeout_of_httplib2s_own_code_names_the_request(server: WebServer) -> None:
    """Requests with Expect are made by httplib2's own code."""
    with Http(timeout=0.2) as http:
        expecting = http.request(server.url("/slow?head=60"), headers={"Expect": "100-continue"})
        with pytest.raises(RequestTimeoutError, match="timed out: GET http"):
            expecting.result(PATIENCE)


def test_timeout_of_submitted_call_names_the_function(http: Http) -> None:
    may_end = threading.Event()
    call = http.submit(may_end.wait, PATIENCE)
    with pytest.raises(ResultTimeoutError, match=r"not done yet: a call of Event\.wait$"):
        call.result(0.01)
    may_end.set()
    assert call.result(PATIENCE)


def test_cancelled_error_names_the_request(http: Http, server: WebServer) -> None:
    url = server.hold_answers().url("held")
    promise = http.request(url)
    promise.cancel()
    looks: list[Callable[[], object]] = [
        promise.result,
        promise.exception,
        lambda: promise.response.status,
        lambda: len(promise.content),
    ]
    for look in looks:
        with pytest.raises(CancelledError, match=f"^cancelled: GET {re.escape(url)}$"):
            look()


def test_wait_ends_with_timeout_amid_signals(server: WebServer) -> None:
    source = """
        signal_main_thread_repeatedly()
        promise = Http().request(sys.argv[1])
        print_line(promise.wait(1.0))
        promise.cancel()
    """
    assert run_python(source, server.hold_answers().url("label")).assert_clean() == ["False"]


INTERRUPTED_PROGRAM = """
    import asyncio
    import concurrent.futures as cf

    async def wait(promise):
        asyncio.get_running_loop().slow_callback_duration = 60  # the machine may be busy
        print_line("asyncio is looking")  # from now on asyncio handles Ctrl-C
        await asyncio.shield(asyncio.wrap_future(promise))

    promise = Http().request(sys.argv[1])
    response, content = promise
    try:
        print_line("looking")
        {look}
    except KeyboardInterrupt:
        print_line("interrupted")
    print_line(promise.cancelled() if sys.stdin.readline() else "")
    print_line(f"{{response.status}} {{content}}")
"""
WAITS = """
    response.status
    len(content)
    promise.result()
    promise.result(60)
    promise.exception()
    promise.wait()
    signal_main_thread_repeatedly(); cf.wait([promise])
    signal_main_thread_repeatedly(); list(cf.as_completed([promise]))
    asyncio.run(wait(promise))
"""


@pytest.mark.parametrize("look", WAITS.split("\n")[1:-1], ids=str.strip)
def test_ctrl_c_during_wait_leaves_promise_usable(server: WebServer, look: str) -> None:
    held = server.hold_answers()
    source = INTERRUPTED_PROGRAM.format(look=look.strip())
    with Program(python_command(source, held.url("label"))) as program:
        assert program.read_line() == "looking"
        if "asyncio" in look:
            assert program.read_line() == "asyncio is looking"
        held.arrived.wait_for(1)
        program.send_signal(signal.SIGINT)
        assert program.read_line() == "interrupted"
        program.write_stdin("go on\n")
        assert program.read_line() == "False"
        held.answer_all()
        assert program.wait_for_end().assert_clean() == ["200 label"]


def ask_and_close(url: str) -> None:
    with Http() as http:
        http.request(url)


MAIN_WAITS: dict[str, Callable[[str], object]] = {
    "looking": lambda url: Http().request(url).response.status,
    "blocking": lambda url: Http(blocking=True).request(url),
    "closing": ask_and_close,
}


@pytest.mark.parametrize("wait", MAIN_WAITS.values(), ids=MAIN_WAITS)
def test_signal_missed_by_system_call_is_handled(
    server: WebServer, wait: Callable[[str], object]
) -> None:
    """As with a signal just before a system call; in this test a second thread gets the signal."""
    held = server.hold_answers()

    def send_signal() -> None:
        held.arrived.wait_for(1)
        signal.raise_signal(signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, lambda *_: held.answer_all())
    try:
        with ThreadPoolExecutor(1) as pool:
            sending = pool.submit(send_signal)
            wait(held.url())
            sending.result()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_waiter_is_notified_without_shared_lock() -> None:
    """Each future has a lock of its own: a signal handler may look at a future while another future
    holds its lock to notify a waiter.
    """
    first, second = LeanFuture[int](), LeanFuture[int]()

    class Waiter(_Waiter):
        def add_result(self, future: cf.Future[int]) -> None:
            settling = threading.Thread(target=second.set_result, args=[2], daemon=True)
            settling.start()
            settling.join(PATIENCE)

    with first._condition:
        first._waiters.append(Waiter())
    first.set_result(1)
    assert second.result(0) == 2


# Then


def value_of(response: Response, content: Content) -> tuple[int, str]:
    return response.status, str(content)


def test_then_returns_future_of_function_value(http: Http, server: WebServer) -> None:
    promise = http.request(server.url("/text/utf-8?text=caf%C3%A9"))
    pending = promise.then(value_of)
    assert pending.result(PATIENCE) == (200, "café")
    settled = promise.then(value_of)
    assert settled.result(PATIENCE) == (200, "café")


def test_then_runs_function_on_worker(http: Http, server: WebServer) -> None:
    name = http.request(server.url()).then(lambda response, content: thread_kind())
    assert name.result(PATIENCE) == "asynchttp worker"


def test_then_runs_after_callback(http: Http, server: WebServer) -> None:
    def decode(promise: Promise) -> None:
        promise.response.decoded = str(promise.content)

    promise = http.request(server.url("/bytes/0"), callback=decode)
    seen = promise.then(lambda response, content: response.decoded)
    assert seen.result(PATIENCE) == ""


def test_then_of_failed_request_raises_failure(http: Http, refused_url: str) -> None:
    promise = http.request(refused_url)
    called: list[object] = []
    following = promise.then(lambda response, content: called.append(response))
    with pytest.raises(ConnectionRefusedError) as caught:
        following.result(PATIENCE)
    assert caught.value is promise.exception()
    assert called == []


def test_then_of_cancelled_request_is_cancelled(http: Http, server: WebServer) -> None:
    promise = http.request(server.hold_answers().url())
    called: list[object] = []
    following = promise.then(lambda response, content: called.append(response))
    promise.cancel()
    with pytest.raises(CancelledError):
        following.result(PATIENCE)
    assert following.cancelled()
    assert called == []


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()], ids=repr)
def test_then_raises_error_of_function_with_note(
    http: Http, server: WebServer, error: BaseException
) -> None:
    def fail(_response: Response, _content: Content) -> None:
        raise error

    promise = http.request(server.url())
    with pytest.raises(type(error)) as caught:
        promise.then(fail).result(PATIENCE)
    assert caught.value is error
    [note] = error.__notes__
    assert str(promise.request) in note
    assert "test_then_raises" in note
    assert promise.exception() is None


def test_cancel_of_then_leaves_promise_running(http: Http, server: WebServer) -> None:
    held = server.hold_answers()
    promise = http.request(held.url())
    called: list[object] = []
    following = promise.then(lambda response, content: called.append(response))
    other = promise.then(value_of)
    assert following.cancel()
    held.answer_all()
    assert other.result(PATIENCE) == (200, "")
    assert following.cancelled()
    assert called == []


def test_then_cannot_be_cancelled_while_function_runs(http: Http, server: WebServer) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def wait(_response: Response, _content: Content) -> bool:
        begun.set()
        return go_on.wait(PATIENCE)

    following = http.request(server.url()).then(wait)
    assert begun.wait(PATIENCE)
    assert following.running()
    assert not following.cancel()
    go_on.set()
    assert following.result(PATIENCE) is True


def test_then_can_be_called_many_times(http: Http, server: WebServer) -> None:
    promise = http.request(server.url())
    following = [promise.then(lambda response, content, n=n: n) for n in range(50)]  # type: ignore[misc]
    assert [each.result(PATIENCE) for each in following] == list(range(50))


def test_then_runs_in_slot_before_queued_requests(server: WebServer) -> None:
    held, go_on = server.hold_answers(), threading.Event()
    with Http(max_workers=1) as http:
        promises = [http.request(held.url(label)) for label in "abc"]
        following = promises[0].then(lambda response, content: go_on.wait(PATIENCE))
        held.arrived.wait_for(1)
        held.answer()
        promises[0].result(PATIENCE)
        assert not promises[1].wait(0.05)
        assert list(held.arrived) == ["a"]
        go_on.set()
        assert following.result(PATIENCE)
        held.answer_all()
