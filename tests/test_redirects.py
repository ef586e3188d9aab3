"""Redirects are followed like httplib2's, with the same requests.

Rule: both clients run each case, each on a server of its own; response, `previous`, errors and all
requests seen by the servers have to be equal (`tests.reference`). Where asynchttp differs on
purpose, asynchttp alone runs the case.
"""

import gzip
import io
import json
import re
from collections.abc import Callable
from contextlib import suppress
from http.client import HTTPException, InvalidURL
from itertools import product
from pathlib import Path
from typing import IO

import httplib2
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asynchttp import Http, Response
from asynchttp.messages.request import Request
from asynchttp.messages.transfer import Reply, Transfer
from asynchttp.options import settings_of
from asynchttp.policy.exchange import exchange
from tests.conftest import RawServerFactory
from tests.reference import Pair, Url, assert_same_as_httplib2, request_with_both
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK
from tests.servers.recording import PORT, RecordedRequest, answer_requests, recorded_requests
from tests.servers.web import WebServer

SETTINGS = settings_of(Http(proxy_info=None))
Setting = Callable[[httplib2.Http], object]

CODES = [300, 301, 302, 303, 304, 305, 307, 308]
METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND"]


def redirect(code: int, to: str | None = "/next", *fields: str, content: bytes = b"moved") -> bytes:
    location = [] if to is None else [f"Location: {to}"]
    lines = [f"HTTP/1.1 {code} Moved", *location, *fields, f"Content-Length: {len(content)}"]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def follow_all(http: httplib2.Http) -> None:
    http.follow_all_redirects = True


def follow_none(http: httplib2.Http) -> None:
    http.follow_redirects = False


def follow_by_default(_: httplib2.Http) -> None:
    """Change nothing: by default redirects of safe methods are followed."""


def request_lines(requests: list[RecordedRequest]) -> list[str]:
    return [request.line.removesuffix(" HTTP/1.1") for request in requests]


# Codes and methods


@pytest.mark.parametrize("setting", [follow_by_default, follow_all, follow_none])
@pytest.mark.parametrize(
    ("code", "method"), [pair for pair in product(CODES, METHODS) if pair != (302, "HEAD")]
)
def test_redirect_codes_and_methods_match_httplib2(
    raw_server: RawServerFactory, code: int, method: str, setting: Setting
) -> None:
    body = b"abc" if method in ("POST", "PUT", "PATCH") else None
    hop, end = redirect(code), OK
    if method == "HEAD":  # answers without content; HEAD may become GET
        hop, end = hop.removesuffix(b"moved"), b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def ask(http: httplib2.Http, url: Url) -> Pair:
        setting(http)
        return http.request(url("/"), method, body)

    assert_same_as_httplib2(raw_server, [answer_requests(hop, end)], ask)


@pytest.mark.parametrize("setting", [follow_by_default, follow_all])
def test_head_stays_head_at_302(raw_server: RawServerFactory, setting: Setting) -> None:
    """RFC 9110, 15.4.3: only POST may become GET. httplib2 sends GET."""
    end = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"
    server = raw_server([answer_requests(redirect(302, content=b""), end)])
    with Http() as http:
        setting(http)
        response, content = http.request(server.url("/"), "HEAD")
        assert (response["content-length"], content) == ("9", b"")
    assert request_lines(recorded_requests(server)) == ["HEAD /", "HEAD /next"]


def test_chain_of_all_redirect_codes_is_followed(raw_server: RawServerFactory) -> None:
    codes = (301, 302, 303, 307, 308)
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(*(redirect(code, f"/{code}") for code in codes), OK)]
    )
    assert request_lines(result.requests) == ["GET /", *(f"GET /{code}" for code in codes)]
    assert result.outcome.previous is not None
    assert result.outcome.previous.status == 301


