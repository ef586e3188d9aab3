"""Host names: a dead name server delays only requests to hosts that have to be looked up there; a
program may replace the lookup.

Rule: hanging lookups happen in a program of their own (`tests.servers.unreachable`), which prints
the time taken; the system's resolver gives up after 5 s or more.
"""

import socket
import threading
from collections.abc import Callable
from typing import Any, NoReturn

import httplib2
import pytest

from asynchttp import Http
from tests.conftest import RawServerFactory
from tests.programs import Program, python_command, run_python
from tests.servers.certificates import Authority
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.raw import OK, RawServer, read_head, send
from tests.servers.unreachable import SilentNameServer
from tests.servers.web import WebServer

UNKNOWN_HOST = "a." * 130 + "invalid"
"""A name too long for any lookup: the system refuses the name without asking a name server."""

SOON = 10.0
"""Seconds: far less than a hanging lookup takes."""

PROGRAM = """
import time
from concurrent.futures import CancelledError
url, ca_certs = sys.argv[1:]
began = time.monotonic()
def dead(number=0):
    return f"http://dead-{number}.test/"
"""


def run_where_names_hang(
    silent_name_server: SilentNameServer, source: str, *arguments: object
) -> list[str]:
    """The lines printed by the program; the last line is the time taken, in seconds."""
    timed = PROGRAM + source + "\nprint_line(time.monotonic() - began)\n"
    with Program(silent_name_server.command(*python_command(timed, *arguments))) as program:
        return program.wait_for_end().assert_clean()


def test_hanging_lookups_do_not_delay_other_hosts(
    silent_name_server: SilentNameServer, server: WebServer
) -> None:
    source = """
http = Http(ca_certs=ca_certs)
hanging = [http.request(dead(number)) for number in range(20)]
print_line(http.request(url).response.status)
print_line(http.request(url.replace("127.0.0.1", "localhost")).response.status)
print_line(http.request(url.replace("127.0.0.1", "alive.test")).response.status)
print_line(sum(promise.done() for promise in hanging))
http.close(cancel_futures=True)
print_line({type(promise.exception()) if not promise.cancelled() else None for promise in hanging})
"""
    *said, seconds = run_where_names_hang(silent_name_server, source, server.url("/status/200"), "")
    assert said == ["200", "200", "200", "0", "{None}"]
    assert float(seconds) < SOON


def test_hanging_lookup_obeys_timeout(silent_name_server: SilentNameServer) -> None:
    source = """
with Http(timeout=0.3) as http:
    promises = [http.request(dead(number // 2)) for number in range(10)]
    print_line({type(promise.exception()) for promise in promises})
    print_line(len({id(promise.exception()) for promise in promises}))
"""
    *said, seconds = run_where_names_hang(silent_name_server, source, "", "")
    assert said == ["{<class 'asynchttp.messages.errors.RequestTimeoutError'>}", "10"]
    assert 0.3 <= float(seconds) < SOON


def test_cancel_during_lookup_releases_slot(
    silent_name_server: SilentNameServer, server: WebServer
) -> None:
    source = """
with Http(max_workers=1) as http:
    hanging, waiting = http.request(dead()), http.request(url)
    while not hanging.running():
        time.sleep(0)
    print_line(hanging.cancel())
    print_line(waiting.response.status)
    try:
        hanging.result()
    except CancelledError:
        print_line("cancelled")
"""
    *said, seconds = run_where_names_hang(silent_name_server, source, server.url("/status/200"), "")
    assert said == ["True", "200", "cancelled"]
    assert float(seconds) < SOON


def test_program_exits_despite_hanging_lookup(
    silent_name_server: SilentNameServer,
) -> None:
    source = """
http = Http(timeout=0.2)
http.request(dead()).exception()
"""
    with Program(silent_name_server.command(*python_command(PROGRAM + source, "", ""))) as program:
        assert program.wait_for_end().assert_clean() == []


