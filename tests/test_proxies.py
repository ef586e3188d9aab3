"""Requests go through proxies where httplib2 with PySocks sends them, and fail as they fail there.

Rules: httplib2 is right, at the time when the test runs. That a request went through a proxy is
said by the proxy. Of an error, its type and errno are compared, and those of its `socket_err` if
that tells more; of what is said to a proxy, all that decides where it connects to, and for whom.
"""

import base64
import logging
import ssl
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPException
from typing import Any, NamedTuple, TypeAlias

import httplib2
import pytest
import socks  # type: ignore[import-untyped]

from asynchttp import Http
from tests.conftest import RawServers
from tests.oracle import Wire, record, requests_of
from tests.servers.certificates import Authority, elsewhere, local, server_context
from tests.servers.proxies import (
    ACCEPT_SOCKS4,
    ACCEPT_SOCKS5,
    ESTABLISHED,
    FORBIDDEN,
    RealProxy,
    check_login,
    choose_method,
    connect_socks4,
    connect_socks5,
    tunnel,
)
from tests.servers.raw import OK, Peer, RawServer, Step, reset, send, until_closed
from tests.servers.seen import PATIENCE
from tests.servers.unreachable import black_hole_port, refused_port
from tests.servers.web import WebServer

HTTP, SOCKS5, SOCKS4 = socks.PROXY_TYPE_HTTP, socks.PROXY_TYPE_SOCKS5, socks.PROXY_TYPE_SOCKS4
KINDS = {"http": HTTP, "socks5": SOCKS5, "socks4": SOCKS4}
SCHEMES = ["http", "https"]
UNKNOWN = "target.invalid"
"""A name that only a proxy could know."""
NOWHERE = "a." * 130 + "invalid"
"""A name that nobody even looks for, so long is it."""
QUICK = 0.3
"""Seconds after which a request gives up, where it has to."""
LESS_QUICK = 1.0
"""The same, where some of it has to be done before."""

Client: TypeAlias = type[httplib2.Http]
Settings: TypeAlias = Any
"""What the constructor of a client takes. Any: httplib2 does not type it."""

VARIABLES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=[httplib2.Http, Http], ids=["httplib2", "asynchttp"])
def client(request: pytest.FixtureRequest) -> Client:
    """Either: what asynchttp has to do, httplib2 does."""
    made: Client = request.param
    return made


def proxy_at(port: int, kind: int = HTTP, **settings: Any) -> httplib2.ProxyInfo:
    """Any: as above."""
    return httplib2.ProxyInfo(kind, "127.0.0.1", port, **settings)


class Failure(NamedTuple):
    """What callers look at in an error, and in the one that a proxy's error is made of."""

    kind: type[BaseException]
    errno: int | None
    inner: type[BaseException] | None
    inner_errno: int | None


def failure(client: Client, uri: str, **settings: Settings) -> Failure:
    with closing(client(**{"timeout": PATIENCE, **settings})) as http:
        try:
            bytes(http.request(uri)[1])
        except Exception as error:  # noqa: BLE001 - it is what is compared
            forget_sockets(error)
            return failure_of(error)
    raise AssertionError("it did not fail")


