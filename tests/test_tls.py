"""TLS: certificates are checked like httplib2's, and HTTP/2 is used if the server offers HTTP/2.

Rule: the parts of an error that callers read (type, errno, `reason`, `library`, `verify_code`,
`verify_message`) equal httplib2's; only the wording may be another OpenSSL version's.
"""

import json
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import IncompleteRead, RemoteDisconnected
from pathlib import Path
from typing import Any

import httplib2
import pytest

from asynchttp import Http, RequestTimeoutError
from tests.conftest import RawServerFactory
from tests.servers.certificates import (
    Authority,
    sign_expired,
    sign_for_other_host,
    sign_for_this_machine,
    tls_server_context,
)
from tests.servers.event_log import PATIENCE
from tests.servers.raw import (
    OK,
    RawServer,
    ServerConnection,
    Step,
    read_head,
    read_until_closed,
    reset_connection,
    send,
    send_slowly,
)
from tests.servers.web import WebServer

HEAD_OF_TWO = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"


@pytest.fixture
def http(authority_file: str) -> Iterator[Http]:
    with Http(timeout=PATIENCE, ca_certs=authority_file) as http:
        yield http


def error_of(client: type[httplib2.Http], uri: str, **settings: Any) -> BaseException:
    """The error that `client` raises. Any: arguments of the constructor."""
    with closing(client(timeout=PATIENCE, **settings)) as http:
        with pytest.raises(OSError) as raised:  # noqa: PT011 - every error of TLS is an OSError
            bytes(http.request(uri)[1])
        return raised.value


def errors_of_both(uri: str, **settings: Any) -> tuple[Any, Any]:  # Any: as in raised_by
    """httplib2's error, and asynchttp's."""
    return error_of(httplib2.Http, uri, **settings), error_of(Http, uri, **settings)


# Certificates


@pytest.fixture(scope="module")
def untrusted_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority that did not sign the servers' certificates."""
    return Authority(tmp_path_factory.mktemp("stranger"))


def compared_parts(error: ssl.SSLCertVerificationError) -> tuple[object, ...]:
    return (
        error.errno,
        error.reason,
        error.library,
        error.verify_code,
        error.verify_message,
        str(error).partition(" (_ssl.c")[0],
    )


def assert_same_error(uri: str, **settings: object) -> ssl.SSLCertVerificationError:
    theirs, ours = errors_of_both(uri, **settings)
    assert type(ours) is ssl.SSLCertVerificationError
    assert compared_parts(ours) == compared_parts(theirs)
    assert "CERTIFICATE_VERIFY_FAILED" in str(ours)
    return ours


@pytest.mark.parametrize("sign", [sign_expired, sign_for_other_host])
@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_bad_certificate_fails_like_httplib2(
    raw_tls_server: RawServerFactory,
    authority: Authority,
    host: str,
    sign: Callable[[Authority], Path],
) -> None:
    server = raw_tls_server([read_head, send(OK)], pem=sign(authority))
    uri = server.url().replace("localhost", host)
    assert_same_error(uri, ca_certs=str(authority.pem))
    assert list(server.heads) == []


def test_untrusted_authority_fails_like_httplib2(
    raw_tls_server: RawServerFactory, untrusted_authority: Authority, tls_server: WebServer
) -> None:
    server = raw_tls_server([read_head, send(OK)])
    for uri in (server.url(), tls_server.url()):
        assert_same_error(uri, ca_certs=str(untrusted_authority.pem))
    assert_same_error(server.url())  # httplib2's default authorities
    assert list(server.heads) == []


