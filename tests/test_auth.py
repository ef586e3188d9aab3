"""Authentication: schemes and details missing in httplib2, and the origins of credentials.

The server is httpbin, which is independent of httplib2. test_differential and httplib2's own tests
compare everything else with httplib2; test_policies has many requests at once.
"""

import base64
import hashlib
import hmac
import re
import threading
from collections.abc import Callable, Iterator
from email.utils import formatdate
from itertools import product
from pathlib import Path
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import httpbin
import httplib2
import pycurl
import pytest
import requests
from hypothesis import example, given
from hypothesis import strategies as st

import asynchttp
from asynchttp import Http, options
from asynchttp.messages.request import Request
from asynchttp.messages.response import Answer, Response
from asynchttp.messages.settings import Settings
from asynchttp.messages.transfer import Reply, Transfer
from asynchttp.policy.digest import Digest
from asynchttp.policy.exchange import exchange
from asynchttp.policy.fields import parse_challenges, quoted
from tests.conftest import RawServerFactory
from tests.servers.event_log import PATIENCE
from tests.servers.raw import RawServer
from tests.servers.recording import PORT, answer_requests

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


@pytest.mark.parametrize("qop", ["auth", "none"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_digest_accepts_only_right_password(
    http: Http, bin_url: str, algorithm: str, qop: str
) -> None:
    url = f"{bin_url}/digest-auth/{qop}/name/password/{algorithm}"
    assert http.request(url).response.status == 200
    http.clear_credentials()
    http.add_credentials("name", "wrong")
    assert http.request(url).response.status == 401


def unauthorized(*challenges: str) -> bytes:
    fields = "".join(f"WWW-Authenticate: {challenge}\r\n" for challenge in challenges)
    return f"HTTP/1.1 401 No\r\nContent-Length: 0\r\n{fields}\r\n".encode()


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
    assert "algorithm=SHA-256," in authorization_of(challenges, ("a", "b"))


def authorization_of(challenge: str, credentials: tuple[str, str], uri: str = "/") -> str:
    headers: dict[str, str] = {}
    digest(challenge, credentials, uri).request("GET", uri, headers, None)
    return headers["authorization"]


def fields_of(authorization: str) -> dict[str, str]:
    """The fields of an Authorization, unquoted."""
    found = re.findall(r'([\w*]+)=(?:"((?:[^"\\]|\\.)*)"|([^,\s]+))', authorization)
    return {name: re.sub(r"\\(.)", r"\1", quoted) or token for name, quoted, token in found}


HASHES = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}


def expected_proof(fields: dict[str, str], password: str) -> str:
    """The `response` for GET by RFC 7616, 3.4.1, and without a qop by RFC 2069, 2.1.2."""
    name, session, _ = fields.get("algorithm", "MD5").partition("-sess")

    def hashed(*parts: str) -> str:
        return hashlib.new(HASHES[name], ":".join(parts).encode()).hexdigest()

    key = hashed(fields["username"], fields["realm"], password)
    if session:
        key = hashed(key, fields["nonce"], fields["cnonce"])
    rest = [fields[each] for each in ("nc", "cnonce", "qop")] if "qop" in fields else []
    return hashed(key, fields["nonce"], *rest, hashed("GET", fields["uri"]))


def ask_with_libcurl(url: str, name: str, password: str) -> None:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.HTTPAUTH, pycurl.HTTPAUTH_DIGEST)
    curl.setopt(pycurl.USERNAME, name)
    curl.setopt(pycurl.PASSWORD, password)
    curl.setopt(pycurl.WRITEFUNCTION, lambda _: None)
    curl.perform()
    curl.close()


def ask_with_requests(url: str, name: str, password: str) -> None:
    requests.get(url, auth=requests.auth.HTTPDigestAuth(name, password), timeout=PATIENCE)


def ask_with_asynchttp(url: str, name: str, password: str) -> None:
    with Http() as http:
        http.add_credentials(name, password)
        assert http.request(url).response.status == 200