def forget_sockets(error: Exception) -> None:
    """httplib2 leaves them open when it fails, in frames that its error holds on to."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        traceback.clear_frames(error.__traceback__)


def failure_of(error: Any) -> Failure:  # Any: of any kind, and so with any attributes
    inner = getattr(error, "socket_err", None)
    numbers = [getattr(each, "errno", None) for each in (error, inner)]
    return Failure(type(error), numbers[0], _telling(inner), numbers[1])


def _telling(inner: object) -> type | None:
    """The type of a `socket_err`, if it says more than that the proxy failed."""
    vague = type(inner) in (socks.ProxyError, socks.GeneralProxyError)
    return None if inner is None or vague or isinstance(inner, HTTPException) else type(inner)


def fails_alike(uri: str, **settings: Settings) -> Failure:
    theirs, ours = failure(httplib2.Http, uri, **settings), failure(Http, uri, **settings)
    assert ours == theirs
    return ours


# Real proxies


class Through(NamedTuple):
    """A real proxy, and what a client is to be told of it."""

    proxy: RealProxy
    kind: str
    login: dict[str, str]

    @property
    def info(self) -> httplib2.ProxyInfo:
        return proxy_at(self.proxy.port, KINDS[self.kind], **self.login)

    def url(self, scheme: str = "") -> str:
        """As a variable of the environment has it."""
        login = ":".join(self.login.values()) + "@" if self.login else ""
        return f"{scheme or self.kind}://{login}127.0.0.1:{self.proxy.port}"

    @property
    def word(self) -> str:
        """How the proxy calls a request for a connection."""
        return "CONNECT" if self.kind == "http" else self.kind


REAL = [("http", ""), ("http", "me:se:cret"), ("socks5", ""), ("socks5", "me:se:cret")]
SOCKS4_ALONE = [("socks4", "")]


@pytest.fixture(scope="module")
def _real_proxies() -> Iterator[dict[tuple[str, str], RealProxy]]:
    with ExitStack() as stack:
        yield {each: stack.enter_context(RealProxy(*each)) for each in [*REAL, *SOCKS4_ALONE]}


def _through(proxies: dict[tuple[str, str], RealProxy], which: tuple[str, str]) -> Through:
    kind, login = which
    user, _, password = login.partition(":")
    proxies[which].take_targets()  # by the tests before
    words = {"proxy_user": user, "proxy_pass": password} if login else {}
    return Through(proxies[which], kind, words)


@pytest.fixture(params=[*REAL, *SOCKS4_ALONE], ids=lambda each: "-".join(each).rstrip("-"))
def through(
    request: pytest.FixtureRequest, _real_proxies: dict[tuple[str, str], RealProxy]
) -> Through:
    return _through(_real_proxies, request.param)


@pytest.fixture(params=[REAL[1], REAL[3]], ids=["http", "socks5"])
def guarded(
    request: pytest.FixtureRequest, _real_proxies: dict[tuple[str, str], RealProxy]
) -> Through:
    """One that wants a password."""
    return _through(_real_proxies, request.param)


@pytest.fixture
def plain(_real_proxies: dict[tuple[str, str], RealProxy]) -> Through:
    """The HTTP proxy that wants no password."""
    return _through(_real_proxies, REAL[0])


@pytest.fixture
def guarded_socks(_real_proxies: dict[tuple[str, str], RealProxy]) -> Through:
    return _through(_real_proxies, REAL[3])


def post(http: httplib2.Http, uri: str) -> tuple[int, bytes]:
    response, content = http.request(uri, "POST", body="hello")
    return response.status, bytes(content)


def at_ip(uri: str) -> str:
    """The same by its address: SOCKS4 knows no names, but for an extension of its own."""
    return uri.replace("localhost", "127.0.0.1")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_request_goes_through_real_proxy(
    client: Client,
    through: Through,
    scheme: str,
    server: WebServer,
    tls_server: WebServer,
    authority_file: str,
) -> None:
    target = server if scheme == "http" else tls_server
    with closing(client(proxy_info=through.info, ca_certs=authority_file)) as http:
        status, content = post(http, at_ip(target.url("/echo")))
    assert status == 200
    assert b"hello" in content
    assert through.proxy.take_targets() == [f"{through.word} 127.0.0.1:{target.port}"]
    assert len(target.received) == 1


def test_proxy_of_environment_is_used(
    client: Client, through: Through, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", through.url())
    with closing(client()) as http:
        assert post(http, server.url())[0] == 200
    assert through.proxy.take_targets() == [f"{through.word} 127.0.0.1:{server.port}"]


def test_scheme_socks_means_socks5(
    client: Client, guarded_socks: Through, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", guarded_socks.url("socks"))
    with closing(client()) as http:
        assert post(http, server.url())[0] == 200
    assert guarded_socks.proxy.take_targets() == [f"socks5 127.0.0.1:{server.port}"]


def test_certificate_is_checked_for_target_behind_proxy(
    raw_tls_server: RawServers, through: Through, authority: Authority
) -> None:
    target = raw_tls_server([record, send(OK)], pem=elsewhere(authority))
    uri = at_ip(target.url())
    settings = {"ca_certs": str(authority.pem)}
    theirs = failure(httplib2.Http, uri, proxy_info=through.info, **settings)
    assert failure(Http, uri, proxy_info=through.info, **settings) == theirs
    assert theirs.kind is ssl.SSLCertVerificationError
    assert list(target.heads) == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "login", [{"proxy_user": "me", "proxy_pass": "wrong"}, {"proxy_user": "me"}, {}], ids=str
)
def test_wrong_proxy_password_fails_like_httplib2(
    guarded: Through, login: dict[str, str], scheme: str
) -> None:
    info = proxy_at(guarded.proxy.port, KINDS[guarded.kind], **login)
    error = fails_alike(f"{scheme}://{UNKNOWN}/", proxy_info=info)
    assert issubclass(error.kind, socks.ProxyError)
    assert guarded.proxy.take_targets() == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_target_refusing_proxy_fails_like_httplib2(plain: Through, scheme: str) -> None:
    with refused_port() as port:
        error = fails_alike(f"{scheme}://127.0.0.1:{port}/", proxy_info=plain.info)
    assert issubclass(error.kind, socks.ProxyError)
    assert plain.proxy.take_targets() == [f"CONNECT 127.0.0.1:{port}"] * 2


@pytest.mark.parametrize("scheme", SCHEMES)
def test_target_forbidden_by_proxy_fails_like_httplib2(plain: Through, scheme: str) -> None:
    error = fails_alike(f"{scheme}://{FORBIDDEN}/", proxy_info=plain.info)
    assert issubclass(error.kind, socks.ProxyError)
    assert plain.proxy.take_targets() == []


def test_concurrent_requests_go_through_proxy(through: Through, server: WebServer) -> None:
    with Http(proxy_info=through.info) as http:
        promises = [http.request(server.url(f"/bytes/{size}")) for size in range(50)]
        assert [len(promise.content) for promise in promises] == list(range(50))
    assert set(through.proxy.take_targets()) == {f"{through.word} 127.0.0.1:{server.port}"}


# Which requests go through one: those of the environment


Route: TypeAlias = tuple[Failure, list[list[bytes]]]
"""How a request failed, and whom each proxy was asked to connect to."""


def refusing(raw_server: RawServers) -> RawServer:
    """An HTTP proxy that connects nobody."""
    return raw_server([record, send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")])


def asked(proxy: RawServer) -> list[bytes]:
    return [head.partition(b"\r\n")[0] for head in proxy.heads]


def route(client: Client, uri: str, proxies: list[RawServer], **settings: Settings) -> Route:
    failed = failure(client, uri, **settings)
    return failed, [asked(proxy) for proxy in proxies]


A, B = "http://127.0.0.1:{0}", "http://127.0.0.1:{1}"
ENVIRONMENTS = [
    {},
    {"http_proxy": A},
    {"HTTP_PROXY": A},
    {"http_proxy": A, "HTTP_PROXY": B},
    {"http_proxy": "", "HTTP_PROXY": B},
    {"https_proxy": A},
    {"HTTPS_PROXY": A},
    {"https_proxy": A, "HTTPS_PROXY": B},
    {"http_proxy": A, "https_proxy": B},
    {"all_proxy": A, "ALL_PROXY": B},
    {"http_proxy": "127.0.0.1:{0}"},
    {"http_proxy": "https://127.0.0.1:{0}", "https_proxy": "https://127.0.0.1:{1}"},
    {"http_proxy": "http://me:secret@127.0.0.1:{0}/", "https_proxy": "http://me:@127.0.0.1:{1}"},
    {"http_proxy": "http://127.0.0.1:port", "https_proxy": "http://[127.0.0.1"},
    {"http_proxy": "nonsense://127.0.0.1:{0}"},
    {"http_proxy": f"http://{NOWHERE}:8080", "https_proxy": "http://:8080"},
]


def set_all(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], *ports: int) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value.format(*ports))


def route_by_environment(
    client: Client,
    uri: str,
    values: dict[str, str],
    raw_server: RawServers,
    monkeypatch: pytest.MonkeyPatch,
    **settings: Settings,
) -> Route:
    proxies = [refusing(raw_server), refusing(raw_server)]
    set_all(monkeypatch, values, *(proxy.port for proxy in proxies))
    return route(client, uri, proxies, **settings)


@pytest.fixture
def unserved() -> Iterator[int]:
    """A port of this machine where nobody is: a request that goes there is refused at once."""
    with refused_port() as port:
        yield port


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("values", ENVIRONMENTS, ids=range(len(ENVIRONMENTS)))
def test_environment_variables_route_like_httplib2(
    raw_server: RawServers,
    monkeypatch: pytest.MonkeyPatch,
    unserved: int,
    values: dict[str, str],
    scheme: str,
) -> None:
    uri = f"{scheme}://localhost:{unserved}/"
    theirs = route_by_environment(httplib2.Http, uri, values, raw_server, monkeypatch)
    assert route_by_environment(Http, uri, values, raw_server, monkeypatch) == theirs


EXCEPTIONS = """
    * |localhost |.localhost |LOCALHOST |*.localhost |host |localhost:80 |127.0.0.1 |.0.0.1 |0.0.1
    |*.0.0.1 |127.0.0.0/8 |other.test |other.test,localhost |other.test, localhost |localhost.
    | ,, |*,other.test |other.test,* |,localhost,
