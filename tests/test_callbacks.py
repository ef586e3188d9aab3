"""Callbacks run on a worker, when all of the answer is there. The caller sees a callback's changes,
and nothing before the callback has ended. Errors of a callback reach the caller, unless the request
failed.
"""

import asyncio
import concurrent.futures as cf
import dataclasses
import threading
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from asynchttp import Http, Promise
from asynchttp.dispatch.workers import workers
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.web import WebServer
from tests.threads import thread_kind, wait_until_one_worker_is_left


@pytest.fixture
def http() -> Iterator[Http]:
    with Http() as http:
        yield http


@pytest.fixture
def url(server: WebServer) -> str:
    """A URL that answers with the bytes 0, 1, 2, 3, 4."""
    return server.url("/bytes/5")


BODY = bytes(range(5))

LOOKS: dict[str, Callable[[Promise], object]] = {
    "an attribute": lambda promise: promise.response.status,
    "a header": lambda promise: promise.response["content-length"],
    "the length": lambda promise: len(promise.content),
    "the bytes": lambda promise: bytes(promise.content),
    "result": lambda promise: promise.result(),
    "exception": lambda promise: promise.exception(),
}
any_look = pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)


def outcome(look: Callable[[], object]) -> object:
    """The result of a look, or the exception raised."""
    try:
        return look()
    except BaseException as error:  # noqa: BLE001  # any error is compared
        return error


# The promise given to a callback


def test_callback_runs_on_worker_with_whole_answer(http: Http, url: str) -> None:
    def call_back(promise: Promise) -> None:
        promise.seen = (  # type: ignore[attr-defined]  # an attribute of the callback's own
            thread_kind(),
            promise.done(),
            promise.response.status,
            bytes(promise.content),
            promise.exception(0),
            promise.request.uri,
        )

    promise = http.request(url, callback=call_back)
    promise.result(PATIENCE)
    expected = ("asynchttp worker", True, 200, BODY, None, url)
    assert promise.seen == expected  # type: ignore[attr-defined]  # set by the callback


def test_each_callback_runs_once(http: Http, url: str) -> None:
    called: list[str] = []
    urls = [f"{url}?{number}" for number in range(500)]
    promises = [
        http.request(each, callback=lambda promise: called.append(promise.request.uri))
        for each in urls
    ]
    assert cf.wait(promises, PATIENCE).not_done == set()
    assert sorted(called) == sorted(urls)


@any_look
def test_promise_of_caller_answers_in_callback(
    http: Http, server: WebServer, look: Callable[[Promise], object]
) -> None:
    held = server.hold_answers()
    seen: list[object] = []
    promise = http.request(held.url("label"), callback=lambda _: seen.append(look(promise)))
    held.answer_all()
    promise.result(PATIENCE)
    assert seen == [look(promise)]


@pytest.mark.parametrize("which", ["the caller's", "the callback's"])
def test_promises_of_caller_and_callback_answer_later(http: Http, url: str, which: str) -> None:
    """Both promises give the same answer, whichever is looked at first."""
    kept: list[Promise] = []
    promise = http.request(url, callback=kept.append)
    assert promise.wait(PATIENCE)
    first, second = (promise, kept[0]) if which == "the caller's" else (kept[0], promise)
    first.response.mark = "seen"
    assert first.result()[1] == second.result()[1] == BODY
    assert second.response.mark == "seen"


@any_look
def test_promise_of_caller_raises_in_callback(
    http: Http, refused_url: str, look: Callable[[Promise], object]
) -> None:
    made = threading.Event()
    seen: list[object] = []

    def call_back(_: Promise) -> None:
        made.wait(PATIENCE)
        seen.append(outcome(lambda: look(promise)))

    promise = http.request(refused_url, callback=call_back)
    made.set()
    failure = promise.exception(PATIENCE)
    assert isinstance(failure, ConnectionRefusedError)
    assert seen == [failure]


# Looks in other threads