DIGESTS = [
    'realm="r", nonce="n"',
    'realm="r", nonce="n", opaque="o", algorithm=MD5',
    'realm="r", nonce="n", algorithm=SHA-256',
    'realm="r", nonce="n", qop=auth',
    'realm="r", nonce="n", qop="auth-int, auth", algorithm=MD5',
    'realm="r", nonce="n", qop="auth", algorithm=MD5-sess',
    'realm="r", nonce="n", qop="auth", algorithm=SHA-256-sess',
    'realm="r", nonce="n", qop="auth", algorithm=SHA-512-256',
    'realm="r", nonce="n", qop="auth", algorithm=SHA-512-256-sess',
    r'realm="a \"quoted\" \\ r", nonce="n\"", qop="auth", opaque="\\"',
]
KNOWN_TO_REQUESTS = DIGESTS[:4]
"""requests does not escape quotes, and does not know all algorithms."""


@pytest.mark.parametrize(
    ("ask", "challenge", "name"),
    [
        *product([ask_with_asynchttp, ask_with_libcurl], DIGESTS, ["name", 'na"me\\']),
        *product([ask_with_requests], KNOWN_TO_REQUESTS, ["name"]),
    ],
)
def test_digest_proof_is_that_of_other_clients(
    raw_server: RawServerFactory, ask: Callable[..., None], challenge: str, name: str
) -> None:
    """The other clients show that the expectation is right."""
    server = raw_server([answer_requests(unauthorized(f"Digest {challenge}"), OK)])
    ask(server.url("/path?q"), name, "pass:word")
    fields = fields_of(server.heads[-1].decode())
    offered = fields_of(challenge)
    assert (fields["username"], fields["uri"]) == (name, "/path?q")
    assert fields["response"] == expected_proof(fields, "pass:word")
    assert fields.get("qop") == ("auth" if "qop" in offered else None)
    assert fields.get("algorithm", "MD5") == offered.get("algorithm", "MD5")
    for each in ("realm", "nonce", "opaque"):
        assert fields.get(each) == offered.get(each)


def test_digest_session_keeps_its_cnonce(http: Http, raw_server: RawServerFactory) -> None:
    """A server may make the key of MD5-sess once, with the first cnonce (RFC 7616, 3.4.2)."""
    challenge = unauthorized('Digest realm="r", nonce="n", qop="auth", algorithm=MD5-sess')
    server = raw_server([answer_requests(challenge, OK)])
    for _ in range(3):
        assert http.request(server.url()).response.status == 200
    _, *sent = [fields_of(head.decode()) for head in server.heads]
    assert [fields["nc"] for fields in sent] == ["00000001", "00000002", "00000003"]
    assert len({fields["cnonce"] for fields in sent}) == 1


def test_digest_session_without_qop_tells_its_cnonce() -> None:
    """No RFC knows the combination; without the cnonce no server could check the proof."""
    fields = fields_of(
        authorization_of('Digest realm="r", nonce="n", algorithm=MD5-sess', ("a", "b"))
    )
    assert fields["response"] == expected_proof(fields, "b")
    assert "qop" not in fields


@pytest.mark.parametrize(
    ("name", "charset", "field"),
    [
        ("J\xe4s\xf8n Doe", ", charset=UTF-8", "username*=UTF-8''J%C3%A4s%C3%B8n%20Doe,"),
        ("J\xe4s\xf8n Doe", "", 'username="J\xe4s\xf8n Doe",'),
        ("\u20ac", "", "username*=UTF-8''%E2%82%AC,"),
        ("ann", ', charset="utf-8"', 'username="ann",'),
    ],
)
def test_digest_user_name_obeys_charset(name: str, charset: str, field: str) -> None:
    """RFC 7616, 3.4.4. Without a charset, latin-1 as in httplib2."""
    challenge = f'Digest realm="r", nonce="n", qop="auth"{charset}'
    authorization = authorization_of(challenge, (name, "Secret, or not?"))
    assert authorization.startswith(f"Digest {field} realm=")
    fields = fields_of(authorization) | {"username": name}
    assert fields["response"] == expected_proof(fields, "Secret, or not?")


