"""Authentication: schemes and details missing in httplib2, and refused schemes.

The server is httpbin, which is independent of httplib2. test_differential and httplib2's own tests
compare everything else with httplib2; test_policies has many requests at once.
"""

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpbin
import httplib2
import pytest

import asynchttp
from asynchttp import Http
from asynchttp.messages.response import Response
from asynchttp.policy.digest import Digest
from tests.conftest import RawServerFactory
from tests.servers.raw import RawServer
from tests.servers.recording import answer_requests

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # from the base class
        pass


@pytest.fixture(scope="module")
def bin_url() -> Iterator[str]:
    with make_server("127.0.0.1", 0, httpbin.app, _ThreadingServer, _QuietHandler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def http() -> Iterator[Http]:
    with Http() as http:
        http.add_credentials("name", "password")
        yield http


# Digest


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_accepts_only_right_password(http: Http, bin_url: str, algorithm: str) -> None:
    url = f"{bin_url}/digest-auth/auth/name/password/{algorithm}"
    assert http.request(url).response.status == 200
    http.clear_credentials()
    http.add_credentials("name", "wrong")
    assert http.request(url).response.status == 401


def unauthorized(challenge: str) -> bytes:
    return f"HTTP/1.1 401 No\r\nContent-Length: 0\r\nWWW-Authenticate: {challenge}\r\n\r\n".encode()


def sent_nonces(server: RawServer) -> list[tuple[str, str]]:
    """Each sent nonce with its count."""
    found = (re.search(r'nonce="(\w+)".* nc=(\w+)', each.decode()) for each in server.heads)
    return [(each[1], str(int(each[2], 16))) for each in found if each]


def test_stale_digest_nonce_is_replaced(http: Http, raw_server: RawServerFactory) -> None:
    """RFC 7616, 3.3."""
    first = unauthorized('Digest realm="here", nonce="one", qop="auth"')
    stale = unauthorized('Digest realm="here", nonce="two", qop="auth", stale=true')
    server = raw_server([answer_requests(first, OK, stale, OK)])
    for _ in range(3):
        assert http.request(server.url()).response.status == 200
    assert sent_nonces(server) == [("one", "1"), ("one", "2"), ("two", "1"), ("two", "2")]


def test_digest_nextnonce_is_used(http: Http, raw_server: RawServerFactory) -> None:
    """RFC 7616, 3.5."""
    first = unauthorized('Digest realm="here", nonce="one", qop="auth"')
    news = OK.replace(b"\r\n", b'\r\nAuthentication-Info: nextnonce="two"\r\n', 1)
    server = raw_server([answer_requests(first, news, OK)])
    for _ in range(3):
        assert http.request(server.url()).response.status == 200
    assert sent_nonces(server) == [("one", "1"), ("two", "1"), ("two", "2")]


def response(challenge: str) -> Response:
    return Response({"www-authenticate": challenge, "status": "401"})


def digest(challenge: str, credentials: tuple[str, str], uri: str = "/dir/index.html") -> Digest:
    return Digest(credentials, "host", uri, {}, response(challenge), b"", None)


# The examples of RFC 7616, 3.9.1
EXAMPLE = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={},'
    ' nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",'
    ' opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


@pytest.mark.parametrize(
    ("algorithm", "proof"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_matches_rfc_examples(algorithm: str, proof: str) -> None:
    headers: dict[str, str] = {}
    digest(EXAMPLE.format(algorithm), ("Mufasa", "Circle of Life")).request(
        "GET", "/dir/index.html", headers, None, CNONCE
    )
    assert f'response="{proof}"' in headers["authorization"]
    assert 'opaque="FQhe' in headers["authorization"]


def test_first_known_digest_algorithm_is_chosen() -> None:
    challenges = ", ".join(EXAMPLE.format(name) for name in ("SHA-512", "SHA-256", "MD5"))
    assert digest(challenges, ("a", "b")).challenge["algorithm"] == "SHA-256"


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="x", nonce="n", algorithm=SHA-512',
        'Digest realm="x", nonce="n", qop="auth-int"',
    ],
)
def test_unknown_digest_options_are_refused(challenge: str) -> None:
    with pytest.raises(httplib2.UnimplementedDigestAuthOptionError, match="are known"):
        digest(challenge, ("a", "b"))


# Other schemes


def test_basic_accepts_only_right_password(http: Http, bin_url: str) -> None:
    assert http.request(f"{bin_url}/basic-auth/name/password").response.status == 200
    assert http.request(f"{bin_url}/basic-auth/name/other").response.status == 401


def test_log_distinguishes_authentication_from_redirect(
    http: Http, bin_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG", "asynchttp"):
        http.request(f"{bin_url}/basic-auth/name/password").result()
        http.close()  # all log records are written
    assert f"sent again to {bin_url}/basic-auth/name/password" in caplog.text
    assert "redirected" not in caplog.text


def test_hmac_digest_response_is_correct(http: Http, raw_server: RawServerFactory) -> None:
    """httplib2 tries HMACDigest, but fails."""
    challenge = unauthorized('HMACDigest realm="here", snonce="s", salt="t"')
    server = raw_server([answer_requests(challenge, OK)])
    assert http.request(server.url("/path"), headers={"x-mine": "yes"}).response.status == 200
    sent = server.heads[1].decode()
    fields = dict(re.findall(r'(\w+)="([^"]*)"', sent))
    values = "".join(
        found[1].strip()
        for name in fields["headers"].split()
        if (found := re.search(rf"(?im)^{name}: (.*)$", sent))
    )
    hidden = hashlib.sha1(b"passwordt").hexdigest()
    key = hashlib.sha1(f"name:{hidden}:here".encode()).hexdigest().encode()
    asked = f"GET:/path:{fields['cnonce']}:s:{values}".encode()
    assert fields["response"] == hmac.new(key, asked, "sha1").hexdigest()


def test_google_login_challenge_is_refused(http: Http, raw_server: RawServerFactory) -> None:
    challenge = unauthorized("GoogleLogin realm=x")
    server = raw_server([answer_requests(challenge)])
    with pytest.raises(httplib2.HttpLib2Error, match="GoogleLogin: its service ended"):
        http.request(server.url()).result()


def test_registered_auth_scheme_class_is_used(
    http: Http, raw_server: RawServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Token(httplib2.BasicAuthentication):
        def request(
            self, method: str, request_uri: str, headers: dict[str, str], content: object
        ) -> None:
            headers["authorization"] = "Token mine"

    monkeypatch.setitem(asynchttp.AUTH_SCHEME_CLASSES, "basic", Token)
    challenge = unauthorized("Basic realm=x")
    server = raw_server([answer_requests(challenge, OK)])
    assert http.request(server.url()).response.status == 200
    assert b"authorization: Token mine" in server.heads[1]


@pytest.mark.parametrize("forward", [False, True])
def test_redirect_to_other_host_drops_credentials(
    http: Http, raw_server: RawServerFactory, forward: bool
) -> None:
    http.forward_authorization_headers = forward
    http.follow_redirects = True
    other = raw_server([answer_requests(OK)])
    moved = b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % other.url().encode()
    challenge = unauthorized("WSSE realm=x")
    server = raw_server([answer_requests(challenge, moved)])
    assert http.request(server.url()).response.status == 200
    sent = other.heads[0].lower()
    assert (b"\nauthorization:" in sent, b"\nx-wsse:" in sent) == (forward, forward)


def test_accepted_credentials_are_sent_preemptively(
    http: Http, raw_server: RawServerFactory
) -> None:
    challenge = unauthorized("Basic realm=x")
    server = raw_server([answer_requests(challenge, OK)])
    for path in ("/a/", "/a/b", "/a/"):
        assert http.request(server.url(path)).response.status == 200
    token = base64.b64encode(b"name:password")
    assert [token in each for each in server.heads] == [False, True, True, True]