"""
NO_PROXY = [each.strip(" \n") for each in EXCEPTIONS.split("|")]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1"])
@pytest.mark.parametrize("exceptions", [*NO_PROXY, " *", " localhost"])
def test_no_proxy_hosts_match_httplib2(
    raw_server: RawServers,
    monkeypatch: pytest.MonkeyPatch,
    unserved: int,
    exceptions: str,
    host: str,
    scheme: str,
) -> None:
    values = {"http_proxy": A, "https_proxy": B, "no_proxy": exceptions}
    uri = f"{scheme}://{host}:{unserved}/"
    theirs = route_by_environment(httplib2.Http, uri, values, raw_server, monkeypatch)
    assert route_by_environment(Http, uri, values, raw_server, monkeypatch) == theirs


@pytest.mark.parametrize(
    "exceptions",
    [{"NO_PROXY": "*"}, {"no_proxy": "", "NO_PROXY": "*"}, {"no_proxy": "*", "NO_PROXY": ""}],
    ids=str,
)
def test_case_of_no_proxy_matches_httplib2(
    raw_server: RawServers,
    monkeypatch: pytest.MonkeyPatch,
    unserved: int,
    exceptions: dict[str, str],
) -> None:
    uri, values = f"http://localhost:{unserved}/", {"http_proxy": A, **exceptions}
    theirs = route_by_environment(httplib2.Http, uri, values, raw_server, monkeypatch)
    assert route_by_environment(Http, uri, values, raw_server, monkeypatch) == theirs


def test_environment_is_read_at_each_request(
    client: Client, through: Through, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(client()) as http:
        monkeypatch.setenv("http_proxy", through.url())
        post(http, server.url())
    assert len(through.proxy.take_targets()) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("none", [None, False, lambda _: None])
def test_proxy_info_none_overrides_environment(
    raw_server: RawServers,
    monkeypatch: pytest.MonkeyPatch,
    unserved: int,
    none: object,
    scheme: str,
) -> None:
    uri = f"{scheme}://localhost:{unserved}/"
    values = {"http_proxy": A, "https_proxy": A, "all_proxy": A, "ALL_PROXY": A}
    for client in (httplib2.Http, Http):
        failed, heads = route_by_environment(
            client, uri, values, raw_server, monkeypatch, proxy_info=none
        )
        assert failed.kind is ConnectionRefusedError
        assert heads == [[], []]


def test_given_proxy_overrides_no_proxy_of_environment(
    client: Client, through: Through, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment excepts is excepted from its own proxies only."""
    set_all(monkeypatch, {"no_proxy": "*", "NO_PROXY": "*", "http_proxy": "http://127.0.0.1:1"})
    with closing(client(proxy_info=through.info)) as http:
        post(http, server.url())
    assert len(through.proxy.take_targets()) == 1


