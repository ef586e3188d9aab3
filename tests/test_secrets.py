"""No log, `repr` or error shows a secret, and dangerous settings are logged."""

import logging
import pickle
import socket
import ssl
import struct
from pathlib import Path
from typing import Any

import pytest

from asynchttp import Http, Request
from asynchttp.messages.uri import masked, masked_headers
from tests.conftest import RawServerFactory
from tests.programs import run_python
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.raw import OK, ServerConnection, read_head, send
from tests.servers.web import WebServer


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://me:secret@h/a?b=c#d", "http://***@h/a?b=c#d"),
        ("http://token@h/", "http://***@h/"),
        ("http://me:p@ss@h/", "http://***@h/"),
        ("http://me:pa/ss@h/", "http://***@h/"),
        ("http://me:pa?ss@h/", "http://***@h/"),
        ("http://me:pa#ss@h/", "http://***@h/"),
        ("//me:secret@h/", "//***@h/"),
        ("me:secret@h/", "***@h/"),
        (b"http://me:secret@h/", "b'http://***@h/'"),
        ("http://h/@scope/name?to=a@b", "http://h/@scope/name?to=a@b"),
        ("http://h:80/@scope", "http://h:80/@scope"),
        ("http://[::1]:80/@scope", "http://[::1]:80/@scope"),
        ("/?api_key=1&page=2", "/?api_key=***&page=2"),
        ("/?page=2&X-Amz-Signature=1&Sign=2", "/?page=2&X-Amz-Signature=***&Sign=***"),
        ("/?ACCESS_TOKEN=1", "/?ACCESS_TOKEN=***"),
        ("/?client_secret=a=b?c/d", "/?client_secret=***"),
        ("/?passwd=1&oauth=2&q=3", "/?passwd=***&oauth=***&q=3"),
        ("/?a=1;password=2", "/?a=1;password=***"),
        ("/#access_token=1&state=2", "/#access_token=***&state=2"),
        ("/?next=%2F%3Ftoken%3D1&q=2", "/?next=%2F%3Ftoken%3D***&q=2"),
        ("/?next=http://h/?token=1&q=2", "/?next=http://h/?token=***&q=2"),
        ("/token=1/key", "/token=1/key"),
        ("/?key", "/?key"),
    ],
)
def test_masked_uri_shows_no_secret(uri: object, shown: str) -> None:
    assert masked(uri) == shown


def test_masked_headers_show_no_secret() -> None:
    secret = ("Authorization", "Proxy-Authorization", "cookie", b"X-Api-Key", "X-WSSE", "X-Token")
    shown = {"Accept": "text/html", b"Host": b"h"}
    assert masked_headers({**dict.fromkeys(secret, "s"), **shown}) == {
        **dict.fromkeys(secret, "***"),
        **shown,
    }


# Not in the tests themselves: an error shows the line of code that made the request.
BODY, WRONG_HEADERS = b"SECRET", {"x-token": "SECRET\0"}
URI_WITH_KEY = "{}?api_key=SECRET&page=7"
GIVEN_HEADERS = {"Authorization": "Bearer SECRET", "Cookie": "id=SECRET"}


def shown_by(error: BaseException | None) -> str:
    return f"{error} {error!r} {getattr(error, '__notes__', '')}"


def test_failed_request_shows_no_secret_in_log_or_repr(
    refused_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    uri = URI_WITH_KEY.format(refused_url)
    with Http(timeout=PATIENCE) as http:
        promise = http.request(uri, "POST", body=BODY, headers=GIVEN_HEADERS)
        shown = repr(promise) + shown_by(promise.exception())
        shown += repr(promise) + repr(promise.request) + str(promise.request)
    shown += repr(pickle.loads(pickle.dumps(promise.request))) + caplog.text
    assert "page=7" in promise.request.__repr__()
    assert "page=7" in caplog.text
    assert "SECRET" not in shown


def test_redirect_shows_no_secret_in_log(
    raw_server: RawServerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    location = b"HTTP/1.1 302 Found\r\nLocation: /b?token=SECRET\r\nContent-Length: 0\r\n\r\n"
    server = raw_server([read_head, send(location), read_head, send(OK)])
    with Http(timeout=PATIENCE) as http:
        assert http.request(server.url()).response.status == 200
    assert "/b?token=***" in caplog.text
    assert "SECRET" not in caplog.text


def test_unseen_failure_is_logged_without_secret(
    refused_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    uri = URI_WITH_KEY.format(refused_url)
    with Http(timeout=PATIENCE) as http:
        http.request(uri, headers=WRONG_HEADERS).wait()
        http.request(uri).wait()
    assert "page=7" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"uri": "http://me:SECRET@h:port/"},
        {"uri": "http://me:SECRET@\u2100/"},
        {"uri": "http://me:SEC/RET@h/"},
        {"uri": "http://me:SECRET@h\\x/"},
        {"uri": "http://me:SECRET@[::1/"},
        {"uri": "ftp://me:SECRET@h/"},
        {"uri": "me:SECRET@h/"},
        {"uri": "/?token=SECRET"},
        {"uri": "http://h/?token=SECRET\x01"},
        {"uri": "http://h/?token=SECRET\x85"},
        {"headers": {"x": "SECRET\r\nY: 1"}},
        {"headers": {"x": "SECRET\0"}},
        {"headers": {"x": "SECRET\u20ac"}},
        {"headers": {"x": b"SECRET\xff"}},
        {"headers": {"x: SECRET\r\n": ""}},
    ],
    ids=ascii,
)
def test_error_about_wrong_argument_shows_no_secret(
    wrong: dict[str, Any], refused_url: str
) -> None:
    with Http(timeout=PATIENCE) as http:
        error = http.request(**{"uri": refused_url, **wrong}).exception()
    assert error is not None
    shown = shown_by(error)
    assert "SECRET" not in shown.partition("made here")[0]
    assert "SEC/RET" not in shown.partition("made here")[0]