@pytest.mark.parametrize("realm", ["caf\xc3\xa9", "caf\xe9"])
def test_digest_realm_is_hashed_as_text(realm: str) -> None:
    """The field has UTF-8, or else latin-1; httplib2 encodes UTF-8 twice."""
    challenge = f'Digest realm="{realm}", nonce="n", qop="auth"'
    fields = fields_of(authorization_of(challenge, ("a", "b")))
    assert fields["realm"] == realm
    assert fields["response"] == expected_proof(fields | {"realm": "caf\xe9"}, "b")


@pytest.mark.parametrize(
    "challenge",
    [
        'Digest realm="x", nonce="n", algorithm=SHA-512',
        'Digest realm="x", nonce="n", qop="auth-int"',
        'Digest realm="x"',
        "Digest",
        'HMACDigest realm="x"',
        'HMACDigest realm="x", snonce="s", algorithm=none',
        "GoogleLogin realm=x",
        'Bearer realm="x"',
        "Negotiate",
        "NTLM TlRMTVNTUAACAAAA=",
        'OAuth "Facebook Platform" "invalid_token"',
        'Basi realm="Basic realm=x',
        "",
        ",,",
        "=",
    ],
)
def test_unanswerable_challenge_is_the_answer(
    http: Http, raw_server: RawServerFactory, challenge: str
) -> None:
    server = raw_server([answer_requests(unauthorized(challenge))])
    assert http.request(server.url()).response.status == 401
    assert len(server.heads) == 1


BASIC = b"authorization: Basic "
DIGEST = b'authorization: Digest username="name", realm="d"'
DIGEST_OFFER = 'Digest realm="d", nonce="n"'


@pytest.mark.parametrize(
    ("challenges", "answer"),
    [
        (["Basic"], BASIC),
        (["basic"], BASIC),
        (["Basic ,"], BASIC),
        (['Basic realm="unclosed'], BASIC),
        (["Negotiate", 'Basic realm="x"'], BASIC),
        (["Negotiate, NTLM, Basic"], BASIC),
        (["NTLM TlRMTVNTUAACAAAA=, Basic realm=x"], BASIC),
        ([',, Basic realm="x",,'], BASIC),
        (['Newauth realm="a", type=1, title="Log in to \\"a\\", Digest", Basic realm="s"'], BASIC),
        (['Digest realm="x", nonce="n", algorithm=SHA-512', "Basic"], BASIC),
        (["GoogleLogin realm=x, Basic"], BASIC),
        (['Digest realm="d",, nonce="n",'], DIGEST),
        ([f"Basic, {DIGEST_OFFER}"], DIGEST),
        ([f"{DIGEST_OFFER}, Basic realm=x"], DIGEST),
        (['DIGEST Realm = "d" , NONCE\t=\t"n"'], DIGEST),
        (['Digest realm="x", nonce="n", qop="auth-int"', DIGEST_OFFER], DIGEST),
        (['Digest realm="d", nonce="n", domain="/ x", odd, stale=FALSE'], DIGEST),
    ],
)
def test_strongest_answerable_challenge_is_answered(
    http: Http, raw_server: RawServerFactory, challenges: list[str], answer: bytes
) -> None:
    server = raw_server([answer_requests(unauthorized(*challenges), OK)])
    assert http.request(server.url()).response.status == 200
    assert answer in server.heads[1]


