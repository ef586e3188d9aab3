"""Redirects are followed like httplib2's, with the same requests.

Rule: both clients run each case, each on a server of its own; response, `previous`, errors and all
requests seen by the servers have to be equal (`tests.reference`).
"""

import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import IO

import httplib2
import pytest

from asynchttp import Http, Response
from tests.conftest import RawServerFactory
from tests.reference import Pair, Url, assert_same_as_httplib2, request_with_both
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK
from tests.servers.recording import PORT, RecordedRequest, answer_requests, recorded_requests
from tests.servers.web import WebServer

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
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("code", CODES)
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


@pytest.mark.parametrize("source", [io.BytesIO, lambda content: iter([content]), bytes])
def test_body_readable_once_is_sent_again(
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
    "/caf\xc3\xa9",
    "/a%2fb%2F?%7e=%7E",
    "/empty?",
    "  /padded  ",
    "next:1",
    f"//127.0.0.1:{PORT}/no-scheme",
    f"http://127.0.0.1:{PORT}",
    f"http://127.0.0.1:{PORT}/x#fragment",
    f"HTTP://127.0.0.1:{PORT}/UPPER",
    f"http://localhost:{PORT}/elsewhere",
    f"http://user@127.0.0.1:{PORT}/",
    "http://",
    "http:///path",
    "http:relative",
    "http://[::1/",
    "ftp://127.0.0.1/",
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


def test_several_locations_raise_error(raw_server: RawServerFactory) -> None:
    """httplib2 goes to "/a, /b"."""
    _, ours = request_with_both(
        raw_server, [answer_requests(redirect(302, "/a", "Location: /b"), OK)]
    )
    assert request_lines(ours.requests) == ["GET /"]
    assert ours.outcome.error is not None


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
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_headers_after_redirect_match_httplib2(
    raw_server: RawServerFactory, host: str, code: int, method: str, setting: Setting
) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        setting(http)
        return http.request(url("/"), method, headers=HEADERS)

    hop = redirect(code, f"http://{host}:{PORT}/next")
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