@pytest.fixture(scope="module")
def self_signed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PEM file with a key and a self-signed certificate for localhost."""
    directory = tmp_path_factory.mktemp("self-signed")
    command = "openssl req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -days 2"
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command.split(), *subject], cwd=directory, check=True, capture_output=True)
    pem = directory / "pem"
    pem.write_text((directory / "key").read_text() + (directory / "certificate").read_text())
    return pem


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
def test_self_signed_certificate_is_accepted_if_trusted(
    raw_tls_server: RawServerFactory, self_signed: Path
) -> None:
    server = raw_tls_server([read_head, send(OK)], pem=self_signed)
    error = assert_same_error(server.url())
    assert error.verify_message == "self-signed certificate"
    with Http(ca_certs=str(self_signed)) as http:
        assert http.request(server.url())[1] == b"ok"


def test_signed_server_certificate_is_no_trust_anchor(
    raw_tls_server: RawServerFactory, tls_server: WebServer, authority: Authority
) -> None:
    server = raw_tls_server([read_head, send(OK)])
    for uri in (server.url(), tls_server.url()):
        assert_same_error(uri, ca_certs=str(sign_for_this_machine(authority)))


@pytest.mark.parametrize("sign", [sign_for_this_machine, sign_expired, sign_for_other_host])
def test_disabled_validation_accepts_any_certificate(
    raw_tls_server: RawServerFactory,
    untrusted_authority: Authority,
    sign: Callable[[Authority], Path],
) -> None:
    server = raw_tls_server([read_head, send(OK)], pem=sign(untrusted_authority))
    with Http(disable_ssl_certificate_validation=True) as http:
        assert http.request(server.url())[1] == b"ok"


def test_unchecked_connection_is_not_reused_for_checked_request(
    tls_server: WebServer, raw_tls_server: RawServerFactory
) -> None:
    """A checked request uses no unchecked connection and no unchecked TLS session."""
    raw = raw_tls_server([read_head, send(OK)])
    with Http(timeout=PATIENCE, disable_ssl_certificate_validation=True) as http:
        for uri in (tls_server.url("/status/200"), raw.url()):
            assert http.request(uri).response.status == 200
            http.disable_ssl_certificate_validation = False
            assert isinstance(http.request(uri).exception(), ssl.SSLCertVerificationError)
            http.disable_ssl_certificate_validation = True


def test_ca_certs_can_change_between_requests(
    raw_tls_server: RawServerFactory, authority: Authority, untrusted_authority: Authority
) -> None:
    server = raw_tls_server([read_head, send(OK)])
    with Http(ca_certs=str(untrusted_authority.pem)) as http:
        refused = http.request(server.url())
        http.ca_certs = str(authority.pem)
        accepted = http.request(server.url())
        assert isinstance(refused.exception(), ssl.SSLCertVerificationError)
        assert accepted[1] == b"ok"


@pytest.mark.parametrize("as_path", [False, True])
def test_ca_certs_accepts_text_and_path(
    tls_server: WebServer, authority: Authority, as_path: bool
) -> None:
    ca_certs: Any = authority.pem if as_path else str(authority.pem)  # Any: httplib2 takes both
    with Http(ca_certs=ca_certs) as http:
        assert http.request(tls_server.url("/status/200")).response.status == 200


def test_missing_ca_certs_raises_file_not_found(tls_server: WebServer, tmp_path: Path) -> None:
    theirs, ours = errors_of_both(tls_server.url(), ca_certs=str(tmp_path / "missing"))
    assert (type(ours), ours.errno) == (type(theirs), theirs.errno)
    assert type(ours) is FileNotFoundError


@pytest.mark.parametrize("content", ["", "no certificates"])
def test_ca_certs_without_certificates_raises_ssl_error(
    tls_server: WebServer, tmp_path: Path, content: str
) -> None:
    path = tmp_path / "authorities.pem"
    path.write_text(content)
    theirs, ours = errors_of_both(tls_server.url(), ca_certs=str(path))
    assert type(ours) is ssl.SSLError
    assert ours.reason == theirs.reason


def test_disabled_validation_ignores_missing_ca_certs(tls_server: WebServer) -> None:
    with Http(ca_certs="/missing", disable_ssl_certificate_validation=True) as http:
        assert http.request(tls_server.url("/status/200")).response.status == 200


# Handshakes that fail


def test_https_to_http_port_fails_like_httplib2(raw_server: RawServerFactory) -> None:
    server = raw_server([send(b"HTTP/1.1 400 Bad Request\r\n\r\n"), read_until_closed])
    theirs, ours = errors_of_both(server.url().replace("http:", "https:"))
    assert (type(ours), ours.reason) == (type(theirs), theirs.reason)
    assert ours.reason == "WRONG_VERSION_NUMBER"


def test_http_to_tls_port_raises_connection_error(tls_server: WebServer) -> None:
    with Http() as http:
        error = http.request(tls_server.url().replace("https:", "http:")).exception()
        assert isinstance(error, ConnectionError)


def close_after_reading(connection: Any) -> None:  # Any: a ServerConnection, as in every step
    """Read the client's bytes first, so that the connection closes without a reset."""
    connection.socket.recv(65_536)


def test_close_during_handshake_raises_ssl_eof_error(raw_server: RawServerFactory) -> None:
    server = raw_server([close_after_reading])
    theirs, ours = errors_of_both(server.url().replace("http:", "https:"))
    assert type(ours) is type(theirs)
    assert type(ours) is ssl.SSLEOFError


def close_with_unread_bytes(connection: ServerConnection) -> None:
    """Close when the client has written: the system sends a reset."""
    connection.socket.recv(1)


