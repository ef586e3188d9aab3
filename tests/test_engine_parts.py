"""The parts of the engine, each on its own: timers, pollers, names, uploads, the table of errors,
who goes first; and the whole on the poller that other systems than Linux have.

Rule: only what cannot be seen, or hardly, where requests are made.
"""

import errno
import platform
import socket
import ssl
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from http.client import IncompleteRead, InvalidURL, RemoteDisconnected
from pathlib import Path
from typing import TypeAlias

import httplib2
import pycurl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp import Http
from asynchttp.body import Body, take
from asynchttp.engine import loop
from asynchttp.engine.epoll import EpollPoller
from asynchttp.engine.job import Job
from asynchttp.engine.names import Found, Host, Names, host_of
from asynchttp.engine.pioneers import Pioneers
from asynchttp.engine.poller import Poller, SelectPoller
from asynchttp.engine.timers import Timers
from asynchttp.engine.trouble import Trouble, exception_of
from asynchttp.engine.upload import PIECE, Upload
from asynchttp.model import Tls, Transfer
from tests.conftest import RawServers
from tests.programs import STRICT, Program, run
from tests.servers.app import pattern
from tests.servers.raw import OK, head, send, until_closed
from tests.servers.seen import PATIENCE, Seen
from tests.servers.web import WebServer

# Timers

FAR = 3600.0


@given(st.lists(st.tuples(st.integers(-50, 0), st.booleans()), max_size=200))
def test_what_is_due_runs_in_order_once_unless_cancelled(plan: list[tuple[int, bool]]) -> None:
    timers, ran = Timers(), list[int]()
    made = [timers.after(when * FAR, partial(ran.append, n)) for n, (when, _) in enumerate(plan)]
    for timer, (_, cancelled) in zip(made, plan, strict=True):
        if cancelled:
            timers.cancel(timer)
    timers.run_due()
    timers.run_due()
    assert sorted(ran) == [number for number, (_, cancelled) in enumerate(plan) if not cancelled]
    times = [plan[number][0] for number in ran]
    assert times == sorted(times)
    assert not timers.heap


def test_what_is_not_due_waits() -> None:
    timers, ran = Timers(), list[str]()
    timers.after(FAR, lambda: ran.append("far"))
    timers.after(0, lambda: ran.append("now"))
    assert timers.pause() == 0
    timers.run_due()
    assert ran == ["now"]
    assert FAR - 60 < timers.pause() <= FAR


def test_an_empty_heap_has_nothing_to_wait_for() -> None:
    timers = Timers()
    assert not timers.heap
    assert timers.pause() == float("inf")
    timers.run_due()


def test_an_action_may_set_the_next() -> None:
    timers, ran = Timers(), list[int]()

    def again() -> None:
        ran.append(len(ran))
        if len(ran) < 3:
            timers.after(0, again)

    timers.after(0, again)
    while timers.heap:
        timers.run_due()
    assert ran == [0, 1, 2]


def test_an_action_may_cancel_another() -> None:
    timers, ran = Timers(), list[str]()
    timers.after(-1, lambda: timers.cancel(second))
    second = timers.after(-0.5, lambda: ran.append("second"))
    timers.run_due()
    assert ran == []


def test_to_cancel_too_late_or_twice_does_no_harm() -> None:
    timers, ran = Timers(), list[str]()
    over = timers.after(0, lambda: ran.append("over"))
    timers.run_due()
    other = timers.after(FAR, lambda: ran.append("other"))
    for timer in (over, over, other, other):
        timers.cancel(timer)
    timers.after(0, lambda: ran.append("last"))
    timers.run_due()
    assert ran == ["over", "last"]


def test_cancelled_timers_do_not_pile_up() -> None:
    """As many requests leave them that end long before their timeouts."""
    timers = Timers()
    kept = timers.after(FAR, lambda: None)
    for _ in range(10_000):
        timers.cancel(timers.after(FAR, lambda: None))
    assert len(timers.heap) < 1000
    timers.cancel(kept)


# Pollers