# Which requests go through one: objects and functions


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "excepted",
    [(), ["localhost"], (".localhost",), ("host",), ("other.test", "localhost"), httplib2.AllHosts],
    ids=str,
)
def test_bypass_hosts_match_httplib2(
    raw_server: RawServers,
    unserved: int,
    excepted: Any,
    scheme: str,  # Any: a class, or names
) -> None:
    routes = []
    for client in (httplib2.Http, Http):
        proxy = refusing(raw_server)
        info = proxy_at(proxy.port)
        info.bypass_hosts = excepted
        routes.append(route(client, f"{scheme}://localhost:{unserved}/", [proxy], proxy_info=info))
    assert routes[1] == routes[0]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("where", [(None, 8080), ("127.0.0.1", None), (None, None), ("", 8080)])
def test_incomplete_proxy_info_fails_like_httplib2(
    unserved: int,
    where: tuple[Any, Any],
    scheme: str,  # Any: wrong
) -> None:
    fails_alike(f"{scheme}://localhost:{unserved}/", proxy_info=httplib2.ProxyInfo(HTTP, *where))


@pytest.mark.parametrize("kind", [0, 4, 9, "http"])
def test_unknown_proxy_type_fails_like_httplib2(
    raw_server: RawServers,
    kind: Any,  # Any: none that there is
) -> None:
    proxy = refusing(raw_server)
    fails_alike(f"http://{UNKNOWN}/", proxy_info=proxy_at(proxy.port, kind))
    assert list(proxy.heads) == []


def test_proxy_type_none_means_no_proxy(client: Client, server: WebServer) -> None:
    info = httplib2.ProxyInfo(None, "127.0.0.1", 1)
    with closing(client(proxy_info=info)) as http:
        assert post(http, server.url())[0] == 200


@pytest.mark.parametrize("scheme", SCHEMES)
def test_proxy_function_is_called_with_scheme(
    client: Client, raw_server: RawServers, scheme: str
) -> None:
    schemes: list[str] = []
    proxy = refusing(raw_server)

    def choose(scheme: str) -> httplib2.ProxyInfo:
        schemes.append(scheme)
        return proxy_at(proxy.port)

    failure(client, f"{scheme}://{UNKNOWN}/", proxy_info=choose)
    assert schemes == [scheme]
    assert len(proxy.heads) == 1


def refuse(_: str) -> object:
    raise ZeroDivisionError


def want_nothing() -> None:
    """Takes no scheme."""


def give_text(_: str) -> object:
    return "nonsense"


def give_a_number(_: str) -> object:
    return 7


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("wrong", [refuse, want_nothing, give_text, give_a_number, "nonsense", 7])
def test_failing_proxy_function_fails_like_httplib2(wrong: object, scheme: str) -> None:
    fails_alike(f"{scheme}://{UNKNOWN}/", proxy_info=wrong)


def test_slow_proxy_function_delays_no_other_request(through: Through, server: WebServer) -> None:
    """It runs on a worker: while it takes its time, the caller and other requests go on."""
    begun, end = threading.Event(), threading.Event()

    def choose(_: str) -> httplib2.ProxyInfo:
        begun.set()
        assert end.wait(PATIENCE)
        return through.info

    with Http(proxy_info=choose) as http:
        slow = http.request(server.url("/bytes/5"))
        assert begun.wait(PATIENCE)
        http.proxy_info = None
        assert len(http.request(server.url("/bytes/6")).content) == 6
        assert not slow.done()
        assert through.proxy.take_targets() == []
        end.set()
        assert len(slow.content) == 5
    assert len(through.proxy.take_targets()) == 1


def test_proxy_function_may_make_requests(through: Through, server: WebServer) -> None:
    """As one would that fetches the rules from a server."""
    with Http(proxy_info=None) as other:

        def choose(_: str) -> httplib2.ProxyInfo:
            assert len(other.request(server.url("/bytes/7")).content) == 7
            return through.info

        with Http(proxy_info=choose, max_workers=1) as http:
            assert len(http.request(server.url("/bytes/5")).content) == 5
    assert len(through.proxy.take_targets()) == 1


MOVED = b"HTTP/1.1 302 Found\r\nLocation: https://%s/next\r\nContent-Length: 0\r\n\r\n"


