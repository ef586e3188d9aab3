"""What a request means, asked with `next`, `send` and `throw`: no socket, no thread, no clock.

Rule: only what cannot be seen from outside, or is seen better here; that it is what httplib2 does
is shown where both clients meet a server (test_redirects, test_requests, test_codings).
"""

import gzip
import re
from collections.abc import Generator
from dataclasses import replace
from http.client import HTTPException
from typing import cast

import httplib2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp.body import take
from asynchttp.exchange import exchange
from asynchttp.model import Headers, Reply, Request, Settings, Tls, Transfer
from asynchttp.response import Answer

Steps = Generator[Transfer, Reply, Answer]
"""Where there is neither a cache nor anything else that needs an errand."""

URI = "http://server.test/start"
TLS = Tls("authorities.pem", verify=True)
SETTINGS = Settings(
    follow_redirects=True,
    follow_all_redirects=False,
    redirect_codes=httplib2.REDIRECT_CODES,
    safe_methods=httplib2.SAFE_METHODS,
    forward_authorization_headers=False,
    decode_limits=(),
    timeout=None,
    tls=TLS,
    authorizations=[],
).worked_out()


def begin(
    uri: str = URI,
    method: str = "GET",
    body: object = None,
    headers: Headers | None = None,
    redirections: int = 5,
    settings: Settings = SETTINGS,
) -> Steps:
    request = Request(method, uri, headers, take(body), redirections, 0.0, ())
    return cast("Steps", exchange(request, settings))


def first_of(uri: str = URI, method: str = "GET", **rest: object) -> Transfer:
    """The transfer that a request begins with."""
    return next(begin(uri, method, **rest))  # type: ignore[arg-type]  # as they are given


def reply(status: int, *fields: str, content: bytes = b"") -> Reply:
    head = "\r\n".join([f"HTTP/1.1 {status} Reason", *fields, "", ""])
    return Reply(status, head.encode("latin-1"), content)


def moved(status: int, location: str, *fields: str) -> Reply:
    return reply(status, f"Location: {location}", *fields)


def end_of(steps: Steps, last: Reply) -> Answer:
    """What the exchange returns when `last` is the reply to its last transfer."""
    with pytest.raises(StopIteration) as end:
        steps.send(last)
    answer = end.value.value
    assert isinstance(answer, Answer)
    return answer


# The first step


def test_a_plain_request() -> None:
    transfer = first_of()
    assert (transfer.method, transfer.url, transfer.authority) == ("GET", URI, "server.test")
    assert (transfer.body, transfer.timeout, transfer.tls) == (None, None, None)
    assert b"accept-encoding: gzip, deflate" in transfer.headers
    assert any(line.startswith(b"user-agent: Python-httplib2/") for line in transfer.headers)


def test_a_secure_one() -> None:
    assert first_of("https://server.test/").tls == TLS


def test_the_timeout_goes_along() -> None:
    assert first_of(settings=SETTINGS._replace(timeout=0.5)).timeout == 0.5


@pytest.mark.parametrize(
    ("uri", "url", "authority"),
    [
        ("http://server.test", "http://server.test/", "server.test"),
        ("http://server.test?q", "http://server.test/?q", "server.test"),
        ("http://server.test/#fragment", "http://server.test/", "server.test"),
        ("HTTP://Server.TEST/Path", "http://server.test/Path", "server.test"),
        ("http://server.test:8080/", "http://server.test:8080/", "server.test:8080"),
        ("http://server.test:/", None, "server.test"),
        ("http://[::1]/", "http://[::1]/", "[::1]"),
        ("http://[::1]:8080/", "http://[::1]:8080/", "[::1]:8080"),
        ("http://b\xfccher.test/\xe9", "http://xn--bcher-kva.test/%C3%A9", "xn--bcher-kva.test"),
        ("http://server.test/a b", "http://server.test/a%20b", "server.test"),
    ],
)
def test_where_it_goes(uri: str, url: str | None, authority: str) -> None:
    transfer = first_of(uri)
    assert (transfer.authority, transfer.url) == (authority, url or transfer.url)


@given(st.text())
def test_no_text_breaks_out_of_the_request_line(text: str) -> None:
    try:
        url = first_of(f"http://server.test/{text}").url
    except (ValueError, HTTPException, httplib2.HttpLib2Error):
        return
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