def look_in_thread(look: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(outcome, look).result(PATIENCE)


def look_in_many_threads(look: Callable[[], object]) -> object:
    with ThreadPoolExecutor(20) as threads:
        first, *others = threads.map(lambda _: outcome(look), range(20), timeout=PATIENCE)
    assert [other == first for other in others] == [True] * 19
    return first


def look_in_asyncio_thread(look: Callable[[], object]) -> object:
    return asyncio.run(asyncio.to_thread(outcome, look))


@any_look
@pytest.mark.parametrize(
    "elsewhere", [look_in_thread, look_in_many_threads, look_in_asyncio_thread]
)
@pytest.mark.parametrize("where", ["url", "refused_url"])
def test_callback_may_wait_for_looks_in_other_threads(
    request: pytest.FixtureRequest,
    look: Callable[[Promise], object],
    elsewhere: Callable[[Callable[[], object]], object],
    where: str,
) -> None:
    seen: list[object] = []

    def call_back(promise: Promise) -> None:
        seen.append(elsewhere(lambda: look(promise)))

    with Http(max_workers=1) as http:
        promise = http.request(request.getfixturevalue(where), callback=call_back)
        promise.wait(PATIENCE)
        assert seen == [outcome(lambda: look(promise))]


# The caller's view


def test_caller_sees_attributes_set_by_callback(http: Http, url: str) -> None:
    def call_back(promise: Promise) -> None:
        promise.total = sum(promise.content)  # type: ignore[attr-defined]  # a new one
        promise.response.total = sum(promise.content)
        promise.response["x-total"] = str(sum(promise.content))

    promise = http.request(url, callback=call_back)
    response, _ = promise
    assert (response.total, response["x-total"]) == (10, "10")
    assert promise.total == 10  # type: ignore[attr-defined]  # set by the callback
    assert promise.result()[0].total == 10


def test_callback_sees_attributes_set_by_caller(server: WebServer) -> None:
    held = server.hold_answers()
    seen: list[object] = []
    with Http(max_workers=1) as http:
        promise = http.request(
            held.url(),
            callback=lambda promise: seen.extend([promise.name, promise.response.name]),  # type: ignore[attr-defined]
        )
        promise.name = promise.response.name = "of the caller"  # type: ignore[attr-defined]
        held.answer_all()
    assert seen == ["of the caller"] * 2


@any_look
def test_looks_of_caller_wait_until_callback_ends(
    http: Http, url: str, look: Callable[[Promise], object]
) -> None:
    begun, go_on = threading.Event(), threading.Event()
    events: list[str] = []

    def call_back(promise: Promise) -> None:
        begun.set()
        go_on.wait(PATIENCE)
        events.append("ended")

    def look_and_tell() -> object:
        seen = look(promise)
        events.append("looked")
        return seen

    promise = http.request(url, callback=call_back)
    promise.response, promise.content  # noqa: B018  # makes both objects before the callback ends
    with ThreadPoolExecutor(1) as thread:
        assert begun.wait(PATIENCE)
        looking = thread.submit(look_and_tell)
        assert not promise.wait(0.05)
        assert (promise.done(), promise.running(), looking.done()) == (False, True, False)
        assert cf.wait([promise], 0).done == set()
        go_on.set()
        looking.result(PATIENCE)
    assert events == ["ended", "looked"]


def test_done_callbacks_and_then_run_after_callback(http: Http, url: str) -> None:
    go_on = threading.Event()
    events: EventLog[str] = EventLog()

    def call_back(promise: Promise) -> None:
        go_on.wait(PATIENCE)
        promise.response.name = "of the callback"
        events.add("callback")

    promise = http.request(url, callback=call_back)
    promise.add_done_callback(lambda future: events.add(f"done: {future.result()[0].name}"))
    following = promise.then(lambda response, _: events.add(f"then: {response.name}"))
    go_on.set()
    following.result(PATIENCE)
    assert list(events) == ["callback", "done: of the callback", "then: of the callback"]


# Errors of callbacks


class FixedNotesError(Exception):
    """Has unchangeable notes."""

    __notes__ = ()  # type: ignore[assignment]  # a tuple, on purpose


@dataclasses.dataclass(frozen=True)
class FrozenError(Exception):
    """Has unchangeable attributes."""

    number: int


CALLBACK_ERRORS: list[Callable[[], BaseException]] = [
    lambda: ValueError("no"),
    lambda: SystemExit(3),
    KeyboardInterrupt,
    lambda: StopIteration(1),
    GeneratorExit,
    asyncio.CancelledError,
    FixedNotesError,
    lambda: FrozenError(1),
]
any_error = pytest.mark.parametrize("error", [make() for make in CALLBACK_ERRORS], ids=repr)


def callback_that_raises(error: BaseException) -> Callable[[Promise], None]:
    def fail(promise: Promise) -> None:
        promise.response.name = "set all the same"
        raise error

    return fail


@any_error
@any_look
def test_every_look_raises_error_of_callback(
    http: Http, url: str, error: BaseException, look: Callable[[Promise], object]
) -> None:
    promise = http.request(url, callback=callback_that_raises(error))
    assert [outcome(lambda: look(promise)) for _ in range(3)] == [error] * 3
    assert (promise.done(), promise.cancelled()) == (True, False)


@any_error
@any_look
def test_failure_of_request_outlasts_error_of_callback(
    http: Http, refused_url: str, error: BaseException, look: Callable[[Promise], object]
) -> None:
    seen: list[object] = []

    def call_back(promise: Promise) -> None:
        seen.append(outcome(lambda: look(promise)))
        raise error

    promise = http.request(refused_url, callback=call_back)
    failure = promise.exception(PATIENCE)
    assert isinstance(failure, ConnectionRefusedError)
    assert seen == [failure]
    assert outcome(lambda: look(promise)) is failure


@any_look
def test_callback_may_raise_failure_of_request(
    http: Http, refused_url: str, look: Callable[[Promise], object]
) -> None:
    promise = http.request(refused_url, callback=look)
    assert isinstance(promise.exception(PATIENCE), ConnectionRefusedError)


def test_error_of_callback_notes_call_site(http: Http, url: str) -> None:
    promise = http.request(url, callback=callback_that_raises(ValueError("no")))
    error = promise.exception(PATIENCE)
    assert error is not None
    [note] = error.__notes__
    assert str(promise.request) in note
    assert "callback" in note
    assert "test_error_of_callback_notes" in note
    assert str(error) == "no"


def test_callback_runs_after_failed_callbacks(url: str) -> None:
    called: list[bytes] = []
    with Http(max_workers=1) as http:
        errors = [make() for make in CALLBACK_ERRORS]
        promises = [http.request(url, callback=callback_that_raises(error)) for error in errors]
        last = http.request(url, callback=lambda promise: called.append(bytes(promise.content)))
        last.result(PATIENCE)
        assert [promise.exception() for promise in promises] == errors
    assert called == [BODY]


# Done-callbacks, and the end of callbacks


@any_error
def test_failing_done_callback_stops_nothing(server: WebServer, error: BaseException) -> None:
    held, called = server.hold_answers(), EventLog[None]()

    def fail(_future: object) -> None:
        raise error

    with Http(max_workers=1) as http:
        promise = http.request(held.url())
        promise.add_done_callback(fail)
        promise.add_done_callback(lambda _: called.add(None))
        held.answer_all()
        promise.result(PATIENCE)
        called.wait_for(1)
        assert http.request(server.url()).result(PATIENCE)[0].status == 200


@pytest.mark.usefixtures("idle_workers_end_soon")
def test_callback_is_finalized_on_worker_without_role(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even if the dispatcher keeps the subject of the event for long."""
    handle, gone = workers.handle, EventLog[tuple[str, bool]]()
    called, mine_alone = threading.Event(), threading.Event()
    early: list[bool] = []

    def handle_slowly(subject: object) -> None:
        assert handle is not None
        handle(subject)
        early.append(called.wait(0.3))

    class Callback:
        def __call__(self, promise: Promise) -> None:
            called.set()
            assert mine_alone.wait(PATIENCE)

        def __del__(self) -> None:
            thread = threading.current_thread()
            gone.add((thread_kind(), getattr(thread, "has_role", True)))

    wait_until_one_worker_is_left()
    monkeypatch.setattr(workers, "handle", handle_slowly)
    with Http() as http:
        http.request(server.url(), callback=Callback())
        mine_alone.set()  # the caller has dropped the callback
        gone.wait_for(1)
    assert list(gone) == [("asynchttp worker", False)]


def test_cancel_releases_callback(server: WebServer) -> None:
    held = server.hold_answers()
    callback = lambda promise: None  # noqa: E731  # with a single owner
    gone = weakref.ref(callback)
    with Http() as http:
        promise = http.request(held.url(), callback=callback)
        del callback
        assert gone() is not None
        assert promise.cancel()
        assert gone() is None


def test_slow_finalizer_of_callback_delays_no_callback(server: WebServer) -> None:
    class Slow:
        def __call__(self, promise: Promise) -> None:
            assert mine_alone.wait(PATIENCE)

        def __del__(self) -> None:
            goes.set()
            assert may_go.wait(PATIENCE)

    mine_alone, goes, may_go = threading.Event(), threading.Event(), threading.Event()
    both = threading.Barrier(2)
    with Http() as http:
        idle = [http.request(server.url(), callback=lambda _: both.wait(PATIENCE)) for _ in "ab"]
        assert all(promise.wait(PATIENCE) for promise in idle)
        http.request(server.url(), callback=Slow())
        mine_alone.set()  # the caller has dropped the callback
        assert goes.wait(PATIENCE)
        others = [http.request(server.url(), callback=lambda p: p.response) for _ in range(10)]
        ended = [promise.wait(PATIENCE / 2) for promise in others]
        may_go.set()
    assert all(ended)


class RequestsWhenFinalized:
    """Makes a request when finalized, and waits for the answer."""

    def __init__(self, http: Http, url: str, mine_alone: threading.Event) -> None:
        self._http, self._url, self._mine_alone = http, url, mine_alone

    def use(self, *_: object) -> None:
        assert self._mine_alone.wait(PATIENCE)

    def __del__(self) -> None:
        self._http.request(self._url).result()


USES: dict[str, Callable[[Http, str, RequestsWhenFinalized], object]] = {
    "in a callback": lambda http, url, resource: http.request(url, callback=resource.use),
    "in then": lambda http, url, resource: http.request(url).then(resource.use),
    "in a call": lambda http, url, resource: http.submit(resource.use),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_finalizer_of_callback_may_request_and_wait(
    use: Callable[[Http, str, RequestsWhenFinalized], object], server: WebServer
) -> None:
    """In the callback's slot, with one worker and a queue."""
    mine_alone = threading.Event()
    with Http(max_workers=1) as http:
        use(http, server.url(), RequestsWhenFinalized(http, server.url("/bytes/5"), mine_alone))
        others = [http.submit(str) for _ in range(2)]
        mine_alone.set()
        assert not cf.wait(others, PATIENCE).not_done
    assert "/bytes/5" in [each.target for each in server.received]