def test_redirect_uses_proxy_of_new_scheme(
    raw_server: RawServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = [record, ESTABLISHED, record, send(MOVED % UNKNOWN.encode())]
    routes = []
    for client in (httplib2.Http, Http):
        proxies = [raw_server(moved), refusing(raw_server)]
        set_all(monkeypatch, {"http_proxy": A, "https_proxy": B}, *(each.port for each in proxies))
        routes.append(route(client, f"http://{UNKNOWN}/", proxies))
    assert routes[1] == routes[0]
    assert routes[1][1][1] == [f"CONNECT {UNKNOWN}:443 HTTP/1.1".encode()]


# Changed between requests


def test_new_proxy_info_applies_to_next_request(through: Through, server: WebServer) -> None:
    with Http(proxy_info=None) as http:
        post(http, server.url())
        http.proxy_info = through.info
        post(http, server.url())
        assert len(through.proxy.take_targets()) == 1
        http.proxy_info = proxy_at(1)
        error = http.request(server.url()).exception()
        assert isinstance(error, socks.ProxyConnectionError)
        http.proxy_info = None
        post(http, server.url())
    assert len(server.received) == 3
    assert through.proxy.take_targets() == []


def test_proxy_info_changed_in_place_applies(through: Through, server: WebServer) -> None:
    """In place, where comparing it with what it was would not tell."""
    info = through.info
    with Http(proxy_info=info) as http:
        post(http, server.url())
        info.proxy_port = 1  # type: ignore[attr-defined]  # its types forget it
        error = http.request(server.url()).exception()
    assert isinstance(error, socks.ProxyConnectionError)


def test_tunnel_is_not_reused_with_other_credentials(guarded: Through, server: WebServer) -> None:
    with Http(proxy_info=guarded.info) as http:
        assert post(http, server.url())[0] == 200
        for login in ({"proxy_user": "me", "proxy_pass": "wrong"}, {}):
            http.proxy_info = proxy_at(guarded.proxy.port, KINDS[guarded.kind], **login)
            assert isinstance(http.request(server.url()).exception(), socks.ProxyError)
    assert len(server.received) == 1


# What is said to an HTTP proxy


ANYTHING: list[Step] = [record, ESTABLISHED, record, send(OK)]
Ask: TypeAlias = Callable[[httplib2.Http, str], Any]
"""Makes a request. Any: nobody looks at what it returns."""


def ask_plainly(http: httplib2.Http, uri: str) -> object:
    return bytes(http.request(uri)[1])


def served(
    client: Client,
    raw_server: RawServers,
    script: list[Step],
    uri: str,
    kind: int = HTTP,
    ask: Ask = ask_plainly,
    **settings: Any,  # Any: those of a ProxyInfo
) -> RawServer:
    """A scripted proxy that a client has talked to."""
    proxy = raw_server(script)
    info = proxy_at(proxy.port, kind, **settings)
    with closing(client(timeout=PATIENCE, proxy_info=info)) as http:
        ask(http, uri)
    return proxy


def wires(raw_server: RawServers, uri: str, **settings: Any) -> tuple[list[Wire], list[Wire]]:
    """What httplib2 says to a proxy and through it, and what asynchttp. Any: as above."""
    theirs, ours = (
        requests_of(served(client, raw_server, ANYTHING, uri, **settings))
        for client in (httplib2.Http, Http)
    )
    return theirs, ours


def credentials(request: Wire) -> tuple[str, bytes] | None:
    value = request.header("proxy-authorization")
    if value is None:
        return None
    scheme, _, encoded = value.partition(" ")
    return scheme.lower(), base64.b64decode(encoded)


IN_ITS_OWN_WORDS = {"host", "user-agent", "proxy-connection", "proxy-authorization"}


def private(http: httplib2.Http, uri: str) -> object:
    headers = {"Authorization": "Bearer token", "Cookie": "a=b", "X-Own": "1"}
    return bytes(http.request(uri, "POST", body="hello", headers=headers)[1])


@pytest.mark.parametrize("host", [UNKNOWN, UNKNOWN.upper(), f"{UNKNOWN}:81", "127.0.0.1:80"])
def test_http_request_uses_tunnel_like_httplib2(raw_server: RawServers, host: str) -> None:
    theirs, ours = wires(raw_server, f"http://{host}/path?query", ask=private)
    assert ours[0].line == theirs[0].line
    assert ours[1:] == theirs[1:]
    assert {name for name, _ in ours[0].headers} <= IN_ITS_OWN_WORDS
    assert ours[0].body == b""


def test_connect_line_of_idn_host_matches_httplib2(raw_server: RawServers) -> None:
    theirs, ours = wires(raw_server, "http://b\u00fccher.invalid/")
    assert ours[0].line == theirs[0].line


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"proxy_user": "me"},
        {"proxy_pass": "secret"},
        {"proxy_user": "me", "proxy_pass": ""},
        {"proxy_user": "", "proxy_pass": "secret"},
        {"proxy_user": "me", "proxy_pass": "secret"},
        {"proxy_user": b"me", "proxy_pass": b"secret"},
        {"proxy_user": "me", "proxy_pass": "se:cr@t/ %41"},
        {"proxy_user": "m:e", "proxy_pass": "secret"},
        {"proxy_user": "m\u00e9", "proxy_pass": "g\u00fcnther"},
        {"proxy_user": "m" * 300, "proxy_pass": "s" * 300},
    ],
    ids=lambda login: str(login)[:60],
)
def test_proxy_password_is_sent_with_first_connect(
    raw_server: RawServers, login: dict[str, Any]
) -> None:
    theirs, ours = wires(raw_server, f"http://{UNKNOWN}/", **login)
    assert credentials(ours[0]) == credentials(theirs[0])
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize("login", ["me:secret@", "m%40e:se%3Acret@", "me@", "me:@", ":secret@"])
def test_password_of_proxy_url_is_not_decoded(raw_server: RawServers, login: str) -> None:
    """It is taken as it is: httplib2 does not decode it."""
    said = []
    for client in (httplib2.Http, Http):
        proxy = raw_server(ANYTHING)
        info = httplib2.proxy_info_from_url(f"http://{login}127.0.0.1:{proxy.port}")
        with closing(client(proxy_info=info)) as http:
            ask_plainly(http, f"http://{UNKNOWN}/")
        said.append(credentials(requests_of(proxy)[0]))
    assert said[1] == said[0]


