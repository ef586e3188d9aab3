"""Requests go through proxies, and fail, like requests of httplib2 with PySocks.

Rules: httplib2 is right, at the time of the test. The proxy's record proves that a request went
through the proxy. Of an error the type and errno are compared, and the type and errno of a more
specific `socket_err`; of the bytes sent to a proxy, the target and the credentials.
"""

import base64
import logging
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from http.client import HTTPException, InvalidURL
from typing import Any, NamedTuple, TypeAlias

import httplib2
import pytest
import socks  # type: ignore[import-untyped]

from asynchttp import Http
from asynchttp.policy.proxies import is_excepted
from tests.conftest import RawServerFactory
from tests.reference import class_for_callers, close_leaked_sockets
from tests.servers.certificates import (
    Authority,
    sign_for_other_host,
    sign_for_this_machine,
    tls_server_context,
)
from tests.servers.event_log import PATIENCE
from tests.servers.proxies import (
    ACCEPT_SOCKS4,
    ACCEPT_SOCKS5,
    ACCEPT_TUNNEL,
    FORBIDDEN_HOST,
    SEND_ESTABLISHED,
    RealProxy,
    answer_socks4_connect,
    answer_socks5_connect,
    answer_socks5_login,
    choose_socks5_method,
)
from tests.servers.raw import (
    OK,
    RawServer,
    ServerConnection,
    Step,
    read_until_closed,
    reset_connection,
    send,
)
from tests.servers.recording import RecordedRequest, record_request, recorded_requests
from tests.servers.unreachable import black_hole_port, refused_port
from tests.servers.web import WebServer

HTTP, SOCKS5, SOCKS4 = socks.PROXY_TYPE_HTTP, socks.PROXY_TYPE_SOCKS5, socks.PROXY_TYPE_SOCKS4
KINDS = {"http": HTTP, "socks5": SOCKS5, "socks4": SOCKS4}
SCHEMES = ["http", "https"]
PROXY_ONLY = "target.invalid"
"""A host name that only a proxy could resolve."""
UNRESOLVABLE = "a." * 130 + "invalid"
"""A host name too long for any lookup."""
TIMEOUT = 0.3
"""Seconds, for requests that have to time out."""
TUNNEL_TIMEOUT = 1.0
"""Seconds, for requests that have to time out after the tunnel is established."""

Client: TypeAlias = type[httplib2.Http]
Settings: TypeAlias = Any
"""Arguments of a client's constructor. Any: untyped in httplib2."""

