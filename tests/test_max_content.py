"""`max_content` limits the bytes of each content that is received, decoded or read from a cache."""

import gzip
import zlib
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from asynchttp import ContentTooLargeError, Http
from tests.conftest import RawServerFactory
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, Step, read_head, read_until_closed, send
from tests.servers.web import WebServer

HEAD = b"HTTP/1.1 200 OK\r\n"
PLAIN = b"0123456789"
"""Ten bytes: the limit of most tests is 9 or 10."""


def with_length(content: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return HEAD + lines + b"Content-Length: %d\r\n\r\n" % len(content) + content


def in_chunks(content: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in (*fields, b"Transfer-Encoding: chunked"))
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in content)
    return HEAD + lines + b"\r\n" + chunks + b"0\r\n\r\n"


CODED = b"Content-Encoding: gzip"
TWICE = b"Content-Encoding: gzip, gzip"
ANSWERS = {
    "length": with_length(PLAIN),
    "chunks": in_chunks(PLAIN),
    "until close": HEAD + b"\r\n" + PLAIN,
    "identity": HEAD + b"Transfer-Encoding: identity\r\nContent-Length: 10\r\n\r\n" + PLAIN,
    "gzip": with_length(gzip.compress(PLAIN), CODED),
    "gzip in chunks": in_chunks(gzip.compress(PLAIN), CODED),
    "members": with_length(gzip.compress(PLAIN[:5]) + gzip.compress(PLAIN[5:]), CODED),
    "deflate": with_length(zlib.compress(PLAIN), b"Content-Encoding: deflate"),
    "gzip twice": with_length(gzip.compress(gzip.compress(PLAIN)), TWICE),
    "unknown coding": with_length(PLAIN, b"Content-Encoding: br"),
    "404": with_length(PLAIN).replace(b"200 OK", b"404 Not Found"),
}


def ask(server_url: str, **options: Any) -> tuple[Any, bytes]:
    """Request in the background, and return the result."""
    with Http(timeout=PATIENCE) as http:
        return http.request(server_url, **options).result()


@pytest.mark.parametrize("kind", ANSWERS)
def test_content_of_max_content_is_accepted(raw_server: RawServerFactory, kind: str) -> None:
    server = raw_server([read_head, send(ANSWERS[kind])])
    assert ask(server.url(), max_content=10)[1] == PLAIN


@pytest.mark.parametrize("kind", ANSWERS)
def test_content_of_one_byte_more_than_max_content_fails(
    raw_server: RawServerFactory, kind: str
) -> None:
    server = raw_server([read_head, send(ANSWERS[kind])])
    with pytest.raises(ContentTooLargeError, match="more than 9 bytes"):
        ask(server.url(), max_content=9)
    assert len(server.heads) == 1


ENDLESS: dict[str, list[Step]] = {
    "announced length": [send(HEAD + b"Content-Length: 100000000000\r\n\r\n" + PLAIN)],
    "chunks": [send(HEAD + b"Transfer-Encoding: chunked\r\n\r\nA\r\n" + PLAIN)],
    "gzip": [send(HEAD + CODED + b"\r\n\r\n" + gzip.compress(bytes(10_000_000)))],
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_rest_of_too_large_content_is_not_awaited(raw_server: RawServerFactory, kind: str) -> None:
    server = raw_server([read_head, *ENDLESS[kind], read_until_closed])
    with pytest.raises(ContentTooLargeError):
        ask(server.url(), max_content=9)
    server.closed.wait_for(1)


def test_too_large_content_of_http2_fails(tls_server: WebServer, authority_file: str) -> None:
    with Http(ca_certs=authority_file, timeout=PATIENCE) as http:
        with pytest.raises(ContentTooLargeError):
            http.request(tls_server.url("/bytes/100000"), max_content=99_999).result()
        content = http.request(tls_server.url("/bytes/100000"), max_content=100_000)[1]
        assert len(content) == 100_000


def test_answer_to_head_may_announce_more_than_max_content(raw_server: RawServerFactory) -> None:
    server = raw_server([read_head, send(HEAD + b"Content-Length: 10\r\n\r\n")])
    assert ask(server.url(), method="HEAD", max_content=9)[0]["content-length"] == "10"


def test_max_content_of_http_is_the_default_of_requests(raw_server: RawServerFactory) -> None:
    server = raw_server([read_head, send(with_length(PLAIN))])
    with Http(max_content=9) as http:
        assert isinstance(http.request(server.url()).exception(), ContentTooLargeError)
        assert http.request(server.url(), max_content=10)[1] == PLAIN
        assert isinstance(http.request(server.url()).exception(), ContentTooLargeError)
        http.max_content = None
        assert http.request(server.url())[1] == PLAIN


def test_blocking_request_raises_content_too_large(raw_server: RawServerFactory) -> None:
    server = raw_server([read_head, send(with_length(PLAIN))])
    with Http(blocking=True) as http, pytest.raises(ContentTooLargeError):
        http.request(server.url(), max_content=9)


def test_too_large_content_before_a_redirect_fails(raw_server: RawServerFactory) -> None:
    moved = with_length(PLAIN, b"Location: /next").replace(b"200 OK", b"302 Found")
    server = raw_server([read_head, send(moved), read_head, send(OK)])
    with pytest.raises(ContentTooLargeError):
        ask(server.url(), max_content=9)


def test_too_large_content_of_the_cache_fails(raw_server: RawServerFactory, tmp_path: Path) -> None:
    date = b"Date: " + formatdate(usegmt=True).encode()
    fresh = with_length(PLAIN, b"Cache-Control: max-age=60", date)
    server = raw_server([read_head, send(fresh)])
    with Http(str(tmp_path)) as http:
        http.request(server.url()).result()
        assert isinstance(
            http.request(server.url(), max_content=9).exception(), ContentTooLargeError
        )
        assert http.request(server.url(), max_content=10).result()[0].fromcache


def test_too_large_content_of_another_client_fails(raw_server: RawServerFactory) -> None:
    """A request with Expect is made by httplib2's own code."""
    server = raw_server([read_head, send(with_length(PLAIN))])
    with pytest.raises(ContentTooLargeError):
        ask(server.url(), headers={"Expect": "100-continue"}, max_content=9)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "9"])
@pytest.mark.parametrize("make", [Http, lambda **option: Http().request("http://x/", **option)])
def test_wrong_max_content_is_refused_at_the_call(make: Callable[..., Any], wrong: object) -> None:
    with pytest.raises(ValueError, match=r"max_content: expected int of at least 1 \| None"):
        make(max_content=wrong)