def test_proxy_headers_are_not_sent(raw_server: RawServers) -> None:
    """httplib2 takes them, and does not send them."""
    headers = {"X-Proxy": "1", "Proxy-Authorization": "Basic x"}
    theirs, ours = wires(raw_server, f"http://{UNKNOWN}/", proxy_headers=headers)
    assert ours[0].header("x-proxy") == theirs[0].header("x-proxy")
    assert ours[0].header("proxy-authorization") == theirs[0].header("proxy-authorization")
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize(
    ("host", "rdns"), [("localhost:81", True), ("127.0.0.1:81", True), ("127.0.0.1:81", False)]
)
def test_http_proxy_resolves_target_name(raw_server: RawServers, host: str, rdns: bool) -> None:
    """The proxy; with `proxy_rdns=False` httplib2 would do it, here the proxy still does."""
    theirs, ours = wires(raw_server, f"http://{host}/", proxy_rdns=rdns)
    assert ours[0].line == theirs[0].line
    assert ours[1:] == theirs[1:]


def test_tunnel_is_reused_by_next_request(client: Client, raw_server: RawServers) -> None:
    proxy = raw_server([*ANYTHING, record, send(OK), until_closed])
    with closing(client(proxy_info=proxy_at(proxy.port))) as http:
        ask_plainly(http, f"http://{UNKNOWN}/1")
        ask_plainly(http, f"http://{UNKNOWN}/2")
    assert [request.line for request in requests_of(proxy)] == [
        f"CONNECT {UNKNOWN}:80 HTTP/1.1",
        "GET /1 HTTP/1.1",
        "GET /2 HTTP/1.1",
    ]


@pytest.mark.parametrize(
    "established",
    [
        b"HTTP/1.1 200 OK\r\nX-Proxy: 1\r\nSet-Cookie: a=b\r\nVia: 1.1 x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\n",
    ],
)
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 407 P\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\nno",
    ],
)
def test_response_has_nothing_of_proxy_answer(
    raw_server: RawServers, established: bytes, answer: bytes
) -> None:
    """None of the proxy's words, and none of its meanings, are in it."""
    seen: list[object] = []

    def look(http: httplib2.Http, uri: str) -> None:
        response, content = http.request(uri)
        line = response.status, response.reason, response.version
        seen.append((dict(response), *line, bytes(content)))

    script = [record, send(established), record, send(answer)]
    for client in (httplib2.Http, Http):
        served(client, raw_server, script, f"http://{UNKNOWN}/", ask=look)
    assert seen[1] == seen[0]


# What is said to a SOCKS proxy


def said_to(
    raw_server: RawServers, script: list[Step], uri: str, kind: int, **settings: Any
) -> list[list[bytes]]:
    """What each client says after the list of ways to log in. Any: those of a ProxyInfo."""
    first = 1 if kind == SOCKS5 else 0
    proxies = (
        served(client, raw_server, [*script, record, send(OK)], uri, kind, **settings)
        for client in (httplib2.Http, Http)
    )
    return [list(proxy.bodies)[first:] for proxy in proxies]


@pytest.mark.parametrize("kind", ["socks5", "socks4"])
@pytest.mark.parametrize(
    ("host", "rdns"),
    [
        (UNKNOWN, True),
        (f"{UNKNOWN}:81", True),
        ("127.0.0.1:81", True),
        ("127.0.0.1:81", False),
        ("localhost:81", True),
    ],
)
def test_target_sent_to_socks_proxy_matches_httplib2(
    raw_server: RawServers, kind: str, host: str, rdns: bool
) -> None:
    script = ACCEPT_SOCKS5 if kind == "socks5" else ACCEPT_SOCKS4
    theirs, ours = said_to(raw_server, script, f"http://{host}/", KINDS[kind], proxy_rdns=rdns)
    assert ours == theirs


LOOPBACK = {b"\1\x7f\0\0\1\0Q", b"\4" + bytes(15) + b"\1\0Q"}
"""Port 81 of this machine, as SOCKS5 has it."""


def test_socks5_without_rdns_sends_address(client: Client, raw_server: RawServers) -> None:
    proxy = served(
        client,
        raw_server,
        [*ACCEPT_SOCKS5, record, send(OK)],
        "http://localhost:81/",
        SOCKS5,
        proxy_rdns=False,
    )
    assert proxy.bodies[1] in LOOPBACK


def test_socks4_without_rdns_sends_address(client: Client, raw_server: RawServers) -> None:
    proxy = served(
        client,
        raw_server,
        [*ACCEPT_SOCKS4, record, send(OK)],
        "http://localhost:81/",
        SOCKS4,
        proxy_rdns=False,
    )
    assert proxy.bodies[0] == b"\0Q\x7f\0\0\1\0"


LOGIN5: list[Step] = [choose_method(2), check_login(0), connect_socks5(0)]


@pytest.mark.parametrize(
    "login",
    [
        {"proxy_user": "me", "proxy_pass": "secret"},
        {"proxy_user": b"me", "proxy_pass": b"secret"},
        {"proxy_user": "m:e", "proxy_pass": "se:cr@t/ %41"},
        {"proxy_user": "m\u00e9", "proxy_pass": "g\u00fcnther"},
    ],
    ids=str,
)
def test_socks5_login_matches_httplib2(raw_server: RawServers, login: dict[str, Any]) -> None:
    theirs, ours = said_to(raw_server, LOGIN5, f"http://{UNKNOWN}/", SOCKS5, **login)
    assert ours == theirs


def test_unwanted_login_is_not_sent_to_socks5(raw_server: RawServers) -> None:
    login = {"proxy_user": "me", "proxy_pass": "secret"}
    theirs, ours = said_to(raw_server, ACCEPT_SOCKS5, f"http://{UNKNOWN}/", SOCKS5, **login)
    assert ours == theirs