@pytest.mark.parametrize("step", [lambda _: None, close_after_reading, close_with_unread_bytes])
def test_close_at_any_time_of_handshake_raises_same_error(
    raw_server: RawServerFactory, step: Step
) -> None:
    server = raw_server([step])
    with Http(timeout=PATIENCE) as http:
        for _ in range(20):
            error = http.request(server.url().replace("http:", "https:")).exception()
            assert type(error) is ssl.SSLEOFError


def test_handshake_without_common_cipher_fails(authority: Authority) -> None:
    context = tls_server_context(sign_for_this_machine(authority))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("AES128-SHA")
    with RawServer([read_head], tls=context) as server:
        theirs, ours = errors_of_both(server.url(), ca_certs=str(authority.pem))
    assert type(ours) is type(theirs) is ssl.SSLError
    assert "ALERT_HANDSHAKE_FAILURE" in ours.reason


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_missing_client_certificate_fails_request(
    authority: Authority, version: ssl.TLSVersion
) -> None:
    """A TLS 1.3 server refuses after the client's handshake: the client may see only the close."""
    context = tls_server_context(sign_for_this_machine(authority))
    context.maximum_version = version
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(authority.pem)
    with RawServer([read_head], tls=context) as server:
        ours = error_of(Http, server.url(), ca_certs=str(authority.pem))
    if version is ssl.TLSVersion.TLSv1_3:
        assert isinstance(ours, ssl.SSLError | ConnectionResetError | BrokenPipeError)
    else:
        assert type(ours) is ssl.SSLError
        assert "ALERT_HANDSHAKE_FAILURE" in ours.reason


# Connections that break


@pytest.mark.parametrize(
    ("script", "error", "partial"),
    [
        ([read_head], RemoteDisconnected, None),
        ([read_head, send(b"HTTP/1.1 200 OK\r\nX: 1\r\n")], IncompleteRead, b""),
        ([read_head, send(HEAD_OF_TWO + b"\r\n")], IncompleteRead, b""),
        ([read_head, send(HEAD_OF_TWO + b"\r\no")], IncompleteRead, b"o"),
        ([read_head, send_slowly(HEAD_OF_TWO + b"\r\no", every=0)], IncompleteRead, b"o"),
        ([read_head, send(HEAD_OF_TWO + b"\r\no"), reset_connection], ConnectionResetError, None),
        # Content without a length may be truncated. httplib2 takes the content for whole.
        ([read_head, send(b"HTTP/1.1 200 OK\r\n\r\nok")], IncompleteRead, b"ok"),
    ],
    ids=["no answer", "part of head", "no content", "part", "part by bytes", "reset", "no length"],
)
def test_close_without_close_notify_raises(
    raw_tls_server: RawServerFactory,
    http: Http,
    script: list[Step],
    error: type[Exception],
    partial: bytes | None,
) -> None:
    """The server closes the connection without ending TLS."""
    server = raw_tls_server(script)
    with pytest.raises(error) as raised:
        http.request(server.url()).result()
    assert getattr(raised.value, "partial", None) == partial


def test_close_with_close_notify_ends_content(raw_tls_server: RawServerFactory, http: Http) -> None:
    server = raw_tls_server([read_head, send(b"HTTP/1.1 200 OK\r\n\r\nok"), end_tls])
    assert http.request(server.url())[1] == b"ok"


def end_tls(connection: Any) -> None:  # Any: a ServerConnection, as in every step
    connection.socket.unwrap()


# HTTP/2


def test_http_2_is_used_if_offered(tls_server: WebServer, http: Http) -> None:
    response, content = http.request(tls_server.url("/echo"), headers={"X-Name": "value"})
    assert (response.version, response.status, response.reason) == (20, 200, "OK")
    assert response["content-type"] == "application/json"
    echoed = json.loads(content)
    assert echoed["version"] == "2"
    assert ["x-name", "value"] in echoed["headers"]


def test_http_1_is_used_without_http_2_offer(tls_h1_server: WebServer, http: Http) -> None:
    response, content = http.request(tls_h1_server.url("/echo"))
    assert (response.version, response.status) == (11, 200)
    assert json.loads(content)["version"] == "1.1"


@pytest.mark.parametrize(("code", "reason"), [(404, "Not Found"), (418, "I'm a Teapot"), (599, "")])
def test_http_2_reason_is_standard_phrase(
    tls_server: WebServer, http: Http, code: int, reason: str
) -> None:
    response, _ = http.request(tls_server.url(f"/status/{code}"))
    assert (response.status, response["status"], response.reason) == (code, str(code), reason)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND"])