def test_post_body_is_sent_again_until_303(raw_server: RawServerFactory) -> None:
    hops = [redirect(308, "/again"), redirect(303, "/got"), redirect(307, "/end"), OK]
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(*hops)], lambda http, url: http.request(url("/"), "POST", "x")
    )
    assert request_lines(result.requests) == ["POST /", "POST /again", "GET /got", "GET /end"]
    assert [request.body for request in result.requests] == [b"x", b"x", b"", b""]


def test_redirect_codes_and_safe_methods_can_be_set(raw_server: RawServerFactory) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        http.redirect_codes = frozenset([305])
        http.safe_methods.append("POST")
        return http.request(url("/"), "POST", b"x")

    result = assert_same_as_httplib2(
        raw_server, [answer_requests(redirect(305), redirect(302))], ask
    )
    assert result.outcome.status == 302
    assert request_lines(result.requests) == ["POST /", "POST /next"]


@pytest.mark.parametrize("source", [io.BytesIO, bytes])
def test_body_of_reader_is_sent_again(
    raw_server: RawServerFactory, source: Callable[[bytes], object]
) -> None:
    """httplib2 sends an empty body the second time, since the reader is exhausted."""

    def ask(http: httplib2.Http, url: Url) -> Pair:
        follow_all(http)
        return http.request(url("/"), "POST", source(b"all of it"))

    theirs, ours = request_with_both(raw_server, [answer_requests(redirect(307), OK)], ask)
    assert [request.body for request in ours.requests] == [b"all of it", b"all of it"]
    assert ours.outcome == theirs.outcome


def test_file_body_is_sent_again_from_start_position(
    raw_server: RawServerFactory, tmp_path: Path
) -> None:
    server = raw_server([answer_requests(redirect(307), OK)])
    path = tmp_path / "body"
    path.write_bytes(bytes(3_000_000))
    with Http() as http:
        follow_all(http)
        file: IO[bytes]
        with path.open("rb") as file:
            file.seek(1_000_000)
            promise = http.request(server.url("/"), "POST", file)
        assert promise.response.status == 200
    assert [len(request.body) for request in recorded_requests(server)] == [2_000_000, 2_000_000]


# Locations


LOCATIONS = [
    "next",
    "./next?q",
    "../up",
    "?q=1",
    "#fragment",
    "",
    "/a b",
    "/caf\xe9",
    "/a%2fb%2F?%7e=%7E",
    "/empty?",
    "  /padded",
    "next:1",
    f"http://127.0.0.1:{PORT}",
    f"http://127.0.0.1:{PORT}/x#fragment",
    f"HTTP://127.0.0.1:{PORT}/UPPER",
    f"http://localhost:{PORT}/elsewhere",
    "http://",
    "http:///path",
    "http:relative",
    "mailto:a@example.com",
    "javascript:alert(1)",
]


@pytest.mark.parametrize("location", LOCATIONS)
def test_location_values_resolve_like_httplib2(raw_server: RawServerFactory, location: str) -> None:
    assert_same_as_httplib2(
        raw_server,
        [answer_requests(redirect(302, location), OK)],
        lambda http, url: http.request(url("/dir/start?x=1")),
    )


@pytest.mark.parametrize("setting", [follow_by_default, follow_all])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("code", CODES)
def test_redirect_without_location_matches_httplib2(
    raw_server: RawServerFactory, code: int, method: str, setting: Setting
) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        setting(http)
        return http.request(url("/"), method)

    assert_same_as_httplib2(raw_server, [answer_requests(redirect(code, None))], ask)


FOLLOWED = {
    "UTF-8": ("/caf\xc3\xa9", "/caf%C3%A9"),
    "UTF-8 in a URL": (f"http://127.0.0.1:{PORT}/\xd7\x93?\xe2\x82\xac", "/%D7%93?%E2%82%AC"),
    "UTF-8 beside percent-encoding": ("/caf\xc3\xa9%C3%A9", "/caf%C3%A9%C3%A9"),
    "no scheme": (f"//127.0.0.1:{PORT}/no-scheme?q", "/no-scheme?q"),
    "blanks at the end": ("/padded \t ", "/padded"),
}


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("name", FOLLOWED)
def test_location_leads_to_expected_target(
    raw_server: RawServerFactory, tmp_path: Path, name: str, cached: bool
) -> None:
    """httplib2 encodes UTF-8 twice, takes blanks for a part, and fails without a scheme. The second
    request takes the permanent redirect from the cache.
    """
    location, target = FOLLOWED[name]
    server = raw_server([answer_requests(redirect(301, location), OK)])
    with Http(str(tmp_path) if cached else None) as http:
        assert http.request(server.url("/")).content == b"ok"
        assert http.request(server.url("/" if cached else target)).content == b"ok"
    assert request_lines(recorded_requests(server)) == ["GET /", *[f"GET {target}"] * 2]