def test_certificate_is_checked_for_looked_up_name(
    silent_name_server: SilentNameServer, raw_tls_server: RawServerFactory, authority: Authority
) -> None:
    secure = raw_tls_server([read_head, send(OK)], pem=authority.sign("alive.test"))
    source = """
with Http(ca_certs=ca_certs) as http:
    print_line(http.request(url.replace("localhost", "alive.test"))[1])
    print_line(type(http.request(url).exception()))
"""
    *said, _ = run_where_names_hang(silent_name_server, source, secure.url(), authority.pem)
    assert said == ["ok", "<class 'ssl.SSLCertVerificationError'>"]
    assert b"Host: alive.test" in secure.heads[0]


def test_name_with_two_ports_reaches_both_servers(
    silent_name_server: SilentNameServer, raw_server: RawServerFactory
) -> None:
    servers: list[RawServer] = [raw_server([read_head, send(OK)]) for _ in range(2)]
    source = """
with Http() as http:
    for each in url.split():
        print_line(http.request(each.replace("127.0.0.1", "alive.test"))[1])
"""
    urls = " ".join(server.url() for server in servers)
    assert run_where_names_hang(silent_name_server, source, urls, "")[:-1] == ["ok", "ok"]
    assert [len(server.heads) for server in servers] == [1, 1]


def test_unknown_name_fails_like_httplib2() -> None:
    said = []
    for client in (httplib2.Http, Http):
        http = client()
        with pytest.raises(httplib2.ServerNotFoundError) as raised:
            bytes(http.request(f"http://{UNKNOWN_HOST}:8080/")[1])
        said.append(str(raised.value))
        http.close()
    assert said[0] == said[1]


def test_unknown_name_fails_every_request() -> None:
    with Http() as http:
        errors = [http.request(f"http://{UNKNOWN_HOST}/").exception() for _ in range(3)]
    assert [type(error) for error in errors] == [httplib2.ServerNotFoundError] * 3


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1"])
def test_names_of_this_machine_reach_server(server: WebServer, host: str) -> None:
    with Http() as http:
        response, _ = http.request(server.url("/status/200").replace("127.0.0.1", host))
        assert response.status == 200


# A replaced `socket.getaddrinfo`


class FakeGetaddrinfo:
    """Replaces `socket.getaddrinfo`; `answer` returns addresses, or raises."""

    def __init__(self, answer: Callable[[], list[str]]) -> None:
        self.asked: EventLog[tuple[str, int]] = EventLog()
        self.threads: set[threading.Thread] = set()
        self._answer = answer
        self._original = socket.getaddrinfo

    # Any: getaddrinfo's own arguments and result.
    def __call__(self, host: str, port: Any, *arguments: Any, **named: Any) -> Any:
        if not host.endswith(".test"):
            return self._original(host, port, *arguments, **named)
        self.threads.add(threading.current_thread())
        self.asked.add((host, int(port)))
        return [
            (
                socket.AF_INET6 if ":" in address else socket.AF_INET,
                socket.SOCK_STREAM,
                socket.IPPROTO_TCP,
                "",
                (address, int(port)),
            )
            for address in self._answer()
        ]