VARIABLES = ["http_proxy", "https_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=[httplib2.Http, Http], ids=["httplib2", "asynchttp"])
def client(request: pytest.FixtureRequest) -> Client:
    """Both clients: httplib2 has to pass the test as well."""
    made: Client = request.param
    return made


def proxy_at(port: int, kind: int = HTTP, **settings: Any) -> httplib2.ProxyInfo:
    """Any: arguments of ProxyInfo, untyped in httplib2."""
    return httplib2.ProxyInfo(kind, "127.0.0.1", port, **settings)


class FailureParts(NamedTuple):
    """The compared parts of an error and of the `socket_err` of a proxy's error."""

    kind: type[BaseException]
    errno: int | None
    inner: type[BaseException] | None
    inner_errno: int | None


def failure(client: Client, uri: str, **settings: Settings) -> FailureParts:
    with closing(client(**{"timeout": PATIENCE, **settings})) as http:
        try:
            bytes(http.request(uri)[1])
        except Exception as error:  # noqa: BLE001 - the error is compared
            close_leaked_sockets(error)
            return failure_of(error)
    raise AssertionError("the request did not fail")


def failure_of(error: Any) -> FailureParts:  # Any: any attributes
    inner = getattr(error, "socket_err", None)
    numbers = [getattr(each, "errno", None) for each in (error, inner)]
    return FailureParts(class_for_callers(error), numbers[0], _specific_type(inner), numbers[1])


def _specific_type(inner: object) -> type | None:
    """The type of a `socket_err`, unless the type only says that the proxy failed."""
    vague = type(inner) in (socks.ProxyError, socks.GeneralProxyError)
    return None if inner is None or vague or isinstance(inner, HTTPException) else type(inner)


def same_failure(uri: str, **settings: Settings) -> FailureParts:
    theirs, ours = failure(httplib2.Http, uri, **settings), failure(Http, uri, **settings)
    assert ours == theirs
    return ours


# Real proxies


class ConfiguredProxy(NamedTuple):
    """A real proxy, and a client's settings for the proxy."""

    proxy: RealProxy
    kind: str
    login: dict[str, str]

    @property
    def info(self) -> httplib2.ProxyInfo:
        return proxy_at(self.proxy.port, KINDS[self.kind], **self.login)

    def url(self, scheme: str = "") -> str:
        """The value for a variable of the environment."""
        login = ":".join(self.login.values()) + "@" if self.login else ""
        return f"{scheme or self.kind}://{login}127.0.0.1:{self.proxy.port}"

    @property
    def connect_verb(self) -> str:
        """The first word of a target as printed by the proxy."""
        return "CONNECT" if self.kind == "http" else self.kind


REAL_PROXIES = [("http", ""), ("http", "me:se:cret"), ("socks5", ""), ("socks5", "me:se:cret")]
REAL_SOCKS4 = [("socks4", "")]


@pytest.fixture(scope="module")
def _real_proxies() -> Iterator[dict[tuple[str, str], RealProxy]]:
    with ExitStack() as stack:
        yield {
            each: stack.enter_context(RealProxy(*each)) for each in [*REAL_PROXIES, *REAL_SOCKS4]
        }


def _configure(proxies: dict[tuple[str, str], RealProxy], key: tuple[str, str]) -> ConfiguredProxy:
    kind, login = key
    user, _, password = login.partition(":")
    proxies[key].take_targets()  # drop the targets of earlier tests
    words = {"proxy_user": user, "proxy_pass": password} if login else {}
    return ConfiguredProxy(proxies[key], kind, words)


@pytest.fixture(params=[*REAL_PROXIES, *REAL_SOCKS4], ids=lambda each: "-".join(each).rstrip("-"))
def real_proxy(
    request: pytest.FixtureRequest, _real_proxies: dict[tuple[str, str], RealProxy]
) -> ConfiguredProxy:
    return _configure(_real_proxies, request.param)


@pytest.fixture(params=[REAL_PROXIES[1], REAL_PROXIES[3]], ids=["http", "socks5"])
def password_proxy(
    request: pytest.FixtureRequest, _real_proxies: dict[tuple[str, str], RealProxy]
) -> ConfiguredProxy:
    """A proxy that requires a password."""
    return _configure(_real_proxies, request.param)


@pytest.fixture
def open_proxy(_real_proxies: dict[tuple[str, str], RealProxy]) -> ConfiguredProxy:
    """The HTTP proxy that requires no password."""
    return _configure(_real_proxies, REAL_PROXIES[0])


@pytest.fixture
def password_socks_proxy(_real_proxies: dict[tuple[str, str], RealProxy]) -> ConfiguredProxy:
    return _configure(_real_proxies, REAL_PROXIES[3])


def post(http: httplib2.Http, uri: str) -> tuple[int, bytes]:
    response, content = http.request(uri, "POST", body="hello")
    return response.status, bytes(content)


def at_ip(uri: str) -> str:
    """The URI with an address in place of the name: plain SOCKS4 knows no names."""
    return uri.replace("localhost", "127.0.0.1")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_request_goes_through_real_proxy(
    client: Client,
    real_proxy: ConfiguredProxy,
    scheme: str,
    server: WebServer,
    tls_server: WebServer,
    authority_file: str,
) -> None:
    target = server if scheme == "http" else tls_server
    with closing(client(proxy_info=real_proxy.info, ca_certs=authority_file)) as http:
        status, content = post(http, at_ip(target.url("/echo")))
    assert status == 200
    assert b"hello" in content
    assert real_proxy.proxy.take_targets() == [f"{real_proxy.connect_verb} 127.0.0.1:{target.port}"]
    assert len(target.received) == 1


def test_proxy_of_environment_is_used(
    client: Client, real_proxy: ConfiguredProxy, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", real_proxy.url())
    with closing(client()) as http:
        assert post(http, server.url())[0] == 200
    assert real_proxy.proxy.take_targets() == [f"{real_proxy.connect_verb} 127.0.0.1:{server.port}"]


def test_scheme_socks_means_socks5(
    client: Client,
    password_socks_proxy: ConfiguredProxy,
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("http_proxy", password_socks_proxy.url("socks"))
    with closing(client()) as http:
        assert post(http, server.url())[0] == 200
    assert password_socks_proxy.proxy.take_targets() == [f"socks5 127.0.0.1:{server.port}"]


def test_certificate_is_checked_for_target_behind_proxy(
    raw_tls_server: RawServerFactory, real_proxy: ConfiguredProxy, authority: Authority
) -> None:
    target = raw_tls_server([record_request, send(OK)], pem=sign_for_other_host(authority))
    uri = at_ip(target.url())
    settings = {"ca_certs": str(authority.pem)}
    theirs = failure(httplib2.Http, uri, proxy_info=real_proxy.info, **settings)
    assert failure(Http, uri, proxy_info=real_proxy.info, **settings) == theirs
    assert theirs.kind is ssl.SSLCertVerificationError
    assert list(target.heads) == []


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "login", [{"proxy_user": "me", "proxy_pass": "wrong"}, {"proxy_user": "me"}, {}], ids=str
)
def test_wrong_proxy_password_fails_like_httplib2(
    password_proxy: ConfiguredProxy, login: dict[str, str], scheme: str
) -> None:
    info = proxy_at(password_proxy.proxy.port, KINDS[password_proxy.kind], **login)
    error = same_failure(f"{scheme}://{PROXY_ONLY}/", proxy_info=info)
    assert issubclass(error.kind, socks.ProxyError)
    assert password_proxy.proxy.take_targets() == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_target_refusing_proxy_fails_like_httplib2(
    open_proxy: ConfiguredProxy, scheme: str
) -> None:
    with refused_port() as port:
        error = same_failure(f"{scheme}://127.0.0.1:{port}/", proxy_info=open_proxy.info)
    assert issubclass(error.kind, socks.ProxyError)
    assert open_proxy.proxy.take_targets() == [f"CONNECT 127.0.0.1:{port}"] * 2


@pytest.mark.parametrize("scheme", SCHEMES)
def test_target_forbidden_by_proxy_fails_like_httplib2(
    open_proxy: ConfiguredProxy, scheme: str
) -> None:
    error = same_failure(f"{scheme}://{FORBIDDEN_HOST}/", proxy_info=open_proxy.info)
    assert issubclass(error.kind, socks.ProxyError)
    assert open_proxy.proxy.take_targets() == []


def test_concurrent_requests_go_through_proxy(
    real_proxy: ConfiguredProxy, server: WebServer
) -> None:
    with Http(proxy_info=real_proxy.info) as http:
        promises = [http.request(server.url(f"/bytes/{size}")) for size in range(50)]
        assert [len(promise.content) for promise in promises] == list(range(50))
    assert set(real_proxy.proxy.take_targets()) == {
        f"{real_proxy.connect_verb} 127.0.0.1:{server.port}"
    }


# Proxies of the environment


Route: TypeAlias = tuple[FailureParts, list[list[bytes]]]
"""The failure of a request, and the first lines received by each proxy."""


def refusing_proxy(raw_server: RawServerFactory) -> RawServer:
    """An HTTP proxy that refuses every target."""
    return raw_server(
        [record_request, send(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")]
    )


def request_lines(proxy: RawServer) -> list[bytes]:
    return [head.partition(b"\r\n")[0] for head in proxy.heads]


def route_of(client: Client, uri: str, proxies: list[RawServer], **settings: Settings) -> Route:
    failed = failure(client, uri, **settings)
    return failed, [request_lines(proxy) for proxy in proxies]


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
    {"http_proxy": "https://127.0.0.1:{0}", "https_proxy": "https://127.0.0.1:{1}"},
    {"http_proxy": "http://me:secret@127.0.0.1:{0}/", "https_proxy": "http://me:@127.0.0.1:{1}"},
    {"http_proxy": "http://127.0.0.1:port", "https_proxy": "http://[127.0.0.1"},
    {"http_proxy": "nonsense://127.0.0.1:{0}"},
    {"http_proxy": f"http://{UNRESOLVABLE}:8080", "https_proxy": "http://:8080"},
]


def set_environment(monkeypatch: pytest.MonkeyPatch, values: dict[str, str], *ports: int) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value.format(*ports))


def route_by_environment(
    client: Client,
    uri: str,
    values: dict[str, str],
    raw_server: RawServerFactory,
    monkeypatch: pytest.MonkeyPatch,
    **settings: Settings,
) -> Route:
    proxies = [refusing_proxy(raw_server), refusing_proxy(raw_server)]
    set_environment(monkeypatch, values, *(proxy.port for proxy in proxies))
    return route_of(client, uri, proxies, **settings)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A local port without a listener, where a direct request is refused at once."""
    with refused_port() as port:
        yield port


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("values", ENVIRONMENTS, ids=lambda values: str(values)[:80])
def test_environment_variables_route_like_httplib2(
    raw_server: RawServerFactory,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    values: dict[str, str],
    scheme: str,
) -> None:
    uri = f"{scheme}://localhost:{closed_port}/"
    theirs = route_by_environment(httplib2.Http, uri, values, raw_server, monkeypatch)
    assert route_by_environment(Http, uri, values, raw_server, monkeypatch) == theirs


NO_PROXY_TABLE = """
    * |localhost |.localhost |*.localhost |host |localhost:80 |127.0.0.1 |.0.0.1 |0.0.1
    |*.0.0.1 |other.test |other.test,localhost |other.test,.localhost | ,, |*,other.test
    |other.test,* |,localhost,
"""
NO_PROXY = [each.strip(" \n") for each in NO_PROXY_TABLE.split("|")]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1"])
@pytest.mark.parametrize("exceptions", NO_PROXY)
def test_no_proxy_hosts_match_httplib2(
    raw_server: RawServerFactory,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    exceptions: str,
    host: str,
    scheme: str,
) -> None:
    values = {"http_proxy": A, "https_proxy": B, "no_proxy": exceptions}
    uri = f"{scheme}://{host}:{closed_port}/"
    theirs = route_by_environment(httplib2.Http, uri, values, raw_server, monkeypatch)
    assert route_by_environment(Http, uri, values, raw_server, monkeypatch) == theirs


@pytest.mark.parametrize(
    "exceptions",
    [{"NO_PROXY": "*"}, {"no_proxy": "", "NO_PROXY": "*"}, {"no_proxy": "*", "NO_PROXY": ""}],
    ids=str,
)
def test_case_of_no_proxy_matches_httplib2(
    raw_server: RawServerFactory,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    exceptions: dict[str, str],
) -> None:
    uri, values = f"http://localhost:{closed_port}/", {"http_proxy": A, **exceptions}
    theirs = route_by_environment(httplib2.Http, uri, values, raw_server, monkeypatch)
    assert route_by_environment(Http, uri, values, raw_server, monkeypatch) == theirs


EXCEPTED = [
    ("LOCALHOST", "localhost"),
    (" localhost", "localhost"),
    ("other.test, localhost", "LocalHost"),
    ("localhost.", "localhost"),
    ("..localhost", "localhost"),
    (".LocalHost", "localhost"),
    (" *", "localhost"),
    ("localhost:{port}", "localhost"),
    ("LOCALHOST:{port} ", "localhost"),
    (".localhost:{port}", "localhost"),
    ("127.0.0.0/8", "127.0.0.1"),
    ("127.0.0.1/8", "127.0.0.1"),
    ("127.0.0.0/8:{port}", "127.0.0.1"),
    ("127.0.0.0/8", "127.1"),
    ("127.0.0.1", "2130706433"),
    ("127.0.0.1:{port}", "127.0.0.1"),
]


@pytest.mark.parametrize(("exceptions", "host"), EXCEPTED)
def test_more_forms_of_no_proxy_are_understood(
    raw_server: RawServerFactory,
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
    exceptions: str,
    host: str,
) -> None:
    proxy = refusing_proxy(raw_server)
    no_proxy = exceptions.format(port=server.port)
    set_environment(monkeypatch, {"http_proxy": A, "no_proxy": no_proxy}, proxy.port)
    with Http(timeout=PATIENCE) as http:
        assert http.request(f"http://{host}:{server.port}/status/200").response.status == 200
    assert list(proxy.heads) == []


@pytest.mark.parametrize(
    ("entry", "host", "port", "is_named"),
    [
        ("::1", "::1", 80, True),
        ("[::1]", "0:0::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:81", "::1", 80, False),
        ("fd00::/8", "fd12::3", 80, True),
        ("[fd00::]/8", "fd12::3", 80, True),
        ("fd00::/8", "fe80::3", 80, False),
        ("127.0.0.0/8", "::1", 80, False),
        ("127.0.0.0/8", "128.0.0.1", 80, False),
        ("127.0.0.0/8:81", "127.0.0.1", 80, False),
        ("127.0.0.0/99", "127.0.0.1", 80, False),
        ("localhost:81", "localhost", 80, False),
        ("localhost", "www.localhost", 80, False),
        (".localhost", "www.localhost", 80, True),
        (".localhost", "notlocalhost", 80, False),
        ("localhost", "localhost.", 80, True),
    ],
)
def test_entry_of_no_proxy_names_host(entry: str, host: str, port: int, is_named: bool) -> None:
    assert is_excepted(host, port, (entry,)) == is_named


USED = [
    {"all_proxy": A, "ALL_PROXY": "http://127.0.0.1:1"},
    {"ALL_PROXY": A},
    {"http_proxy": "127.0.0.1:{0}"},
    {"http_proxy": "//127.0.0.1:{0}/"},
    {"http_proxy": " http://127.0.0.1:{0} "},
    {"http_proxy": "HTTP://127.0.0.1:{0}"},
    {"all_proxy": "127.0.0.1:{0}"},
    {"http_proxy": A, "all_proxy": "http://127.0.0.1:1"},
    {"https_proxy": "http://127.0.0.1:1", "all_proxy": A},
]


@pytest.mark.parametrize("values", USED, ids=str)
def test_more_forms_of_proxy_variables_are_understood(
    raw_server: RawServerFactory, monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    proxy = raw_server(TUNNEL_AND_ANSWER)
    set_environment(monkeypatch, values, proxy.port)
    with Http(timeout=PATIENCE) as http:
        assert get_content(http, f"http://{PROXY_ONLY}/") == b"ok"
    assert len(proxy.heads) == 2


def test_httplib2_is_given_proxy_of_environment(
    raw_server: RawServerFactory, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request with Expect is made by httplib2's own code, by our reading of the environment."""
    proxy = raw_server(TUNNEL_AND_ANSWER)
    login = {"all_proxy": "m%40e:secret@127.0.0.1:{0}", "no_proxy": "127.0.0.0/8"}
    set_environment(monkeypatch, login, proxy.port)
    headers = {"Expect": "100-continue"}
    with Http(timeout=PATIENCE) as http:
        response, _ = http.request(server.url("/status/204"), headers=headers)
        assert response.status == 204
        assert list(proxy.heads) == []
        assert bytes(http.request(f"http://{PROXY_ONLY}/", headers=headers)[1]) == b"ok"
    assert credentials(recorded_requests(proxy)[0]) == ("basic", b"m@e:secret")


def test_empty_variable_turns_all_proxy_off(
    raw_server: RawServerFactory, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = refusing_proxy(raw_server)
    set_environment(monkeypatch, {"http_proxy": "", "all_proxy": A}, proxy.port)
    with Http(timeout=PATIENCE) as http:
        assert http.request(server.url("/status/200")).response.status == 200
    assert list(proxy.heads) == []


@pytest.mark.parametrize("scheme", ["socks5h", "SOCKS5"])
def test_socks5h_means_socks5(
    password_socks_proxy: ConfiguredProxy,
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
    scheme: str,
) -> None:
    monkeypatch.setenv("all_proxy", password_socks_proxy.url(scheme))
    with Http(timeout=PATIENCE) as http:
        assert post(http, server.url())[0] == 200
    assert password_socks_proxy.proxy.take_targets() == [f"socks5 127.0.0.1:{server.port}"]


@pytest.mark.parametrize(
    ("login", "sent"),
    [
        ("me:secret@", b"me:secret"),
        ("m%40e:se%3Acr%25et@", b"m@e:se:cr%et"),
        ("me:100%@", b"me:100%"),
        ("g%C3%BCnther:%E9@", "g\u00fcnther:".encode() + b"\xe9"),
        ("me@", b"me:"),
        ("me:@", b"me:"),
    ],
)
def test_credentials_of_proxy_variable_are_decoded(
    raw_server: RawServerFactory, monkeypatch: pytest.MonkeyPatch, login: str, sent: bytes
) -> None:
    proxy = raw_server(TUNNEL_AND_ANSWER)
    monkeypatch.setenv("http_proxy", f"http://{login}127.0.0.1:{proxy.port}")
    with Http(timeout=PATIENCE) as http:
        get_content(http, f"http://{PROXY_ONLY}/")
    assert credentials(recorded_requests(proxy)[0]) == ("basic", sent)


def test_error_about_proxy_variable_shows_no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://me:sec/ret@127.0.0.1:3128")
    with Http(timeout=PATIENCE) as http:
        error = http.request(f"http://{PROXY_ONLY}/").exception()
    assert str(error) == "http_proxy: expected the URL of a proxy, not http://***@127.0.0.1:3128"


def test_environment_is_read_at_each_request(
    client: Client, real_proxy: ConfiguredProxy, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(client()) as http:
        monkeypatch.setenv("http_proxy", real_proxy.url())
        post(http, server.url())
    assert len(real_proxy.proxy.take_targets()) == 1


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("none", [None, False, lambda _: None])
def test_proxy_info_none_overrides_environment(
    raw_server: RawServerFactory,
    monkeypatch: pytest.MonkeyPatch,
    closed_port: int,
    none: object,
    scheme: str,
) -> None:
    uri = f"{scheme}://localhost:{closed_port}/"
    values = {"http_proxy": A, "https_proxy": A, "all_proxy": A, "ALL_PROXY": A}
    for client in (httplib2.Http, Http):
        failed, heads = route_by_environment(
            client, uri, values, raw_server, monkeypatch, proxy_info=none
        )
        assert failed.kind is ConnectionRefusedError
        assert heads == [[], []]


def test_given_proxy_overrides_no_proxy_of_environment(
    client: Client, real_proxy: ConfiguredProxy, server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`no_proxy` applies only to proxies of the environment."""
    set_environment(
        monkeypatch, {"no_proxy": "*", "NO_PROXY": "*", "http_proxy": "http://127.0.0.1:1"}
    )
    with closing(client(proxy_info=real_proxy.info)) as http:
        post(http, server.url())
    assert len(real_proxy.proxy.take_targets()) == 1


# Proxies given as objects and functions


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "excepted",
    [(), ["localhost"], (".localhost",), ("host",), ("other.test", "localhost"), httplib2.AllHosts],
    ids=str,
)
def test_bypass_hosts_match_httplib2(
    raw_server: RawServerFactory,
    closed_port: int,
    excepted: Any,
    scheme: str,  # Any: a class, or names
) -> None:
    routes = []
    for client in (httplib2.Http, Http):
        proxy = refusing_proxy(raw_server)
        info = proxy_at(proxy.port)
        info.bypass_hosts = excepted
        routes.append(
            route_of(client, f"{scheme}://localhost:{closed_port}/", [proxy], proxy_info=info)
        )
    assert routes[1] == routes[0]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("where", [(None, 8080), ("127.0.0.1", None), (None, None), ("", 8080)])
def test_incomplete_proxy_info_fails_like_httplib2(
    closed_port: int,
    where: tuple[Any, Any],
    scheme: str,  # Any: wrong
) -> None:
    same_failure(
        f"{scheme}://localhost:{closed_port}/", proxy_info=httplib2.ProxyInfo(HTTP, *where)
    )


@pytest.mark.parametrize("kind", [0, 4, 9, "http"])
def test_unknown_proxy_type_fails_like_httplib2(
    raw_server: RawServerFactory,
    kind: Any,  # Any: a wrong value
) -> None:
    proxy = refusing_proxy(raw_server)
    same_failure(f"http://{PROXY_ONLY}/", proxy_info=proxy_at(proxy.port, kind))
    assert list(proxy.heads) == []


def test_proxy_type_none_means_no_proxy(client: Client, server: WebServer) -> None:
    info = httplib2.ProxyInfo(None, "127.0.0.1", 1)
    with closing(client(proxy_info=info)) as http:
        assert post(http, server.url())[0] == 200


@pytest.mark.parametrize("scheme", SCHEMES)
def test_proxy_function_is_called_with_scheme(
    client: Client, raw_server: RawServerFactory, scheme: str
) -> None:
    schemes: list[str] = []
    proxy = refusing_proxy(raw_server)

    def choose(scheme: str) -> httplib2.ProxyInfo:
        schemes.append(scheme)
        return proxy_at(proxy.port)

    failure(client, f"{scheme}://{PROXY_ONLY}/", proxy_info=choose)
    assert schemes == [scheme]
    assert len(proxy.heads) == 1


def raise_error(_: str) -> object:
    raise ZeroDivisionError


def take_no_scheme() -> None:
    """Takes no scheme."""


def return_text(_: str) -> object:
    return "nonsense"


def return_number(_: str) -> object:
    return 7


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "wrong", [raise_error, take_no_scheme, return_text, return_number, "nonsense", 7]
)
def test_failing_proxy_function_fails_like_httplib2(wrong: object, scheme: str) -> None:
    same_failure(f"{scheme}://{PROXY_ONLY}/", proxy_info=wrong)


def test_slow_proxy_function_delays_no_other_request(
    real_proxy: ConfiguredProxy, server: WebServer
) -> None:
    """The function runs on a worker: the caller and other requests go on."""
    begun, end = threading.Event(), threading.Event()

    def choose(_: str) -> httplib2.ProxyInfo:
        begun.set()
        assert end.wait(PATIENCE)
        return real_proxy.info

    with Http(proxy_info=choose) as http:
        slow = http.request(server.url("/bytes/5"))
        assert begun.wait(PATIENCE)
        http.proxy_info = None
        assert len(http.request(server.url("/bytes/6")).content) == 6
        assert not slow.done()
        assert real_proxy.proxy.take_targets() == []
        end.set()
        assert len(slow.content) == 5
    assert len(real_proxy.proxy.take_targets()) == 1


def test_proxy_function_may_make_requests(real_proxy: ConfiguredProxy, server: WebServer) -> None:
    """For example, to fetch proxy rules from a server."""
    with Http(proxy_info=None) as other:

        def choose(_: str) -> httplib2.ProxyInfo:
            assert len(other.request(server.url("/bytes/7")).content) == 7
            return real_proxy.info

        with Http(proxy_info=choose, max_workers=1) as http:
            assert len(http.request(server.url("/bytes/5")).content) == 5
    assert len(real_proxy.proxy.take_targets()) == 1


MOVED = b"HTTP/1.1 302 Found\r\nLocation: https://%s/next\r\nContent-Length: 0\r\n\r\n"


def test_redirect_uses_proxy_of_new_scheme(
    raw_server: RawServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = [record_request, SEND_ESTABLISHED, record_request, send(MOVED % PROXY_ONLY.encode())]
    routes = []
    for client in (httplib2.Http, Http):
        proxies = [raw_server(moved), refusing_proxy(raw_server)]
        set_environment(
            monkeypatch, {"http_proxy": A, "https_proxy": B}, *(each.port for each in proxies)
        )
        routes.append(route_of(client, f"http://{PROXY_ONLY}/", proxies))
    assert routes[1] == routes[0]
    assert routes[1][1][1] == [f"CONNECT {PROXY_ONLY}:443 HTTP/1.1".encode()]


# Changes between requests


def test_new_proxy_info_applies_to_next_request(
    real_proxy: ConfiguredProxy, server: WebServer
) -> None:
    with Http(proxy_info=None) as http:
        post(http, server.url())
        http.proxy_info = real_proxy.info
        post(http, server.url())
        assert len(real_proxy.proxy.take_targets()) == 1
        http.proxy_info = proxy_at(1)
        error = http.request(server.url()).exception()
        assert isinstance(error, socks.ProxyConnectionError)
        http.proxy_info = None
        post(http, server.url())
    assert len(server.received) == 3
    assert real_proxy.proxy.take_targets() == []


def test_proxy_info_changed_in_place_applies(
    real_proxy: ConfiguredProxy, server: WebServer
) -> None:
    """A comparison of old and new `proxy_info` would not find a change in place."""
    info = real_proxy.info
    with Http(proxy_info=info) as http:
        post(http, server.url())
        info.proxy_port = 1  # type: ignore[attr-defined]  # missing in httplib2's types
        error = http.request(server.url()).exception()
    assert isinstance(error, socks.ProxyConnectionError)


def test_tunnel_is_not_reused_with_other_credentials(
    password_proxy: ConfiguredProxy, server: WebServer
) -> None:
    with Http(proxy_info=password_proxy.info) as http:
        assert post(http, server.url())[0] == 200
        for login in ({"proxy_user": "me", "proxy_pass": "wrong"}, {}):
            http.proxy_info = proxy_at(
                password_proxy.proxy.port, KINDS[password_proxy.kind], **login
            )
            assert isinstance(http.request(server.url()).exception(), socks.ProxyError)
    assert len(server.received) == 1


# Bytes sent to an HTTP proxy


TUNNEL_AND_ANSWER: list[Step] = [record_request, SEND_ESTABLISHED, record_request, send(OK)]
MakeRequest: TypeAlias = Callable[[httplib2.Http, str], Any]
"""Makes a request. Any: the result is ignored."""


def get_content(http: httplib2.Http, uri: str) -> object:
    return bytes(http.request(uri)[1])


def request_through_proxy(
    client: Client,
    raw_server: RawServerFactory,
    script: list[Step],
    uri: str,
    kind: int = HTTP,
    ask: MakeRequest = get_content,
    **settings: Any,  # Any: arguments of ProxyInfo
) -> RawServer:
    """Make a request through a scripted proxy, and return the proxy."""
    proxy = raw_server(script)
    info = proxy_at(proxy.port, kind, **settings)
    with closing(client(timeout=PATIENCE, proxy_info=info)) as http:
        ask(http, uri)
    return proxy


def requests_of_both(
    raw_server: RawServerFactory, uri: str, **settings: Any
) -> tuple[list[RecordedRequest], list[RecordedRequest]]:
    """The requests received by a proxy from httplib2 and from asynchttp. Any: as above."""
    theirs, ours = (
        recorded_requests(
            request_through_proxy(client, raw_server, TUNNEL_AND_ANSWER, uri, **settings)
        )
        for client in (httplib2.Http, Http)
    )
    return theirs, ours


def credentials(request: RecordedRequest) -> tuple[str, bytes] | None:
    value = request.header("proxy-authorization")
    if value is None:
        return None
    scheme, _, encoded = value.partition(" ")
    return scheme.lower(), base64.b64decode(encoded)


CONNECT_HEADERS = {"host", "user-agent", "proxy-connection", "proxy-authorization"}


def post_with_headers(http: httplib2.Http, uri: str) -> object:
    headers = {"Authorization": "Bearer token", "Cookie": "a=b", "X-Own": "1"}
    return bytes(http.request(uri, "POST", body="hello", headers=headers)[1])


@pytest.mark.parametrize(
    "host", [PROXY_ONLY, PROXY_ONLY.upper(), f"{PROXY_ONLY}:81", "127.0.0.1:80"]
)
def test_http_request_uses_tunnel_like_httplib2(raw_server: RawServerFactory, host: str) -> None:
    theirs, ours = requests_of_both(raw_server, f"http://{host}/path?query", ask=post_with_headers)
    assert ours[0].line == theirs[0].line
    assert ours[1:] == theirs[1:]
    assert {name for name, _ in ours[0].headers} <= CONNECT_HEADERS
    assert ours[0].body == b""


def test_connect_line_of_idn_host_matches_httplib2(raw_server: RawServerFactory) -> None:
    theirs, ours = requests_of_both(raw_server, "http://b\u00fccher.invalid/")
    assert ours[0].line == theirs[0].line


@pytest.mark.parametrize(
    "login",
    [
        {},
        {"proxy_pass": "secret"},
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
    raw_server: RawServerFactory, login: dict[str, Any]
) -> None:
    theirs, ours = requests_of_both(raw_server, f"http://{PROXY_ONLY}/", **login)
    assert credentials(ours[0]) == credentials(theirs[0])
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize("password", [None, ""])
def test_proxy_user_without_password_is_sent(
    raw_server: RawServerFactory, password: str | None
) -> None:
    """httplib2 does not send the user then."""
    login = {"proxy_user": "me", "proxy_pass": password}
    _, ours = requests_of_both(raw_server, f"http://{PROXY_ONLY}/", **login)
    assert credentials(ours[0]) == ("basic", b"me:")


@pytest.mark.parametrize("login", ["me:secret@", "m%40e:se%3Acret@", ":secret@"])
def test_password_of_proxy_url_is_not_decoded(raw_server: RawServerFactory, login: str) -> None:
    """httplib2 does not decode percent signs either."""
    said = []
    for client in (httplib2.Http, Http):
        proxy = raw_server(TUNNEL_AND_ANSWER)
        info = httplib2.proxy_info_from_url(f"http://{login}127.0.0.1:{proxy.port}")
        with closing(client(proxy_info=info)) as http:
            get_content(http, f"http://{PROXY_ONLY}/")
        said.append(credentials(recorded_requests(proxy)[0]))
    assert said[1] == said[0]


def test_proxy_headers_are_not_sent(raw_server: RawServerFactory) -> None:
    """httplib2 accepts `proxy_headers` without sending them."""
    headers = {"X-Proxy": "1", "Proxy-Authorization": "Basic x"}
    theirs, ours = requests_of_both(raw_server, f"http://{PROXY_ONLY}/", proxy_headers=headers)
    assert ours[0].header("x-proxy") == theirs[0].header("x-proxy")
    assert ours[0].header("proxy-authorization") == theirs[0].header("proxy-authorization")
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize(
    ("host", "rdns"), [("localhost:81", True), ("127.0.0.1:81", True), ("127.0.0.1:81", False)]
)
def test_http_proxy_resolves_target_name(
    raw_server: RawServerFactory, host: str, rdns: bool
) -> None:
    """Even with `proxy_rdns=False`, with which httplib2 resolves a name itself."""
    theirs, ours = requests_of_both(raw_server, f"http://{host}/", proxy_rdns=rdns)
    assert ours[0].line == theirs[0].line
    assert ours[1:] == theirs[1:]


def test_tunnel_is_reused_by_next_request(client: Client, raw_server: RawServerFactory) -> None:
    proxy = raw_server([*TUNNEL_AND_ANSWER, record_request, send(OK), read_until_closed])
    with closing(client(proxy_info=proxy_at(proxy.port))) as http:
        get_content(http, f"http://{PROXY_ONLY}/1")
        get_content(http, f"http://{PROXY_ONLY}/2")
    assert [request.line for request in recorded_requests(proxy)] == [
        f"CONNECT {PROXY_ONLY}:80 HTTP/1.1",
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
    raw_server: RawServerFactory, established: bytes, answer: bytes
) -> None:
    """The response has neither headers nor the status of the proxy."""
    seen: list[object] = []

    def look(http: httplib2.Http, uri: str) -> None:
        response, content = http.request(uri)
        line = response.status, response.reason, response.version
        seen.append((dict(response), *line, bytes(content)))

    script = [record_request, send(established), record_request, send(answer)]
    for client in (httplib2.Http, Http):
        request_through_proxy(client, raw_server, script, f"http://{PROXY_ONLY}/", ask=look)
    assert seen[1] == seen[0]


# Bytes sent to a SOCKS proxy


def sent_to_socks_proxy(
    raw_server: RawServerFactory, script: list[Step], uri: str, kind: int, **settings: Any
) -> list[list[bytes]]:
    """Each client's messages after the list of methods. Any: arguments of ProxyInfo."""
    first = 1 if kind == SOCKS5 else 0
    proxies = (
        request_through_proxy(
            client, raw_server, [*script, record_request, send(OK)], uri, kind, **settings
        )
        for client in (httplib2.Http, Http)
    )
    return [list(proxy.bodies)[first:] for proxy in proxies]


@pytest.mark.parametrize("kind", ["socks5", "socks4"])
@pytest.mark.parametrize(
    ("host", "rdns"),
    [
        (PROXY_ONLY, True),
        (f"{PROXY_ONLY}:81", True),
        ("127.0.0.1:81", True),
        ("127.0.0.1:81", False),
        ("localhost:81", True),
    ],
)
def test_target_sent_to_socks_proxy_matches_httplib2(
    raw_server: RawServerFactory, kind: str, host: str, rdns: bool
) -> None:
    script = ACCEPT_SOCKS5 if kind == "socks5" else ACCEPT_SOCKS4
    theirs, ours = sent_to_socks_proxy(
        raw_server, script, f"http://{host}/", KINDS[kind], proxy_rdns=rdns
    )
    assert ours == theirs


LOOPBACK = {b"\1\x7f\0\0\1\0Q", b"\4" + bytes(15) + b"\1\0Q"}
"""Port 81 of this machine in SOCKS5's encoding, by IPv4 and by IPv6."""


def test_socks5_without_rdns_sends_address(client: Client, raw_server: RawServerFactory) -> None:
    proxy = request_through_proxy(
        client,
        raw_server,
        [*ACCEPT_SOCKS5, record_request, send(OK)],
        "http://localhost:81/",
        SOCKS5,
        proxy_rdns=False,
    )
    assert proxy.bodies[1] in LOOPBACK


def test_socks4_without_rdns_sends_address(client: Client, raw_server: RawServerFactory) -> None:
    proxy = request_through_proxy(
        client,
        raw_server,
        [*ACCEPT_SOCKS4, record_request, send(OK)],
        "http://localhost:81/",
        SOCKS4,
        proxy_rdns=False,
    )
    assert proxy.bodies[0] == b"\0Q\x7f\0\0\1\0"


ACCEPT_SOCKS5_LOGIN: list[Step] = [
    choose_socks5_method(2),
    answer_socks5_login(0),
    answer_socks5_connect(0),
]


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
def test_socks5_login_matches_httplib2(raw_server: RawServerFactory, login: dict[str, Any]) -> None:
    theirs, ours = sent_to_socks_proxy(
        raw_server, ACCEPT_SOCKS5_LOGIN, f"http://{PROXY_ONLY}/", SOCKS5, **login
    )
    assert ours == theirs


def test_unwanted_login_is_not_sent_to_socks5(raw_server: RawServerFactory) -> None:
    login = {"proxy_user": "me", "proxy_pass": "secret"}
    theirs, ours = sent_to_socks_proxy(
        raw_server, ACCEPT_SOCKS5, f"http://{PROXY_ONLY}/", SOCKS5, **login
    )
    assert ours == theirs


@pytest.mark.parametrize("login", [{"proxy_user": "me"}, {"proxy_user": "me", "proxy_pass": "x"}])
def test_socks4_user_matches_httplib2(raw_server: RawServerFactory, login: dict[str, Any]) -> None:
    theirs, ours = sent_to_socks_proxy(
        raw_server, ACCEPT_SOCKS4, f"http://{PROXY_ONLY}/", SOCKS4, **login
    )
    assert ours == theirs


ACCEPT_BY_KIND: dict[str, list[Step]] = {
    "http": ACCEPT_TUNNEL,
    "socks5": ACCEPT_SOCKS5,
    "socks4": ACCEPT_SOCKS4,
}


@pytest.mark.parametrize("kind", KINDS)
def test_tls_through_proxy_checks_target_name(
    client: Client, raw_server: RawServerFactory, kind: str, authority: Authority
) -> None:
    """Certificate and SNI have the target's name, not the proxy's."""
    names: list[str | None] = []
    context = tls_server_context(sign_for_this_machine(authority))
    context.sni_callback = lambda _, name, __: names.append(name)
    proxy = raw_server(
        [
            *ACCEPT_BY_KIND[kind],
            lambda connection: connection.secure(context),
            record_request,
            send(OK),
        ]
    )
    info = proxy_at(proxy.port, KINDS[kind])
    with closing(client(proxy_info=info, ca_certs=str(authority.pem))) as http:
        assert get_content(http, "https://localhost:81/") == b"ok"
    assert names == ["localhost"]


# Failures of proxies


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_refused_proxy_raises_proxy_connection_error(kind: str, scheme: str) -> None:
    with refused_port() as port:
        error = same_failure(f"{scheme}://{PROXY_ONLY}/", proxy_info=proxy_at(port, KINDS[kind]))
    assert error.kind is socks.ProxyConnectionError


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_unknown_proxy_name_raises_server_not_found(kind: str, scheme: str) -> None:
    info = httplib2.ProxyInfo(KINDS[kind], UNRESOLVABLE, 8080)
    error = same_failure(f"{scheme}://127.0.0.1/", proxy_info=info)
    assert error.kind is httplib2.ServerNotFoundError


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("kind", KINDS)
def test_unreachable_proxy_times_out_like_httplib2(kind: str, scheme: str) -> None:
    with black_hole_port() as port:
        info = proxy_at(port, KINDS[kind])
        error = same_failure(f"{scheme}://{PROXY_ONLY}/", proxy_info=info, timeout=TIMEOUT)
    assert (error.kind, error.inner) == (socks.ProxyConnectionError, TimeoutError)


def status(line: bytes) -> list[Step]:
    return [record_request, send(b"HTTP/1.1 " + line + b"\r\nContent-Length: 0\r\n\r\n")]


STATUSES = b"""
    301 Moved Permanently|400 Bad Request|401 Unauthorized|403 Forbidden
    |404 Not Found|405 Method Not Allowed|407 Proxy Authentication Required|418 Teapot
    |500 Internal Server Error|502 Bad Gateway|503 Service Unavailable|504 Gateway Timeout
"""


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("line", [each.strip() for each in STATUSES.split(b"|")])
def test_refusing_proxy_status_raises_proxy_error(
    raw_server: RawServerFactory, line: bytes, scheme: str
) -> None:
    proxy = raw_server(status(line))
    error = same_failure(f"{scheme}://{PROXY_ONLY}/", proxy_info=proxy_at(proxy.port))
    assert issubclass(error.kind, socks.ProxyError)


@pytest.mark.parametrize("line", [b"201 Created", b"204 No Content"])
def test_any_2xx_proxy_status_opens_tunnel(raw_server: RawServerFactory, line: bytes) -> None:
    """A difference: PySocks accepts 200 alone, RFC 9110 (9.3.6) accepts 200 to 299."""
    proxy = raw_server(
        [record_request, send(b"HTTP/1.1 " + line + b"\r\n\r\n"), record_request, send(OK)]
    )
    with Http(timeout=PATIENCE, proxy_info=proxy_at(proxy.port)) as http:
        assert http.request(f"http://{PROXY_ONLY}/")[1] == b"ok"
    assert failure(httplib2.Http, f"http://{PROXY_ONLY}/", proxy_info=proxy_at(proxy.port))


def challenge(scheme: bytes) -> list[Step]:
    field = b"Proxy-Authenticate: " + scheme + b"\r\n"
    return [record_request, send(b"HTTP/1.1 407 P\r\n" + field + b"Content-Length: 0\r\n\r\n")]


LOGIN = {"proxy_user": "me", "proxy_pass": "secret"}
DIGEST = b'Digest realm="x", nonce="y", qop="auth"'


@pytest.mark.parametrize("scheme", [b'Basic realm="x"', DIGEST, b"Negotiate", b"NTLM"])
@pytest.mark.parametrize("login", [{}, LOGIN], ids=str)
def test_proxy_challenge_fails_like_httplib2(
    raw_server: RawServerFactory, scheme: bytes, login: dict[str, Any]
) -> None:
    proxies = []
    for client in (httplib2.Http, Http):
        proxies.append(raw_server([*challenge(scheme), *challenge(scheme)]))
        failed = failure(
            client, f"http://{PROXY_ONLY}/", proxy_info=proxy_at(proxies[-1].port, **login)
        )
        assert failed.inner is socks.HTTPError
    assert len(proxies[1].heads) == len(proxies[0].heads)


def resets_at_once(connection: ServerConnection) -> None:
    connection.reader.read(1)
    reset_connection(connection)


def closes_at_once(connection: ServerConnection) -> None:
    """Read the client's bytes first, so that the connection closes without a reset."""
    connection.socket.recv(65_536)


BROKEN_PROXIES: dict[str, tuple[str, dict[str, str], list[Step]]] = {
    "http-closes": ("http", {}, [closes_at_once]),
    "http-resets": ("http", {}, [resets_at_once]),
    "http-garbage": ("http", {}, [record_request, send(b"garbage\r\n\r\n")]),
    "http-half a line": ("http", {}, [record_request, send(b"HTTP/1.1 2")]),
    "http-closes in the head": (
        "http",
        {},
        [record_request, send(b"HTTP/1.1 502 Bad\r\nX: 1\r\n")],
    ),
    "http-other protocol": ("http", {}, [record_request, send(b"ICY 200 OK\r\n\r\n")]),
    "http-speaks socks": ("http", {}, [record_request, send(b"\5\0")]),
    "socks5-closes": ("socks5", {}, [closes_at_once]),
    "socks5-speaks http": ("socks5", {}, [closes_at_once, send(b"HTTP/1.1 400 Bad\r\n\r\n")]),
    "socks5-speaks socks4": ("socks5", {}, [closes_at_once, send(b"\0\x5b" + bytes(6))]),
    "socks5-no method": ("socks5", {}, [choose_socks5_method(0xFF)]),
    "socks5-no method for a login": ("socks5", LOGIN, [choose_socks5_method(0xFF)]),
    "socks5-unknown method": ("socks5", {}, [choose_socks5_method(9), read_until_closed]),
    "socks5-wants a login": ("socks5", {}, [choose_socks5_method(2), answer_socks5_login(1)]),
    "socks5-wants a password": (
        "socks5",
        {"proxy_user": "me"},
        [choose_socks5_method(2), answer_socks5_login(1)],
    ),
    "socks5-wrong login": ("socks5", LOGIN, [choose_socks5_method(2), answer_socks5_login(1)]),
    "socks5-closes at the login": ("socks5", LOGIN, [choose_socks5_method(2), closes_at_once]),
    "socks5-closes at the target": ("socks5", {}, [choose_socks5_method(0), closes_at_once]),
    **{
        f"socks5-{code}": ("socks5", {}, [choose_socks5_method(0), answer_socks5_connect(code)])
        for code in (*range(1, 10), 255)
    },
    "socks4-closes": ("socks4", {}, [closes_at_once]),
    "socks4-speaks socks5": ("socks4", {}, [closes_at_once, send(b"\5\xff" + bytes(6))]),
    "socks4-half an answer": ("socks4", {}, [closes_at_once, send(b"\0\x5a")]),
    **{
        f"socks4-{code}": ("socks4", {}, [answer_socks4_connect(code)])
        for code in range(0x5B, 0x5F)
    },
    "http-closes the tunnel": ("http", {}, [record_request, SEND_ESTABLISHED, closes_at_once]),
    "socks5-closes the tunnel": ("socks5", {}, [*ACCEPT_SOCKS5, closes_at_once]),
    "socks4-closes the tunnel": ("socks4", {}, [*ACCEPT_SOCKS4, closes_at_once]),
}


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("wrong", BROKEN_PROXIES)
def test_broken_proxy_fails_like_httplib2(
    raw_server: RawServerFactory, wrong: str, scheme: str
) -> None:
    kind, login, script = BROKEN_PROXIES[wrong]
    proxy = raw_server(script)
    info = proxy_at(proxy.port, KINDS[kind], **login)
    same_failure(f"{scheme}://{PROXY_ONLY}/", proxy_info=info)


@pytest.mark.parametrize(
    ("scheme", "error"), [("http", ConnectionResetError), ("https", ssl.SSLEOFError)]
)
def test_reset_tunnel_raises_error_of_reset_connection(
    raw_server: RawServerFactory, scheme: str, error: type[Exception]
) -> None:
    proxy = raw_server([record_request, SEND_ESTABLISHED, resets_at_once])
    failed = failure(Http, f"{scheme}://{PROXY_ONLY}/", proxy_info=proxy_at(proxy.port))
    assert failed.kind is error


@pytest.mark.parametrize(
    "host",
    ["%65vil.example", "%31%32%37.0.0.1", "a\uff0565vil", "a\\b", "a;b", "a b", "+a", "h:80:80"],
)
def test_invalid_host_is_not_asked_of_proxy(raw_server: RawServerFactory, host: str) -> None:
    proxy = raw_server(TUNNEL_AND_ANSWER)
    assert failure(Http, f"http://{host}/", proxy_info=proxy_at(proxy.port)).kind is InvalidURL
    assert failure(Http, f"http://{host}/").kind is InvalidURL
    assert list(proxy.heads) == []


@pytest.mark.parametrize(
    "host", ["127.1", "0x7f000001", "2130706433", "0177.0.0.1", "127.0.0.1.", "0X7F.1"]
)
def test_address_in_unusual_form_is_checked_as_asked_for(
    raw_server: RawServerFactory, server: WebServer, host: str
) -> None:
    """libcurl asks for the usual form: `bypass_hosts` has to be compared with the usual form."""
    proxy = raw_server(TUNNEL_AND_ANSWER)
    info = proxy_at(proxy.port)
    uri = f"http://{host}:{server.port}/status/200"
    with Http(timeout=PATIENCE, proxy_info=info) as http:
        assert get_content(http, uri) == b"ok"
        info.bypass_hosts = ("127.0.0.1",)
        assert http.request(uri).response.status == 200
    assert request_lines(proxy)[0] == f"CONNECT 127.0.0.1:{server.port} HTTP/1.1".encode()
    assert b"Host: 127.0.0.1:" in proxy.heads[1]
    assert len(proxy.heads) == 2


@pytest.mark.parametrize("uri", ["http://[v1.x]/", "http://h:99999/"])
def test_url_refused_by_libcurl_raises_invalid_url(raw_server: RawServerFactory, uri: str) -> None:
    proxy = raw_server(TUNNEL_AND_ANSWER)
    assert failure(Http, uri, proxy_info=proxy_at(proxy.port)).kind is InvalidURL
    assert list(proxy.heads) == []


# Missing below: silence in a SOCKS tunnel before TLS has begun. libcurl does not report the phase,
# and asynchttp blames the proxy.
SILENCES: dict[str, tuple[str, list[Step]]] = {
    "http": ("http", [read_until_closed]),
    "http-tunnel": ("http", [record_request, SEND_ESTABLISHED, read_until_closed]),
    "socks5": ("socks5", [read_until_closed]),
    "socks5-target": ("socks5", [choose_socks5_method(0), read_until_closed]),
    "socks5-tunnel": ("socks5", [*ACCEPT_SOCKS5, read_until_closed]),
    "socks4": ("socks4", [read_until_closed]),
    "socks4-tunnel": ("socks4", [*ACCEPT_SOCKS4, read_until_closed]),
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
    raw_server: RawServerFactory, silence: str, scheme: str
) -> None:
    kind, script = SILENCES[silence]
    proxy = raw_server(script)
    info = proxy_at(proxy.port, KINDS[kind])
    timeout = TUNNEL_TIMEOUT if "tunnel" in silence else TIMEOUT
    error = same_failure(f"{scheme}://{PROXY_ONLY}/", proxy_info=info, timeout=timeout)
    assert TimeoutError in (error.kind, error.inner)


@pytest.mark.parametrize("kind", ["socks4", "socks5"])
def test_unknown_target_without_rdns_raises_server_not_found(kind: str) -> None:
    """A difference: httplib2 blames the proxy, which was never contacted."""
    info = proxy_at(1, KINDS[kind], proxy_rdns=False)
    error = failure(Http, f"http://{UNRESOLVABLE}/", proxy_info=info)
    assert error.kind is httplib2.ServerNotFoundError


# Logs and errors


@pytest.mark.parametrize("password", ["se:cret", "wrong"])
def test_proxy_password_is_in_no_log_or_error(
    password_proxy: ConfiguredProxy,
    server: WebServer,
    password: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    login = {"proxy_user": "me", "proxy_pass": password}
    info = proxy_at(password_proxy.proxy.port, KINDS[password_proxy.kind], **login)
    with Http(proxy_info=info) as http:
        error = http.request(server.url()).exception()
    assert (error is None) == (password == "se:cret")
    logged = caplog.text + str(error) + "".join(getattr(error, "__notes__", []))
    assert str(server.port) in logged
    assert password not in logged
    assert base64.b64encode(f"me:{password}".encode()).decode() not in logged