def test_equal_locations_count_as_one(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(redirect(302, "/a", "location:/a "), OK)])
    with Http() as http:
        assert http.request(server.url("/")).content == b"ok"
    assert request_lines(recorded_requests(server)) == ["GET /", "GET /a"]


def test_several_locations_raise_error(raw_server: RawServerFactory) -> None:
    """httplib2 goes to "/a, /b"."""
    _, ours = request_with_both(
        raw_server, [answer_requests(redirect(302, "/a", "Location: /b"), OK)]
    )
    assert request_lines(ours.requests) == ["GET /"]
    assert ours.outcome.error is not None


REFUSED_LOCATIONS = [
    "http://[::1/",
    "http://[nonsense]/",
    "http://a..b/",
    "http://a\xe2\x84\x80b/",
    f"http://{'a' * 70}.test/",
    "ftp://127.0.0.1/",
    "http://127.0.0.1:port/",
    "http://127.0.0.1:99999999/",
    "/a\x7fb",
]


@pytest.mark.parametrize("location", REFUSED_LOCATIONS)
def test_location_that_is_no_url_raises_invalid_url(
    raw_server: RawServerFactory, location: str
) -> None:
    """httplib2 raises ValueError, UnicodeError, KeyError and others."""
    server = raw_server([answer_requests(redirect(302, location), OK)])
    with Http() as http, pytest.raises(InvalidURL):
        http.request(server.url("/")).result()
    assert request_lines(recorded_requests(server)) == ["GET /"]


@pytest.mark.parametrize(
    "location",
    [
        f"http://user:secret@127.0.0.1:{PORT}/",
        f"//secret@127.0.0.1:{PORT}/",
        f"http://@127.0.0.1:{PORT}/",
        "http://user:secret@[::1/",
        "http://user:secret@a..b/",
        "http://127.0.0.1:80\\:secret@evil.test/",
    ],
)
def test_user_in_location_raises_invalid_url_without_password(
    raw_server: RawServerFactory, location: str
) -> None:
    """RFC 9110, 4.2.4."""
    server = raw_server([answer_requests(redirect(302, location), OK)])
    with Http() as http, pytest.raises(InvalidURL) as raised:
        http.request(server.url("/")).result()
    assert "secret" not in str(raised.value)
    assert request_lines(recorded_requests(server)) == ["GET /"]


@given(
    location=st.binary(max_size=60)
    | st.text("/:@[]#?%.\\ \t\xc3\xa9a1", max_size=30).map(str.encode)
)
@example(location=b"//")
@example(location=b"http://\xef\xbc\xa0/")
def test_any_location_is_followed_or_fails_with_http_error(location: bytes) -> None:
    """No target is reached here: the exchange is asked what comes next."""
    value = re.sub(rb"[\r\n\0]", b"", location)
    steps = exchange(Request("GET", "http://server.test/a", None, None, 5, 0.0, ()), SETTINGS)
    next(steps)
    with suppress(HTTPException, httplib2.HttpLib2Error):
        transfer = steps.send(
            Reply(302, b"HTTP/1.1 302 F\r\nLocation: " + value + b"\r\n\r\n", b"")
        )
        assert isinstance(transfer, Transfer)
        assert transfer.url.isascii()
        assert "@" not in transfer.authority