def test_stale_challenge_replaces_all_of_the_old_one(
    http: Http, raw_server: RawServerFactory
) -> None:
    first = unauthorized('Digest realm="here", nonce="one", qop="auth"')
    stale = unauthorized('Digest realm="there", nonce="two", algorithm=SHA-256, stale=TRUE')
    server = raw_server([answer_requests(first, OK, stale, OK)])
    for _ in range(2):
        assert http.request(server.url()).response.status == 200
    fields = fields_of(server.heads[-1].decode())
    assert (fields["realm"], fields["algorithm"]) == ("there", "SHA-256")
    assert fields["response"] == expected_proof(fields, "password")


@pytest.mark.parametrize("info", ["=", "nonsense", "nextnonce", 'nextnonce="unclosed', ",,,"])
def test_malformed_authentication_info_is_ignored(
    http: Http, raw_server: RawServerFactory, info: str
) -> None:
    told = OK.replace(b"\r\n", f"\r\nAuthentication-Info: {info}\r\n".encode(), 1)
    server = raw_server([answer_requests(unauthorized(DIGEST_OFFER), told)])
    for _ in range(2):
        assert http.request(server.url()).response.status == 200


TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\0\r\n"), max_size=20)
"""Text of a field; libcurl refuses a NUL."""
NAMES = st.sampled_from(
    "realm nonce qop algorithm stale charset opaque snonce reason salt nextnonce".split()
)
VALUES = st.sampled_from(
    'auth "auth" "" auth-int MD5 md5-SESS SHA-256 SHA-512-256-sess true UTF-8 HMAC-MD5'.split()
)
PARAMETERS = st.tuples(NAMES, VALUES | TEXT.map(quoted) | TEXT).map("=".join) | TEXT
SCHEMES = st.sampled_from(["Basic", "Digest", "HMACDigest", "WSSE", "Negotiate", "GoogleLogin"])
CHALLENGES = st.builds(
    lambda scheme, parameters, separator: f"{scheme} {separator.join(parameters)}",
    SCHEMES | TEXT,
    st.lists(PARAMETERS, max_size=6),
    st.sampled_from([", ", ", ", ",", " ", ",, "]),
)
WITH_CREDENTIALS = options.settings_of(Http(proxy_info=None))._replace(
    credentials=(("", "na\xefve", "\u20ac"), ("", 'b"', ""))
)


def last_status(settings: Settings, first: Reply, others: Reply) -> int:
    """The status of the answer if all replies but the first are `others`."""
    steps = exchange(Request("GET", "http://server.test/a", None, None, 5, 0.0, ()), settings)
    next(steps)
    reply = first
    for _ in range(20):
        try:
            steps.send(reply)
        except StopIteration as end:
            answer = end.value
            assert isinstance(answer, Answer)
            return answer.response.status
        reply = others
    pytest.fail("the exchange does not end")


@given(st.lists(CHALLENGES, min_size=1, max_size=4), st.sampled_from([401, 200, 403]))
@example(['Digest nonce="a", stale=true'], 401)
@example(['Digest nonce="a"', "nextnonce"], 200)
@example(["HMACDigest snonce=a, reason=stale"], 401)
def test_any_challenge_ends_in_an_answer(challenges: list[str], status: int) -> None:
    """WWW-Authenticate and Authentication-Info have any text, in the first answer and later."""
    settings = WITH_CREDENTIALS._replace(authorizations=[]).with_derived()
    fields = "".join(f"WWW-Authenticate: {each}\r\n" for each in challenges)
    told = f"Authentication-Info: {challenges[-1]}\r\n" if status != 401 else ""
    first = Reply(401, f"HTTP/1.1 401 A\r\n{fields}\r\n".encode("latin-1"), b"")
    others = Reply(status, f"HTTP/1.1 {status} A\r\n{fields}{told}\r\n".encode("latin-1"), b"")
    for _ in range(2):  # the second request sends accepted credentials at once
        settings = settings.with_derived()  # as the Http does after a change
        assert last_status(settings, first, others) in (401, status)