@pytest.fixture
def poller() -> Iterator[EpollPoller]:
    made = EpollPoller()
    made.poll(0)
    yield made
    made.close()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two sockets that are connected."""
    mine, other = socket.socketpair()
    with mine, other:
        yield mine, other


Ends: TypeAlias = tuple[socket.socket, socket.socket]


def test_epoll_reports_each_change_once(poller: EpollPoller, ends: Ends) -> None:
    mine, other = ends
    poller.watch(mine.fileno())
    assert list(poller.poll(PATIENCE)) == [mine.fileno()]  # it can be written
    assert list(poller.poll(0)) == []
    for _ in range(2):
        other.send(b"x")
        assert list(poller.poll(PATIENCE)) == [mine.fileno()]
        assert list(poller.poll(0)) == []
    other.close()
    assert list(poller.poll(PATIENCE)) == [mine.fileno()]


def test_a_descriptor_with_the_number_of_one_that_was_closed(poller: EpollPoller) -> None:
    """As libcurl closes one and opens another, without a word."""
    for _ in range(3):
        mine, other = socket.socketpair()
        with mine, other:
            poller.watch(mine.fileno())
            assert list(poller.poll(PATIENCE)) == [mine.fileno()]


@pytest.mark.parametrize("kind", [EpollPoller, SelectPoller])
def test_a_poller_waits_no_longer_than_it_may(kind: type[Poller]) -> None:
    with closing(kind()) as poller:
        began = time.monotonic()
        assert list(poller.poll(0.05)) == []
        assert 0.04 < time.monotonic() - began < PATIENCE


@pytest.mark.parametrize("kind", [EpollPoller, SelectPoller])
def test_waking_a_poller(kind: type[Poller]) -> None:
    """However often, and before it waits, too."""
    with closing(kind()) as poller:
        for count in (1, 10_000, 1):
            for _ in range(count):
                poller.wake()
            began = time.monotonic()
            poller.poll(PATIENCE)
            assert time.monotonic() - began < PATIENCE / 2


ON_ONE_CORE = """
from asynchttp.engine.poller import best_poller

os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
sys.setswitchinterval(100)  # seconds: who runs goes on until he waits
poller, begins, woken = best_poller(), threading.Semaphore(0), []

def listen():
    for _ in range(100):
        begins.release()
        poller.poll(20)
        woken.append(None)

listener = threading.Thread(target=listen)
listener.start()
for before in range(100):
    begins.acquire()
    poller.wake()
    assert len(woken) == before
listener.join()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="takes a core for itself")
def test_who_wakes_a_poller_goes_on() -> None:
    assert run(ON_ONE_CORE).fine() == []


def test_a_poller_that_cannot_be_woken_says_so() -> None:
    poller = EpollPoller()
    poller.close()
    with pytest.raises(OSError, match="cannot be woken") as caught:
        poller.wake()
    assert caught.value.errno == errno.EBADF