def test_content_location_of_last_answer_is_kept(raw_server: RawServerFactory) -> None:
    hop = redirect(302, "/next", "Content-Location: /here")
    end = OK.replace(b"\r\n\r\n", b"\r\nContent-Location: /there\r\n\r\n")
    result = assert_same_as_httplib2(raw_server, [answer_requests(hop, end)])
    assert result.outcome.fields is not None
    assert result.outcome.fields["content-location"] == "/there"


# Limits


@pytest.mark.parametrize("limit", [0, 1, 2, 3])
def test_redirects_beyond_limit_raise_redirect_limit(
    raw_server: RawServerFactory, limit: int
) -> None:
    result = assert_same_as_httplib2(
        raw_server,
        [answer_requests(redirect(302, "/1"), redirect(301, "/2"), OK)],
        lambda http, url: http.request(url("/"), redirections=limit),
    )
    assert result.outcome.error == (httplib2.RedirectLimit if limit < 2 else None)
    assert len(result.requests) == min(limit, 2) + 1


def test_redirect_loop_ends_at_default_limit(raw_server: RawServerFactory) -> None:
    result = assert_same_as_httplib2(raw_server, [answer_requests(redirect(302, "/"))])
    assert len(result.requests) == httplib2.DEFAULT_MAX_REDIRECTS + 1


def test_limit_is_checked_before_missing_location(raw_server: RawServerFactory) -> None:
    assert_same_as_httplib2(
        raw_server,
        [answer_requests(redirect(300, None))],
        lambda http, url: http.request(url("/"), redirections=0),
    )


def test_redirect_limit_error_has_decoded_content(raw_server: RawServerFactory) -> None:
    packed = redirect(302, "/", "Content-Encoding: gzip", content=gzip.compress(b"plain"))
    server = raw_server([answer_requests(packed)])
    with Http() as http, pytest.raises(httplib2.RedirectLimit) as raised:
        http.request(server.url("/"), redirections=0).result()
    assert isinstance(raised.value.response, Response)
    assert (raised.value.response.status, raised.value.content) == (302, b"plain")


# Headers


HEADERS = {
    "Authorization": "secret",
    "If-None-Match": '"tag"',
    "If-Modified-Since": "Thu, 01 Jan 1970 00:00:00 GMT",
    "If-Match": '"other"',
    "Cookie": "a=b",
    "X-Own": "kept",
    "Host": "elsewhere.test",
    "Range": "bytes=0-1",
}


def forward_authorization(http: httplib2.Http) -> None:
    http.forward_authorization_headers = True


@pytest.mark.parametrize("setting", [follow_all, forward_authorization])
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("code", [301, 303, 307])
def test_headers_after_redirect_match_httplib2(
    raw_server: RawServerFactory, code: int, method: str, setting: Setting
) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        setting(http)
        return http.request(url("/"), method, headers=HEADERS)

    hop = redirect(code, f"http://127.0.0.1:{PORT}/next")
    result = assert_same_as_httplib2(raw_server, [answer_requests(hop, OK)], ask)
    for request in result.requests[1:]:
        assert (request.header("authorization") is None) == (setting is not forward_authorization)
        assert request.header("if-none-match") is None
        assert request.header("x-own") == "kept"


OF_CONTENT = {
    "Content-Length": "4",
    "Content-Type": "text/x",
    "Content-Language": "de",
    "Digest": "x",
    "Trailer": "Expires",
}


@pytest.mark.parametrize("code", [302, 303])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_fields_of_dropped_content_are_dropped(
    raw_server: RawServerFactory, code: int, method: str
) -> None:
    """RFC 9110, 15.4. With Content-Length, the next request would be taken for the content."""
    server = raw_server([answer_requests(redirect(code), OK)])
    with Http(timeout=PATIENCE) as http:
        http.follow_all_redirects = True
        for _ in range(2):
            assert http.request(server.url("/"), method, b"body", OF_CONTENT)[1] == b"ok"
    (_, body), (following, nothing), *_ = server.requests
    assert (body, nothing) == (b"body", b"")
    names = [line.partition(b":")[0].decode() for line in following.lower().split(b"\r\n")]
    assert set(names).isdisjoint(name.lower() for name in OF_CONTENT)
    assert len(server.accepted) == 1