@pytest.fixture
def replace_getaddrinfo(
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[[Callable[[], list[str]]], FakeGetaddrinfo]:
    """Put a FakeGetaddrinfo in place of `socket.getaddrinfo`."""

    def replace(answer: Callable[[], list[str]]) -> FakeGetaddrinfo:
        resolver = FakeGetaddrinfo(answer)
        monkeypatch.setattr(socket, "getaddrinfo", resolver)
        return resolver

    return replace


ReplaceGetaddrinfo = Callable[[Callable[[], list[str]]], FakeGetaddrinfo]


def url_of(server: WebServer, path: str = "/status/200") -> str:
    return server.url(path).replace("127.0.0.1", "server.test")


def test_concurrent_requests_call_replaced_getaddrinfo_once(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo
) -> None:
    """The call is made on a thread of its own: meanwhile other hosts are reached."""
    may_answer = threading.Event()

    def answer() -> list[str]:
        assert may_answer.wait(PATIENCE)
        return ["127.0.0.1"]

    resolver = replace_getaddrinfo(answer)
    with Http() as http:
        promises = [http.request(url_of(server)) for _ in range(20)]
        resolver.asked.wait_for(1)
        assert http.request(server.url("/status/204")).response.status == 204
        may_answer.set()
        assert [promise.response.status for promise in promises] == [200] * 20
        assert http.request(url_of(server)).response.status == 200
    assert list(resolver.asked) == [("server.test", server.port)]
    (thread,) = resolver.threads
    assert thread.name == "asynchttp lookup server.test"


@pytest.mark.parametrize("dead_addresses", [["127.0.0.2"], ["::1"], ["::1", "127.0.0.2"]])
def test_all_addresses_of_name_are_tried(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo, dead_addresses: list[str]
) -> None:
    replace_getaddrinfo(lambda: [*dead_addresses, "127.0.0.1"])
    with Http(timeout=PATIENCE) as http:
        assert http.request(url_of(server)).response.status == 200


class OwnError(Exception):
    """An exception class of the program."""


@pytest.mark.parametrize(
    "error",
    [
        socket.gaierror(socket.EAI_NONAME, "unknown"),
        socket.gaierror(socket.EAI_AGAIN, "for now"),
        socket.gaierror("unknown", "server.test"),
        socket.gaierror(1 << 40, "no code"),
        OwnError("no network in tests", 1),
        OSError(13, "forbidden"),
    ],
    ids=repr,
)
def test_error_of_replaced_getaddrinfo_matches_httplib2(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo, error: Exception
) -> None:
    def answer() -> list[str]:
        raise error

    replace_getaddrinfo(answer)
    raised = [_error_of(client, url_of(server)) for client in (httplib2.Http, Http)]
    assert [type(each) for each in raised] == [type(raised[0])] * 2
    assert raised[0].args == raised[1].args


def _error_of(client: type[httplib2.Http], url: str) -> Exception:
    http = client()
    try:
        bytes(http.request(url)[1])
    except Exception as error:  # noqa: BLE001 - the error is compared
        return error
    finally:
        http.close()
    pytest.fail("nothing was raised")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_replaced_getaddrinfo_is_asked_about_addresses_as_by_httplib2(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """A function that forbids private addresses sees addresses and localhost, too."""
    asked: list[str] = []

    def forbid(name: str, *_: object) -> NoReturn:
        asked.append(name)
        raise PermissionError(f"{name} is private")

    monkeypatch.setattr(socket, "getaddrinfo", forbid)
    url = server.url().replace("127.0.0.1", host)
    raised = [_error_of(client, url) for client in (httplib2.Http, Http)]
    assert [str(each) for each in raised] == [f"{host.strip('[]')} is private"] * 2
    assert asked == [host.strip("[]")] * 2


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_request_to_address_goes_on_after_replaced_getaddrinfo(
    server: WebServer, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    asked: list[str] = []
    original = socket.getaddrinfo

    def note(name: str, *arguments: Any) -> Any:
        asked.append(name)
        return original(name, *arguments)

    monkeypatch.setattr(socket, "getaddrinfo", note)
    with Http(timeout=PATIENCE) as http:
        for _ in range(2):
            error = http.request(server.url().replace("127.0.0.1", host)).exception()
            # Nobody listens at ::1.
            assert type(error) is (ConnectionRefusedError if "::" in host else type(None))
    assert asked == [host.strip("[]")]


def test_lookup_without_answer_fails(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_getaddrinfo(lambda: ["127.0.0.1"])
    with Http() as http:
        with monkeypatch.context() as patch:
            patch.setattr("asynchttp.dispatch.dispatcher.resolve_on_thread", lambda _: None)
            error = http.request(url_of(server)).exception()
        assert isinstance(error, httplib2.ServerNotFoundError)
        assert http.request(url_of(server)).response.status == 200


def test_failed_shared_lookup_gives_each_request_own_error(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo
) -> None:
    may_answer = threading.Event()

    def answer() -> list[str]:
        assert may_answer.wait(PATIENCE)
        raise OwnError("no network in tests")

    replace_getaddrinfo(answer)
    with Http() as http:
        promises = [http.request(url_of(server, f"/status/{number}")) for number in (200, 201)]
        may_answer.set()
        first, second = (promise.exception() for promise in promises)
    assert (type(first), type(second)) == (OwnError, OwnError)
    assert "/status/200" in "".join(first.__notes__)  # type: ignore[union-attr]  # not None
    assert "/status/201" in "".join(second.__notes__)  # type: ignore[union-attr]  # as above
    assert "/status/201" not in "".join(first.__notes__)  # type: ignore[union-attr]  # as above


def test_lookup_without_addresses_raises_server_not_found(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo
) -> None:
    replace_getaddrinfo(list)
    with Http() as http:
        error = http.request(url_of(server)).exception()
    assert isinstance(error, httplib2.ServerNotFoundError)


def test_failed_lookup_is_repeated_by_next_request(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo
) -> None:
    answers = iter([[], ["127.0.0.1"]])
    resolver = replace_getaddrinfo(lambda: next(answers))
    with Http() as http:
        assert http.request(url_of(server)).exception() is not None
        assert http.request(url_of(server)).response.status == 200
    assert len(resolver.asked) == 2


def test_hanging_getaddrinfo_obeys_timeout_and_cancel(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo
) -> None:
    may_answer = threading.Event()

    def answer() -> list[str]:
        assert may_answer.wait(PATIENCE)
        return ["127.0.0.1"]

    resolver = replace_getaddrinfo(answer)
    with Http() as http:
        cancelled = http.request(url_of(server))
        resolver.asked.wait_for(1)
        http.timeout = 0.2
        assert isinstance(http.request(url_of(server)).exception(), TimeoutError)
        assert cancelled.cancel()
        http.timeout = PATIENCE  # the server, a thread of this process, may be 0.2 s late
        assert http.request(server.url("/status/200")).response.status == 200
    may_answer.set()


@pytest.mark.parametrize("name", ["-dash.test", "--dash.test", "-dash-.test", "under_score.test"])
def test_unusual_name_reaches_server(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo, name: str
) -> None:
    """libcurl takes a leading "-" in its list of addresses for the wish to forget a name."""
    resolver = replace_getaddrinfo(lambda: ["127.0.0.1"])
    with Http(timeout=PATIENCE) as http:
        for number in (200, 201):
            uri = url_of(server, f"/status/{number}").replace("server.test", name)
            assert http.request(uri).response.status == number
    assert list(resolver.asked) == [(name, server.port)]


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("fa\u00df.test", "xn--fa-hia.test"),  # Python's codec: fass.test
        ("b\u00fccher.test", "xn--bcher-kva.test"),
        ("B\u00dcCHER.Test", "xn--bcher-kva.test"),
        ("b\u00fccher\u3002test", "xn--bcher-kva.test"),
        ("\u2603.test", "xn--n3h.test"),  # refused by UTS 46 with the rules of 2008
        ("b\u00fccher_x.test", "xn--bcher_x-n2a.test"),  # as above
        ("a_b.test", "a_b.test"),
        ("xn--fa-hia.test", "xn--fa-hia.test"),
    ],
    ids=ascii,
)
def test_name_is_looked_up_in_ascii(
    server: WebServer, replace_getaddrinfo: ReplaceGetaddrinfo, name: str, asked: str
) -> None:
    resolver = replace_getaddrinfo(lambda: ["127.0.0.1"])
    with Http(timeout=PATIENCE) as http:
        uri = url_of(server).replace("server.test", name)
        assert http.request(uri).response.status == 200
    assert list(resolver.asked) == [(asked, server.port)]


def test_import_does_not_load_idna() -> None:
    source = """
import sys
print_line("idna" in sys.modules)
Http().request("http://127.0.0.1:1/").exception()
print_line("idna" in sys.modules)
"""
    assert run_python("from asynchttp import Http\n" + source).assert_clean() == ["False", "False"]


def test_more_names_than_are_remembered_reach_server(
    raw_server: RawServerFactory, replace_getaddrinfo: ReplaceGetaddrinfo
) -> None:
    """Names are forgotten on the way, by the account (4096) and by libcurl (1024)."""
    count = 4500
    replace_getaddrinfo(lambda: ["127.0.0.1"])
    closing = OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    server = raw_server([read_head, send(closing)])
    with Http(timeout=PATIENCE, max_workers=16) as http:
        uris = [f"http://n{number}.test:{server.port}/" for number in range(count)]
        for _ in range(2):
            promises = [http.request(uri) for uri in [*uris[:50], *uris, *uris[:50]]]
            assert {promise.response.status for promise in promises} == {200}