def test_what_the_loop_is_woken_for_begins_in_the_same_turn(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after another look at the sockets."""
    looks, poll = list[float](), EpollPoller.poll

    def look(poller: EpollPoller, seconds: float) -> Sequence[int]:
        looks.append(seconds)
        return poll(poller, seconds)

    with Http() as http:
        http.request(server.url()).result()
        monkeypatch.setattr(EpollPoller, "poll", look)
        for _ in range(20):
            http.request(server.url()).result()
    assert looks.count(0) < 10


# All of it, on the poller of other systems

ELSEWHERE = """
import os, select, sys

for module in (os, select):
    for name in dir(module):
        if name.lower().startswith(("epoll", "eventfd", "efd")):
            delattr(module, name)

from asynchttp import Http

with Http() as http:
    print(http.request(sys.argv[1]).response.status)
"""


def test_an_import_without_epoll(server: WebServer) -> None:
    program = [sys.executable, *STRICT, "-c", ELSEWHERE, server.url()]
    with Program(program) as running:
        assert running.ended().fine() == ["200"]


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, authority_file: str) -> Iterator[Http]:
    """An Http as it is where there is no epoll."""
    monkeypatch.setattr(loop, "best_poller", SelectPoller)
    with Http(timeout=PATIENCE, ca_certs=authority_file, max_workers=20) as http:
        yield http


@pytest.mark.parametrize("which", ["server", "tls_server", "tls_h1_server"])
def test_requests_without_epoll(
    elsewhere: Http, request: pytest.FixtureRequest, tmp_path: Path, which: str
) -> None:
    server: WebServer = request.getfixturevalue(which)
    path = tmp_path / "body"
    path.write_bytes(pattern(0, 3_000_000))
    with path.open("rb") as file:
        promises = [elsewhere.request(server.url(f"/bytes/{10 ** (n % 7)}")) for n in range(50)]
        upload = elsewhere.request(server.url("/status/200"), "PUT", file)
        redirected = elsewhere.request(server.url("/hops/3"))
    assert [len(promise.content) for promise in promises] == [10 ** (n % 7) for n in range(50)]
    assert (upload.response.status, redirected.response.status) == (200, 200)
    assert max(len(each.body) for each in server.received) == 3_000_000


def test_timeouts_and_cancels_without_epoll(elsewhere: Http, raw_server: RawServers) -> None:
    silent, server = raw_server([until_closed]), raw_server([head, until_closed])
    elsewhere.timeout = 0.2
    late = elsewhere.request(silent.url())  # on a busy machine perhaps before its head is sent
    elsewhere.timeout = None
    cancelled = elsewhere.request(server.url())
    server.heads.wait_for(1)
    assert cancelled.cancel()
    assert isinstance(late.exception(), TimeoutError)
    silent.closed.wait_for(1)
    server.closed.wait_for(1)


def test_connections_that_come_and_go_without_epoll(
    elsewhere: Http, raw_server: RawServers
) -> None:
    """Their descriptors have the same numbers again and again."""
    server = raw_server([head, send(OK)])
    for _ in range(20):
        promises = [elsewhere.request(server.url()) for _ in range(3)]
        assert [bytes(promise.content) for promise in promises] == [b"ok"] * 3


# Names


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("server.test", Host("server.test", 80)),
        ("server.test:8080", Host("server.test", 8080)),
        ("xn--bcher-kva.test", Host("xn--bcher-kva.test", 80)),
        ("127.1", Host("127.1", 80)),  # so do some write addresses; a lookup knows them
        ("localhost", None),
        ("localhost:8080", None),
        ("127.0.0.1", None),
        ("127.0.0.1:8080", None),
        ("[::1]", None),
        ("[::1]:8080", None),
        ("[fe80::1%25lo]:8080", None),
    ],
)
def test_who_has_to_be_looked_up(authority: str, host: Host | None) -> None:
    assert host_of(authority, 80) == host


THIS = Host("localhost", 80)
UNKNOWN = Host("a." * 130 + "invalid", 80)


@pytest.fixture
def told() -> Seen[tuple[Host, Found]]:
    return Seen()


def test_a_name_is_looked_up_once_for_all_who_ask(told: Seen[tuple[Host, Found]]) -> None:
    names = Names(lambda host, found: told.add((host, found)))
    assert [names.addresses(THIS) for _ in range(3)] == [None] * 3
    ((host, found),) = told.wait_for(1)
    assert host == THIS
    assert isinstance(found, tuple)
    assert "127.0.0.1" in found
    assert names.learn(host, found) == found
    assert names.addresses(THIS) == found
    assert len(told) == 1


def test_an_unknown_name_is_looked_up_again(told: Seen[tuple[Host, Found]]) -> None:
    names = Names(lambda host, found: told.add((host, found)))
    for times in (1, 2):
        assert names.addresses(UNKNOWN) is None
        _, found = told.wait_for(times)[-1]
        assert isinstance(names.learn(UNKNOWN, found), httplib2.ServerNotFoundError)


def test_what_was_known_stays_when_a_lookup_fails() -> None:
    names = Names(lambda *_: None)
    names.learn(THIS, ("192.0.2.1",))
    assert names.learn(THIS, httplib2.ServerNotFoundError("for now")) == ("192.0.2.1",)
    assert names.addresses(THIS) == ("192.0.2.1",)


# Uploads


class Workers:
    """Holds what is to be done on a worker until the test has it done."""

    def __init__(self) -> None:
        self.asked: list[Upload] = []

    def fetch(self, upload: Upload) -> None:
        self.asked.append(upload)

    def work(self) -> None:
        self.asked.pop().fetch_piece()


CONTENT = pattern(0, 2 * PIECE + 1000)


def sent_by(upload: Upload, workers: Workers, size: int) -> Iterator[bytes]:
    """What libcurl gets to send, when workers are as quick as they can be."""
    while chunk := upload.read(size):
        if chunk == pycurl.READFUNC_PAUSE:
            workers.work()
        else:
            assert isinstance(chunk, bytes)
            assert len(chunk) <= size
            yield chunk


@pytest.mark.parametrize("size", [1000, 65_536, PIECE, 10 * PIECE])
@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 1000])
def test_an_upload_sends_all_of_it(length: int, size: int) -> None:
    workers = Workers()
    upload = Upload(Body(CONTENT[:length]), workers.fetch)
    assert b"".join(sent_by(upload, workers, size)) == CONTENT[:length]
    assert upload.read(size) == b""


def test_an_upload_waits_for_one_worker_at_a_time() -> None:
    """libcurl asks again when it begins anew on another connection."""
    workers = Workers()
    upload = Upload(Body(CONTENT), workers.fetch)
    assert [upload.read(10) for _ in range(3)] == [pycurl.READFUNC_PAUSE] * 3
    assert workers.asked == [upload]
    workers.work()
    assert upload.read(10) == CONTENT[:10]


@given(st.lists(st.sampled_from(["read", "work", "again"]), max_size=60))
def test_whatever_the_order_all_is_sent_in_the_end(steps: list[str]) -> None:
    """A worker may come back when libcurl has begun anew, or is about to."""
    workers, sent = Workers(), b""
    upload = Upload(Body(CONTENT), workers.fetch)
    for step in steps:
        if step == "again":
            assert upload.seek(0, 0) == pycurl.SEEKFUNC_OK
            sent = b""
        elif step == "work" and workers.asked:
            workers.work()
        elif step == "read" and isinstance(chunk := upload.read(PIECE // 2 + 1), bytes):
            sent += chunk
    assert sent + b"".join(rest_of(upload, workers)) == CONTENT


def rest_of(upload: Upload, workers: Workers) -> Iterator[bytes]:
    if workers.asked:
        workers.work()
    yield from sent_by(upload, workers, 65_536)


def test_an_upload_that_fails(tmp_path: Path) -> None:
    workers = Workers()
    path = tmp_path / "body"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        body = take(file)
    assert body is not None
    body.close()
    upload = Upload(body, workers.fetch)
    assert upload.read(10) == pycurl.READFUNC_PAUSE
    workers.work()
    assert upload.read(10) == pycurl.READFUNC_ABORT
    assert isinstance(upload.error, OSError)


# The table of errors


def trouble(code: int, message: str, **rest: object) -> Trouble:
    blank = Trouble(code, message, "server.test:80", 0, 0, begun=False, received=b"")
    return blank._replace(**rest)  # type: ignore[arg-type]  # as they are given


RESET, REFUSED = errno.ECONNRESET, errno.ECONNREFUSED
PEER_RESET = "Recv failure: Connection reset by peer"
WRONG_VERSION = "error:0A00010B:SSL routines::wrong version number"
ENDED = "error:0A000126:SSL routines::unexpected eof while reading"

TABLE: list[tuple[Trouble, type[BaseException], int | None]] = [
    (trouble(6, "Could not resolve host"), httplib2.ServerNotFoundError, None),
    (trouble(7, "Could not connect", os_errno=REFUSED), ConnectionRefusedError, REFUSED),
    (trouble(7, "No route", os_errno=errno.EHOSTUNREACH), OSError, errno.EHOSTUNREACH),
    (trouble(28, "Connection timed out"), TimeoutError, None),
    (trouble(52, "Empty reply"), RemoteDisconnected, None),
    (
        trouble(56, "Recv failure: Connection reset by peer", os_errno=RESET),
        ConnectionResetError,
        RESET,
    ),
    (trouble(55, "Send failure: Broken pipe", os_errno=errno.EPIPE), BrokenPipeError, errno.EPIPE),
    # What is left of the attempt to connect to another address:
    (trouble(56, ENDED, os_errno=REFUSED), RemoteDisconnected, None),
    (trouble(56, ENDED, os_errno=REFUSED, begun=True), IncompleteRead, None),
    (trouble(56, "chunk hex-length", os_errno=REFUSED, begun=True), IncompleteRead, None),
    (
        trouble(35, WRONG_VERSION, os_errno=REFUSED),
        ssl.SSLError,
        1,
    ),
    (trouble(35, ENDED, os_errno=REFUSED), ssl.SSLEOFError, 8),
    (
        trouble(35, "Recv failure: Connection reset by peer", os_errno=RESET),
        ConnectionResetError,
        RESET,
    ),
    (trouble(60, "OpenSSL verify result: self-signed (18)"), ssl.SSLCertVerificationError, 1),
    (trouble(92, "stream 1 reset", os_errno=REFUSED), ConnectionResetError, RESET),
    (trouble(3, "URL rejected"), InvalidURL, None),
    (trouble(27, "Out of memory"), MemoryError, None),
    (trouble(99, "What nobody has thought of", os_errno=REFUSED), OSError, errno.EIO),
]


@pytest.mark.parametrize(("what", "error", "number"), TABLE, ids=range(len(TABLE)))
def test_every_row_of_the_table(
    what: Trouble, error: type[BaseException], number: int | None
) -> None:
    made = exception_of(what)
    assert type(made) is error
    assert getattr(made, "errno", None) == number


@pytest.mark.parametrize(("length", "missing"), [(11, 7), (-1, None)])
def test_how_much_is_missing(length: int, missing: int | None) -> None:
    made = exception_of(trouble(18, "cut", begun=True, received=b"part", length=length))
    assert isinstance(made, IncompleteRead)
    assert (made.partial, made.expected) == (b"part", missing)


@given(st.integers(1, 120), st.text(), st.integers(0, 200), st.booleans())
def test_whatever_libcurl_says_is_an_exception(
    code: int, message: str, number: int, begun: bool
) -> None:
    made = exception_of(trouble(code, message, os_errno=number, begun=begun))
    assert isinstance(made, Exception)
    assert str(made) is not None


# Who goes first


TLS = Tls("authorities.pem", verify=True)


def job(origin: str, number: int) -> Job[int]:
    return Job(number, Transfer("GET", f"https://{origin}/", origin, (), None, None, TLS))


def test_one_goes_first_and_the_others_follow() -> None:
    pioneers: Pioneers[int] = Pioneers()
    first, second, third = (job("a", number) for number in range(3))
    assert [pioneers.admit(each) for each in (first, second, third)] == [True, False, False]
    assert pioneers.release(second) == []
    assert pioneers.release(first) == [second, third]
    assert pioneers.release(first) == []
    assert pioneers.admit(second)
    assert pioneers.admit(third)


def test_origins_have_nothing_to_do_with_each_other() -> None:
    pioneers: Pioneers[int] = Pioneers()
    assert pioneers.admit(job("a", 1))
    assert pioneers.admit(job("b", 2))


@pytest.mark.parametrize("http2", [True, False])
def test_nobody_waits_for_what_is_known(http2: bool) -> None:
    pioneers: Pioneers[int] = Pioneers()
    first = job("a", 1)
    assert pioneers.admit(first)
    pioneers.learn(first, http2)
    assert pioneers.admit(job("a", 2))
    assert pioneers.may_share(job("a", 3)) == http2
    assert not pioneers.may_share(job("b", 4))


# Memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep it or do not")
def test_bodies_find_memory_that_is_there_already() -> None:
    program = """
        import resource

        def bodies():
            return [bytearray(100_000) for _ in range(20)]

        http = Http()
        bodies()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            bodies()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
    (faults,) = run(program).fine()
    assert int(faults) < 1000  # of some 9,800 pages that were written to