def test_transfer_encoding_is_dropped_with_content(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(redirect(303), OK)])
    with Http(timeout=PATIENCE) as http:
        chunked = {"Transfer-Encoding": "chunked"}
        assert http.request(server.url("/"), "POST", iter([b"body"]), chunked)[1] == b"ok"
    assert b"transfer-encoding" in server.heads[0].lower()
    assert b"transfer-encoding" not in server.heads[1].lower()


@pytest.mark.parametrize(("code", "method"), [(302, "GET"), (307, "POST"), (308, "POST")])
def test_fields_of_content_stay_with_method_and_content(
    raw_server: RawServerFactory, code: int, method: str
) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        follow_all(http)
        return http.request(url("/"), method, headers={"Content-Type": "text/x"})

    story = assert_same_as_httplib2(raw_server, [answer_requests(redirect(code), OK)], ask)
    assert [request.header("content-type") for request in story.requests] == ["text/x"] * 2


# Origins


SECRETS = {
    "Authorization": "secret",
    "X-WSSE": "secret",
    "Cookie": "a=b",
    "Proxy-Authorization": "secret",
    "Host": "other.test",
    "X-Api-Key": "goes along",
}
STAYS = {"cookie", "proxy-authorization", "host"}
FORWARDED = {"authorization", "x-wsse"}


def fields_of(transfer: Transfer) -> dict[str, str]:
    lines = (line.decode().partition(": ") for line in transfer.headers)
    return {name: value for name, found, value in lines if found}


def sent_after_redirect(start: str, location: str, forward: bool, code: int = 307) -> set[str]:
    """The names of the SECRETS that the target of a redirect gets."""
    settings = SETTINGS._replace(forward_authorization_headers=forward)
    steps = exchange(Request("GET", start, SECRETS, None, 5, 0.0, ()), settings)
    next(steps)
    moved = f"HTTP/1.1 {code} Moved\r\nLocation: {location}\r\n\r\n".encode()
    transfer = steps.send(Reply(code, moved, b""))
    assert isinstance(transfer, Transfer)
    return fields_of(transfer).keys() & {name.lower() for name in SECRETS}


ONE_ORIGIN = [
    ("http://a.test/1", "http://a.test/2"),
    ("http://a.test/1", "/2"),
    ("http://a.test/1", "http://A.test:80/2"),
    ("https://a.test:443/1", "https://a.test/2"),
    ("http://a.test:8080/1", "http://a.test:8080/2"),
    ("http://a.test/1", "https://a.test/2"),
    ("http://a.test:80/1", "https://a.test:443/2"),
    ("http://[::1]/1", "https://[::1]:443/2"),
]
OTHER_ORIGINS = [
    ("http://a.test/1", "http://b.test/2"),
    ("http://a.test/1", "http://sub.a.test/2"),
    ("http://a.test/1", "http://a.test.evil/2"),
    ("http://a.test/1", "http://a.test:81/2"),
    ("http://a.test/1", "https://a.test:444/2"),
    ("http://a.test:8080/1", "https://a.test/2"),
    ("http://a.test:8080/1", "https://a.test:8080/2"),
    ("https://a.test/1", "https://b.test/2"),
    ("http://a.test/1", "https://b.test/2"),
]
DOWNGRADES = [
    ("https://a.test/1", "http://a.test/2"),
    ("https://a.test/1", "http://b.test/2"),
    ("https://a.test:8080/1", "http://a.test:8080/2"),
]


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize(("start", "location"), ONE_ORIGIN)
def test_cookie_and_host_go_along_at_one_origin(start: str, location: str, code: int) -> None:
    """As httplib2, which needs `forward_authorization_headers` for Authorization here, too."""
    assert sent_after_redirect(start, location, False, code) == STAYS | {"x-api-key"}
    assert sent_after_redirect(start, location, True, code) == STAYS | FORWARDED | {"x-api-key"}