@pytest.mark.parametrize("login", [{"proxy_user": "me"}, {"proxy_user": "me", "proxy_pass": "x"}])
def test_socks4_user_matches_httplib2(raw_server: RawServers, login: dict[str, Any]) -> None:
    theirs, ours = said_to(raw_server, ACCEPT_SOCKS4, f"http://{UNKNOWN}/", SOCKS4, **login)
    assert ours == theirs


AGREE: dict[str, list[Step]] = {"http": tunnel, "socks5": ACCEPT_SOCKS5, "socks4": ACCEPT_SOCKS4}


@pytest.mark.parametrize("kind", KINDS)
def test_tls_through_proxy_checks_target_name(
    client: Client, raw_server: RawServers, kind: str, authority: Authority
) -> None:
    """The name in the certificate is the target's, and so is the one that TLS asks for."""
    names: list[str | None] = []
    context = server_context(local(authority))
    context.sni_callback = lambda _, name, __: names.append(name)
    proxy = raw_server([*AGREE[kind], lambda peer: peer.secure(context), record, send(OK)])
    info = proxy_at(proxy.port, KINDS[kind])
    with closing(client(proxy_info=info, ca_certs=str(authority.pem))) as http:
        assert ask_plainly(http, "https://localhost:81/") == b"ok"
    assert names == ["localhost"]


# What goes wrong on the way


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_refused_proxy_raises_proxy_connection_error(kind: str, scheme: str) -> None:
    with refused_port() as port:
        error = fails_alike(f"{scheme}://{UNKNOWN}/", proxy_info=proxy_at(port, KINDS[kind]))
    assert error.kind is socks.ProxyConnectionError


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_proxy_name_raises_server_not_found(kind: str, scheme: str) -> None:
    info = httplib2.ProxyInfo(KINDS[kind], NOWHERE, 8080)
    error = fails_alike(f"{scheme}://127.0.0.1/", proxy_info=info)
    assert error.kind is httplib2.ServerNotFoundError


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_unreachable_proxy_times_out_like_httplib2(kind: str, scheme: str) -> None:
    with black_hole_port() as port:
        info = proxy_at(port, KINDS[kind])
        error = fails_alike(f"{scheme}://{UNKNOWN}/", proxy_info=info, timeout=QUICK)
    assert (error.kind, error.inner) == (socks.ProxyConnectionError, TimeoutError)