@given(st.dictionaries(st.text(), st.text()))
def test_no_text_breaks_out_of_a_header(headers: dict[str, str]) -> None:
    try:
        lines = first_of(headers=headers).headers
    except (ValueError, LookupError, re.error):  # httplib2 takes values for templates of `re.sub`
        return
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)


def test_what_the_caller_gives_comes_first() -> None:
    names = [line.partition(b":")[0] for line in first_of(headers={"Z": "1", "A": "2"}).headers]
    assert names[:4] == [b"z", b"a", b"user-agent", b"accept-encoding"]


def test_a_range_is_not_asked_for_packed() -> None:
    lines = first_of(headers={"Range": "bytes=0-1"}).headers
    assert b"accept-encoding: identity" in lines


# Further steps


def test_the_end_of_a_plain_request() -> None:
    steps = begin()
    next(steps)
    answer = end_of(steps, reply(200, "X: y", content=b"content"))
    assert (answer.response.status, answer.response["x"], answer.content) == (200, "y", b"content")
    assert answer.response["content-location"] == URI
    assert answer.response.previous is None


def test_a_chain() -> None:
    steps = begin()
    assert next(steps).url == URI
    server = "http://server.test"
    assert steps.send(moved(302, "/a")).url == f"{server}/a"
    assert steps.send(moved(302, "b")).url == f"{server}/b"
    assert steps.send(moved(302, "http://other.test/c")).url == "http://other.test/c"
    answer = end_of(steps, reply(200))
    assert answer.response["content-location"] == "http://other.test/c"
    assert answer.response.previous is not None
    assert answer.response.previous["location"] == f"{server}/a"
    assert answer.response.previous["content-location"] == URI


@pytest.mark.parametrize(
    ("status", "method"), [(302, "GET"), (303, "GET"), (307, "PUT"), (308, "PUT")]
)
def test_what_becomes_of_a_body(status: int, method: str) -> None:
    steps = begin(method="PUT", body=b"body", settings=SETTINGS._replace(follow_all_redirects=True))
    body = next(steps).body
    follower = steps.send(moved(status, "/next"))
    assert follower.method == method
    assert follower.body is (body if method == "PUT" else None)


def test_from_one_scheme_to_another() -> None:
    steps = begin()
    assert next(steps).tls is None
    assert steps.send(moved(301, "https://server.test/")).tls == TLS
    assert steps.send(moved(301, "http://server.test/")).tls is None


@pytest.mark.parametrize("forward", [False, True])
def test_secrets_stay_behind(forward: bool) -> None:
    settings = SETTINGS._replace(forward_authorization_headers=forward)
    steps = begin(headers={"Authorization": "secret", "X": "y"}, settings=settings)
    assert b"authorization: secret" in next(steps).headers
    lines = steps.send(moved(302, "/next")).headers
    assert (b"authorization: secret" in lines) == forward
    assert b"x: y" in lines


def test_as_many_as_allowed() -> None:
    steps = begin(redirections=2)
    next(steps)
    steps.send(moved(302, "/1"))
    steps.send(moved(302, "/2"))
    with pytest.raises(httplib2.RedirectLimit):
        steps.send(moved(302, "/3"))


def test_of_redirects_too_the_content_is_decoded() -> None:
    steps = begin(redirections=0)
    next(steps)
    packed = replace(moved(302, "/", "Content-Encoding: gzip"), content=gzip.compress(b"plain"))
    with pytest.raises(httplib2.RedirectLimit) as raised:
        steps.send(packed)
    assert raised.value.content == b"plain"


def test_content_is_decoded() -> None:
    packed = gzip.compress(b"content")
    steps = begin()
    next(steps)
    answer = end_of(steps, replace(reply(200, "Content-Encoding: gzip"), content=packed))
    assert (answer.content, answer.response["content-length"]) == (b"content", "7")


def test_what_goes_wrong_on_the_way_comes_out() -> None:
    steps = begin()
    next(steps)
    steps.send(moved(302, "/next"))
    error = ConnectionResetError("on the way")
    with pytest.raises(ConnectionResetError) as raised:
        steps.throw(error)
    assert raised.value is error


def test_an_exchange_is_nobody_elses() -> None:
    """Two of one request do not know of each other."""
    request = Request("GET", URI, {"X": "y"}, None, 1, 0.0, ())
    one, two = (cast("Steps", exchange(request, SETTINGS)) for _ in range(2))
    assert next(one) == next(two)
    one.send(moved(302, "/next"))
    assert end_of(two, reply(200)).response.previous is None
    assert request.headers == {"X": "y"}