@pytest.mark.parametrize("code", [301, 302, 307, 308])
@pytest.mark.parametrize(("start", "location"), OTHER_ORIGINS)
def test_secrets_stay_at_their_origin(start: str, location: str, code: int) -> None:
    assert sent_after_redirect(start, location, False, code) == {"x-api-key"}
    assert sent_after_redirect(start, location, True, code) == FORWARDED | {"x-api-key"}


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize(("start", "location"), DOWNGRADES)
def test_no_secret_goes_from_https_to_http(start: str, location: str, forward: bool) -> None:
    assert sent_after_redirect(start, location, forward) == {"x-api-key"}


def test_secrets_do_not_come_back_after_another_origin() -> None:
    steps = exchange(Request("GET", "http://a.test/", SECRETS, None, 5, 0.0, ()), SETTINGS)
    transfer = next(steps)
    for location in ("http://b.test/", "http://a.test/"):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {location}\r\n\r\n".encode()
        transfer = steps.send(Reply(302, moved, b""))
    assert isinstance(transfer, Transfer)
    assert not fields_of(transfer).keys() & (STAYS | FORWARDED)


@pytest.mark.parametrize("forward", [False, True])
@pytest.mark.parametrize("cached", [False, True])
def test_other_server_gets_no_secret_but_its_own_host(
    raw_server: RawServerFactory, tmp_path: Path, forward: bool, cached: bool
) -> None:
    """The same with the redirect from a cache, which no request with a Host field uses."""
    other = raw_server([answer_requests(OK)])
    there = other.url("/").replace("127.0.0.1", "localhost")
    first = raw_server([answer_requests(redirect(301, there))])
    with Http(str(tmp_path)) as http:
        http.forward_authorization_headers = forward
        headers = {name: value for name, value in SECRETS.items() if name != "Host" or not cached}
        for _ in range(2 if cached else 1):
            assert http.request(first.url("/"), headers=headers).content == b"ok"
    got = dict(recorded_requests(other)[-1].headers)
    assert len(recorded_requests(first)) == 1
    assert got["host"] == f"localhost:{PORT}"
    assert got.keys() & {"cookie", "proxy-authorization", *FORWARDED} == (
        FORWARDED if forward else set()
    )


def test_https_to_http_redirect_forwards_no_authorization(
    raw_server: RawServerFactory, raw_tls_server: RawServerFactory, authority_file: str
) -> None:
    plain = raw_server([answer_requests(OK)])
    secure = raw_tls_server([answer_requests(redirect(302, plain.url("/")))])
    with Http(ca_certs=authority_file) as http:
        http.forward_authorization_headers = True
        assert http.request(secure.url("/"), headers=SECRETS).content == b"ok"
    assert not dict(recorded_requests(plain)[0].headers).keys() & {*FORWARDED, "cookie"}


def test_redirect_leaves_callers_headers_unchanged(server: WebServer) -> None:
    headers = dict(HEADERS)
    with Http() as http:
        assert http.request(server.url("/hops/2"), headers=headers)[0].status == 200
    assert headers == HEADERS


# HTTP/2


def test_redirect_leads_from_http_1_to_http_2(
    raw_server: RawServerFactory, tls_server: WebServer, authority_file: str
) -> None:
    plain = raw_server([answer_requests(redirect(302, tls_server.url("/echo")))])
    with Http(ca_certs=authority_file) as http:
        response, content = http.request(plain.url("/"))
        assert response.previous is not None
        assert (response.version, response.previous.version) == (20, 11)
        assert json.loads(content)["version"] == "2"


def test_previous_is_first_redirect_over_tls(tls_server: WebServer, authority_file: str) -> None:
    with Http(ca_certs=authority_file) as http:
        response, _ = http.request(tls_server.url("/hops/4?code=307&absolute=1"))
        assert response.previous is not None
        assert response.previous["content-location"].endswith("/hops/4?code=307&absolute=1")
        assert response["content-location"] == tls_server.url("/echo")