def test_every_method_works_over_http_2(tls_server: WebServer, http: Http, method: str) -> None:
    body = b"body" if method in ("POST", "PUT") else None
    assert http.request(tls_server.url("/echo"), method, body).response.version == 20
    received = tls_server.received[0]
    assert (received.method, received.body, received.version) == (method, body or b"", "2")


def test_http_2_body_of_unknown_length_is_sent(tls_server: WebServer, http: Http) -> None:
    """HTTP/2 has no chunked transfer coding."""
    http.request(tls_server.url("/echo"), "POST", iter([b"a", b"b"])).result()
    assert tls_server.received[0].body == b"ab"
    assert tls_server.received[0].header("transfer-encoding") is None


def test_http_1_headers_do_not_harm_http_2(tls_server: WebServer, http: Http) -> None:
    headers = {"Connection": "keep-alive", "TE": "trailers", "Host": "elsewhere.test"}
    response, _ = http.request(tls_server.url("/echo"), headers=headers)
    assert (response.status, response.version) == (200, 20)
    assert tls_server.received[0].header("connection") is None


def test_concurrent_http_2_requests_share_connection(
    tls_server: WebServer, authority_file: str
) -> None:
    """The requests begin at once, before the client knows the server's protocol."""
    with Http(ca_certs=authority_file, max_workers=100) as http:
        held = tls_server.hold_answers()
        promises = [http.request(held.url(str(number))) for number in range(100)]
        assert len(held.arrived.wait_for(100)) == 100
        held.answer_all()
        assert [promise.content for promise in promises] == [b"%d" % n for n in range(100)]
    assert len({each.port for each in tls_server.received}) == 1


def test_concurrent_http_1_requests_use_own_connections(
    tls_h1_server: WebServer, authority_file: str
) -> None:
    """No request waits for the end of the first request."""
    with Http(ca_certs=authority_file) as http:
        held = tls_h1_server.hold_answers()
        promises = [http.request(held.url(str(number))) for number in range(20)]
        assert len(held.arrived.wait_for(20)) == 20
        held.answer_all()
        assert [promise.content for promise in promises] == [b"%d" % n for n in range(20)]
    assert len({each.port for each in tls_h1_server.received}) == 20


@pytest.mark.parametrize("which", ["tls_server", "tls_h1_server"])
def test_requests_during_first_request_succeed(
    request: pytest.FixtureRequest, http: Http, which: str
) -> None:
    server: WebServer = request.getfixturevalue(which)
    held = server.hold_answers()
    first = http.request(held.url("first"))
    held.arrived.wait_for(1)
    others = [http.request(server.url("/status/200")) for _ in range(5)]
    assert [other.response.status for other in others] == [200] * 5
    assert not first.done()
    held.answer_all()
    assert first.content == b"first"


@pytest.mark.parametrize("failure", ["cancelled", "timed out", "refused"])
def test_requests_do_not_hang_when_first_connection_fails(
    authority_file: str,
    raw_server: RawServerFactory,
    tls_server: WebServer,
    refused_url: str,
    failure: str,
) -> None:
    silent = raw_server([read_until_closed])
    uri = (refused_url if failure == "refused" else silent.url()).replace("http:", "https:")
    timeout = 0.3 if failure == "timed out" else PATIENCE
    with Http(ca_certs=authority_file, timeout=timeout) as http:
        promises = [http.request(uri) for _ in range(5)]
        if failure == "cancelled":
            silent.accepted.wait_for(1)
            assert promises[0].cancel()
            silent.accepted.wait_for(5)
            assert all(promise.cancel() for promise in promises)
        else:
            errors = {type(promise.exception()) for promise in promises}
            assert errors == {
                ConnectionRefusedError if failure == "refused" else RequestTimeoutError
            }
        http.timeout = PATIENCE
        assert http.request(tls_server.url("/status/200")).response.status == 200


def test_concurrent_requests_to_several_origins_succeed(
    tls_server: WebServer, tls_h1_server: WebServer, server: WebServer, http: Http
) -> None:
    urls = [each.url("/status/200") for each in (tls_server, tls_h1_server, server)] * 20
    promises = [http.request(url) for url in urls]
    assert {promise.response.status for promise in promises} == {200}


def test_threads_share_http_2_connection(tls_server: WebServer, http: Http) -> None:
    statuses: list[int] = []

    def ask() -> None:
        url = tls_server.url("/status/200")
        statuses.extend(http.request(url).response.status for _ in range(10))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80
    assert len({each.port for each in tls_server.received}) == 1