def test_challenge_parser_takes_linear_time() -> None:
    """A server may send long fields: each of these would take minutes in quadratic time."""
    for text in ('a="', "a ", "a=", '"\\', ", ", "\t", "(", '""', "a=b ", "a" * 100 + ";"):
        parse_challenges({"www-authenticate": "Digest " + text * 100_000})


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
    challenge = unauthorized("WSSE realm=x")
    server = raw_server([answer_requests(challenge, moved_to(other.url()))])
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


# A user in the URL


def basic(user: str) -> bytes:
    return b"authorization: Basic %b\r\n" % base64.b64encode(user.encode())


@pytest.mark.parametrize(
    ("written", "user"),
    [
        ("name:word", "name:word"),
        ("name", "name:"),
        ("name:", "name:"),
        (":word", ":word"),
        ("na%40me:p%3a%2F%25", "na@me:p:/%"),
        ("na@me:w@rd", "na@me:w@rd"),
        ("caf\xe9:\u20ac", "caf\xe9:\u20ac"),
        ("caf%C3%A9:%E2%82%AC", "caf\xe9:\u20ac"),
        ("a:b:c", "a:b:c"),
        ("x" * 300 + ":[]'\"<>\\", "x" * 300 + ":[]'\"<>\\"),
    ],
)
def test_user_in_url_becomes_basic_credentials(
    raw_server: RawServerFactory, written: str, user: str
) -> None:
    server = raw_server([answer_requests(OK)])
    url = server.url("/path?a@b#c@d")
    with Http() as http:
        response, _ = http.request(url.replace("//", f"//{written}@"))
        assert response["content-location"] == url
    assert basic(user) in server.heads[0]
    assert server.heads[0].startswith(b"GET /path?a@b HTTP/1.1\r\n")


def test_empty_user_in_url_sends_no_credentials(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(OK)])
    with Http() as http:
        assert http.request(server.url().replace("//", "//@")).response.status == 200
    assert b"uthorization" not in server.heads[0]


def test_given_authorization_counts_more_than_user_in_url(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(OK)])
    with Http() as http:
        url = server.url().replace("//", "//name:word@")
        assert http.request(url, headers={"Authorization": "mine"}).response.status == 200
    assert b"authorization: mine\r\n" in server.heads[0]


def test_user_in_url_counts_more_than_accepted_credentials(
    http: Http, raw_server: RawServerFactory
) -> None:
    server = raw_server([answer_requests(unauthorized("Basic"), OK)])
    for user in ("", "other:word@", ""):
        assert http.request(server.url().replace("//", f"//{user}")).response.status == 200
    users = ["name:password", "other:word", "name:password"]
    assert all(basic(user) in head for user, head in zip(users, [*server.heads][1:], strict=True))


def test_cached_answer_is_only_for_user_in_url(
    raw_server: RawServerFactory, tmp_path: Path
) -> None:
    """Also where other credentials have been accepted."""
    date = formatdate(usegmt=True)
    fresh = OK.replace(b"\r\n", f"\r\nDate: {date}\r\nCache-Control: max-age=60\r\n".encode(), 1)
    server = raw_server([answer_requests(unauthorized("Basic"), fresh)])
    with Http(str(tmp_path)) as http:
        http.add_credentials("name", "password")
        for user in ("", "a:b@", "a:b@", "c:d@", ""):
            assert http.request(server.url().replace("//", f"//{user}")).content == b"ok"
    sent = [re.search(b"Basic (.*)\r\n", head) for head in server.heads]
    users = [base64.b64decode(each[1]).decode() for each in sent if each]
    assert users == ["name:password", "a:b", "c:d", "name:password"]


def test_credentials_are_tried_when_user_in_url_is_refused(
    http: Http, raw_server: RawServerFactory
) -> None:
    server = raw_server([answer_requests(unauthorized("Basic"), OK)])
    assert http.request(server.url().replace("//", "//other:word@")).response.status == 200
    assert [basic("name:password") in head for head in server.heads] == [False, True]


def moved_to(url: str) -> bytes:
    return b"HTTP/1.1 302 F\r\nContent-Length: 0\r\nLocation: %s\r\n\r\n" % url.encode()