def status(line: bytes) -> list[Step]:
    return [record, send(b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n")]


STATUSES = b"""
    301 Moved Permanently|400 Bad Request|401 Unauthorized|403 Forbidden
    |404 Not Found|405 Method Not Allowed|407 Proxy Authentication Required|418 Teapot
    |500 Internal Server Error|502 Bad Gateway|503 Service Unavailable|504 Gateway Timeout
"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("line", [each.strip() for each in STATUSES.split(b"|")])
def test_refusing_proxy_status_raises_proxy_error(
    raw_server: RawServers, line: bytes, scheme: str
) -> None:
    proxy = raw_server(status(line))
    error = fails_alike(f"{scheme}://{UNKNOWN}/", proxy_info=proxy_at(proxy.port))
    assert issubclass(error.kind, socks.ProxyError)


@pytest.mark.parametrize("line", [b"201 Created", b"204 No Content"])
def test_any_2xx_proxy_status_opens_tunnel(raw_server: RawServers, line: bytes) -> None:
    """A difference: for PySocks it is 200 alone, but RFC 9110 (9.3.6) has all from 200 to 299."""
    proxy = raw_server([record, send(b"HTTP/1.1 " + line + b"\r\n\r\n"), record, send(OK)])
    with Http(timeout=PATIENCE, proxy_info=proxy_at(proxy.port)) as http:
        assert http.request(f"http://{UNKNOWN}/")[1] == b"ok"
    assert failure(httplib2.Http, f"http://{UNKNOWN}/", proxy_info=proxy_at(proxy.port))


def challenge(scheme: bytes) -> list[Step]:
    field = b"Proxy-Authenticate: " + scheme + b"\r\n"
    return [record, send(b"HTTP/1.1 407 P\r\n" + field + b"Content-Length: 0\r\n\r\n")]


LOGIN = {"proxy_user": "me", "proxy_pass": "secret"}
DIGEST = b'Digest realm="x", nonce="y", qop="auth"'


@pytest.mark.parametrize("scheme", [b'Basic realm="x"', DIGEST, b"Negotiate", b"NTLM"])
@pytest.mark.parametrize("login", [{}, LOGIN], ids=str)
def test_proxy_challenge_fails_like_httplib2(
    raw_server: RawServers, scheme: bytes, login: dict[str, Any]
) -> None:
    proxies = []
    for client in (httplib2.Http, Http):
        proxies.append(raw_server([*challenge(scheme), *challenge(scheme)]))
        failed = failure(
            client, f"http://{UNKNOWN}/", proxy_info=proxy_at(proxies[-1].port, **login)
        )
        assert failed.inner is socks.HTTPError
    assert len(proxies[1].heads) == len(proxies[0].heads)


def resets_at_once(peer: Peer) -> None:
    peer.reader.read(1)
    reset(peer)


def closes_at_once(peer: Peer) -> None:
    """Reads what there is, so that the connection ends, and is not reset."""
    peer.socket.recv(65_536)


WRONG: dict[str, tuple[str, dict[str, str], list[Step]]] = {
    "http-closes": ("http", {}, [closes_at_once]),
    "http-resets": ("http", {}, [resets_at_once]),
    "http-garbage": ("http", {}, [record, send(b"garbage\r\n\r\n")]),
    "http-half a line": ("http", {}, [record, send(b"HTTP/1.1 2")]),
    "http-closes in the head": ("http", {}, [record, send(b"HTTP/1.1 502 Bad\r\nX: 1\r\n")]),
    "http-other protocol": ("http", {}, [record, send(b"ICY 200 OK\r\n\r\n")]),
    "http-speaks socks": ("http", {}, [record, send(b"\5\0")]),
    "socks5-closes": ("socks5", {}, [closes_at_once]),
    "socks5-speaks http": ("socks5", {}, [closes_at_once, send(b"HTTP/1.1 400 Bad\r\n\r\n")]),
    "socks5-speaks socks4": ("socks5", {}, [closes_at_once, send(b"\0\x5b" + bytes(6))]),
    "socks5-no method": ("socks5", {}, [choose_method(0xFF)]),
    "socks5-no method for a login": ("socks5", LOGIN, [choose_method(0xFF)]),
    "socks5-unknown method": ("socks5", {}, [choose_method(9), until_closed]),
    "socks5-wants a login": ("socks5", {}, [choose_method(2), check_login(1)]),
    "socks5-wants a password": ("socks5", {"proxy_user": "me"}, [choose_method(2), check_login(1)]),
    "socks5-wrong login": ("socks5", LOGIN, [choose_method(2), check_login(1)]),
    "socks5-closes at the login": ("socks5", LOGIN, [choose_method(2), closes_at_once]),
    "socks5-closes at the target": ("socks5", {}, [choose_method(0), closes_at_once]),
    **{
        f"socks5-{code}": ("socks5", {}, [choose_method(0), connect_socks5(code)])
        for code in (*range(1, 10), 255)
    },
    "socks4-closes": ("socks4", {}, [closes_at_once]),
    "socks4-speaks socks5": ("socks4", {}, [closes_at_once, send(b"\5\xff" + bytes(6))]),
    "socks4-half an answer": ("socks4", {}, [closes_at_once, send(b"\0\x5a")]),
    **{f"socks4-{code}": ("socks4", {}, [connect_socks4(code)]) for code in range(0x5B, 0x5F)},
    "http-closes the tunnel": ("http", {}, [record, ESTABLISHED, closes_at_once]),
    "http-resets the tunnel": ("http", {}, [record, ESTABLISHED, resets_at_once]),
    "socks5-closes the tunnel": ("socks5", {}, [*ACCEPT_SOCKS5, closes_at_once]),
    "socks4-closes the tunnel": ("socks4", {}, [*ACCEPT_SOCKS4, closes_at_once]),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("wrong", WRONG)
def test_broken_proxy_fails_like_httplib2(raw_server: RawServers, wrong: str, scheme: str) -> None:
    kind, login, script = WRONG[wrong]
    proxy = raw_server(script)
    info = proxy_at(proxy.port, KINDS[kind], **login)
    fails_alike(f"{scheme}://{UNKNOWN}/", proxy_info=info)


# Not: a tunnel of a SOCKS proxy, and silence in it before TLS has begun. libcurl does not say how
# far it came, and so it is the proxy's here.
SILENCES: dict[str, tuple[str, list[Step]]] = {
    "http": ("http", [until_closed]),
    "http-tunnel": ("http", [record, ESTABLISHED, until_closed]),
    "socks5": ("socks5", [until_closed]),
    "socks5-target": ("socks5", [choose_method(0), until_closed]),
    "socks5-tunnel": ("socks5", [*ACCEPT_SOCKS5, until_closed]),
    "socks4": ("socks4", [until_closed]),
    "socks4-tunnel": ("socks4", [*ACCEPT_SOCKS4, until_closed]),
}


@pytest.mark.parametrize(
    ("silence", "scheme"),
    [
        (silence, scheme)
        for silence in SILENCES
        for scheme in SCHEMES
        if (silence, scheme) not in (("socks5-tunnel", "https"), ("socks4-tunnel", "https"))
    ],
)
def test_silent_proxy_times_out_like_httplib2(
    raw_server: RawServers, silence: str, scheme: str
) -> None:
    kind, script = SILENCES[silence]
    proxy = raw_server(script)
    info = proxy_at(proxy.port, KINDS[kind])
    timeout = LESS_QUICK if "tunnel" in silence else QUICK
    error = fails_alike(f"{scheme}://{UNKNOWN}/", proxy_info=info, timeout=timeout)
    assert TimeoutError in (error.kind, error.inner)


@pytest.mark.parametrize("kind", ["socks4", "socks5"])
def test_unknown_target_without_rdns_raises_server_not_found(kind: str) -> None:
    """httplib2 says that the proxy failed, which was not even asked."""
    info = proxy_at(1, KINDS[kind], proxy_rdns=False)
    error = failure(Http, f"http://{NOWHERE}/", proxy_info=info)
    assert error.kind is httplib2.ServerNotFoundError


# What is told of it


@pytest.mark.parametrize("password", ["se:cret", "wrong"])
def test_proxy_password_is_in_no_log_or_error(
    guarded: Through, server: WebServer, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    login = {"proxy_user": "me", "proxy_pass": password}
    info = proxy_at(guarded.proxy.port, KINDS[guarded.kind], **login)
    with Http(proxy_info=info) as http:
        error = http.request(server.url()).exception()
    assert (error is None) == (password == "se:cret")
    told = caplog.text + str(error) + "".join(getattr(error, "__notes__", []))
    assert str(server.port) in told
    assert password not in told
    assert base64.b64encode(f"me:{password}".encode()).decode() not in told