def test_repr_of_request_names_method_and_uri() -> None:
    request = Request("GET", "http://h/?q=1", {"accept": "x"}, None, 5, 0.0, ())
    assert repr(request) == "<Request GET http://h/?q=1 {'accept': 'x'}>"


# Warnings


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.levelno == logging.WARNING]


def test_unchecked_certificates_are_logged_at_first_request(
    tls_server: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Http(disable_ssl_certificate_validation=True) as http:
        assert http.request(tls_server.url("/status/200")).response.status == 200
    assert [each[:28] for each in warnings_of(caplog)] == ["certificates are not checked"]


def test_unchecked_certificates_are_logged_once_for_each_http(
    tls_server: WebServer, authority_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        with Http(disable_ssl_certificate_validation=True) as http:
            assert http.request(tls_server.url("/status/200")).response.status == 200
            http.timeout = PATIENCE  # the settings are made again
            assert http.request(tls_server.url("/status/200")).response.status == 200
    with Http(ca_certs=authority_file) as http:
        assert http.request(tls_server.url("/status/200")).response.status == 200
    assert [each[:28] for each in warnings_of(caplog)] == ["certificates are not checked"] * 2


ASK_TWICE = """
import sys, asynchttp
for _ in range(2):
    with asynchttp.Http(ca_certs=sys.argv[2]) as http:
        print_line(http.request(sys.argv[1]).response.status)
"""


def test_key_log_of_environment_is_logged_once(
    tls_server: WebServer,
    server: WebServer,
    authority_file: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))
    result = run_python(ASK_TWICE, tls_server.url("/status/200"), authority_file)
    assert (result.code, result.out) == (0, ["200", "200"])
    assert result.err.count("SSLKEYLOGFILE is set") == 1
    assert (tmp_path / "keys").exists()
    assert run_python(ASK_TWICE, server.url("/status/200"), authority_file).err == ""


@pytest.mark.parametrize("lower_case", [False, True])
def test_http_proxy_set_by_cgi_client_is_ignored(
    raw_server: RawServerFactory,
    server: WebServer,
    monkeypatch: pytest.MonkeyPatch,
    lower_case: bool,
) -> None:
    """RFC 3875, 4.1.18: a CGI program has the header field `Proxy` as HTTP_PROXY."""
    proxy = raw_server([read_head, send(b"HTTP/1.1 200 OK\r\n\r\n"), read_head, send(OK)])
    for name in ("http_proxy", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    if lower_case:
        monkeypatch.setenv("http_proxy", proxy.url())
    result = run_python(ASK_TWICE, server.url("/status/200"), "")
    assert (result.code, result.out) == (0, ["200", "200"])
    assert len(proxy.heads) == (4 if lower_case else 0)
    assert result.err.count("HTTP_PROXY is ignored") == (0 if lower_case else 1)


def test_http_proxy_set_by_cgi_client_is_ignored_for_httplib2(
    server: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request with Expect is made by httplib2's own code."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("REQUEST_METHOD", "GET")
    with Http(timeout=PATIENCE) as http:
        response, _ = http.request(server.url("/status/200"), headers={"Expect": "100-continue"})
        assert response.status == 200


# Ciphers


def offered_ciphers(hello: bytes) -> set[int]:
    """The ciphers of a ClientHello (RFC 8446, 4.1.2), in a record of TLS."""
    at = 5 + 4 + 2 + 32
    at += 1 + hello[at]
    (size,) = struct.unpack_from("!H", hello, at)
    return set(struct.unpack_from(f"!{size // 2}H", hello, at + 2))


RENEGOTIATION_INFO = 0x00FF  # RFC 5746, 3.3: not a cipher


def test_offered_ciphers_are_those_of_python(raw_server: RawServerFactory) -> None:
    hellos: EventLog[bytes] = EventLog()

    def read_hello(connection: ServerConnection) -> None:
        hellos.add(connection.socket.recv(65_536))

    server = raw_server([read_hello])
    with Http(timeout=PATIENCE) as http:
        assert http.request(server.url().replace("http:", "https:")).exception() is not None
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", server.port)) as connection,
        pytest.raises(ssl.SSLError),
    ):
        context.wrap_socket(connection, server_hostname="localhost")
    ours, theirs = map(offered_ciphers, hellos)
    assert ours == theirs - {RENEGOTIATION_INFO}
    assert ours == {cipher["id"] & 0xFFFF for cipher in context.get_ciphers()}