def test_user_in_url_is_for_one_origin(raw_server: RawServerFactory) -> None:
    other = raw_server([answer_requests(OK)])
    server = raw_server([answer_requests(moved_to("/next"), moved_to(other.url()))])
    with Http() as http:
        url = server.url().replace("//", "//name:word@")
        assert http.request(url).response.status == 200
    assert [basic("name:word") in head for head in server.heads] == [True, True]
    assert b"uthorization" not in other.heads[0]


# Credentials without a domain, at the end of a redirect


def test_credentials_without_domain_are_for_first_origin_only(raw_server: RawServerFactory) -> None:
    other = raw_server([answer_requests(unauthorized("Basic"))])
    server = raw_server([answer_requests(unauthorized("Basic"), moved_to(other.url()))])
    with Http() as http:
        http.add_credentials("name", "password")
        assert http.request(server.url()).response.status == 401
    assert basic("name:password") in server.heads[1]
    assert [b"uthorization" in head for head in other.heads] == [False]


def test_credentials_without_domain_come_back_to_first_origin(
    http: Http, raw_server: RawServerFactory
) -> None:
    away, back = moved_to(f"http://localhost:{PORT}/"), moved_to(f"http://127.0.0.1:{PORT}/")
    server = raw_server([answer_requests(away, back, unauthorized("Basic"), OK)])
    assert http.request(server.url()).response.status == 200
    assert [b"uthorization" in head for head in server.heads] == [False, False, False, True]


def test_each_request_has_a_first_origin_of_its_own(
    http: Http, raw_server: RawServerFactory
) -> None:
    """A redirect to a server does not send the credentials that this server has accepted before."""
    other = raw_server([answer_requests(unauthorized("Basic"), OK)])
    server = raw_server([answer_requests(moved_to(other.url()))])
    assert http.request(other.url()).response.status == 200
    assert http.request(server.url()).response.status == 200
    assert http.request(other.url()).response.status == 200
    sent = [basic("name:password") in head for head in other.heads]
    assert sent == [False, True, False, True]


def test_credentials_with_domain_are_for_that_host(raw_server: RawServerFactory) -> None:
    """As in httplib2, also when a redirect leads there, first and later."""
    other = raw_server([answer_requests(unauthorized("Basic"), OK)])
    server = raw_server([answer_requests(unauthorized("Basic"), moved_to(other.url()))])
    with Http() as http:
        http.add_credentials("name", "password", f"127.0.0.1:{other.port}")
        assert http.request(server.url()).response.status == 401
        for _ in range(2):
            assert http.request(server.url()).response.status == 200
    assert b"uthorization" not in b"".join(server.heads)
    assert [basic("name:password") in head for head in other.heads] == [False, True, True]


@pytest.mark.parametrize(
    ("start", "location", "is_answered"),
    [
        ("http://a.test/", "https://a.test/", True),
        ("http://a.test:80/", "https://A.test:443/", True),
        ("https://a.test/", "http://a.test/", False),
        ("http://a.test:8080/", "https://a.test/", False),
        ("http://a.test/", "https://b.test/", False),
    ],
)
def test_upgrade_to_https_stays_at_first_origin(
    start: str, location: str, is_answered: bool
) -> None:
    """Credentials without a domain, and a user in the URL, on the default ports."""
    challenge = Reply(401, unauthorized("Basic"), b"")
    for url in (start, start.replace("//", "//u:p@")):
        steps = exchange(Request("GET", url, None, None, 5, 0.0, ()), WITH_CREDENTIALS)
        next(steps)
        following = steps.send(Reply(302, moved_to(location), b""))
        assert isinstance(following, Transfer)
        assert (basic("u:p").strip() in following.headers) == (is_answered and url != start)
        try:
            was_answered = isinstance(steps.send(challenge), Transfer)
        except StopIteration:
            was_answered = False
        assert was_answered == is_answered
