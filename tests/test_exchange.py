"""What a request means, asked with `next`, `send` and `throw`: no socket, no thread, no clock.

Rule: only what cannot be seen from outside, or is seen better here; that it is what httplib2 does
is shown where both clients meet a server (test_redirects, test_requests, test_codings).
"""

import errno
import re
from collections.abc import Generator
from dataclasses import replace
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from typing import cast

import httplib2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp.messages.body import take
from asynchttp.messages.errors import MalformedAnswerError, StaleConnectionError
from asynchttp.messages.request import Headers, Request
from asynchttp.messages.response import Answer, Response
from asynchttp.messages.settings import DecodeLimits, Settings, Tls
from asynchttp.messages.transfer import Reply, Transfer
from asynchttp.policy.exchange import exchange

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
    decode_limits=DecodeLimits(),
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


def decoded(plain: Reply) -> Reply:
    """A reply whose content the engine has decoded."""
    head = plain.head.removesuffix(b"\r\n") + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n"
    return replace(plain, head=head, is_decoded=True)


def test_fields_say_that_content_was_decoded() -> None:
    steps = begin()
    next(steps)
    answer = end_of(steps, decoded(reply(200, content=b"content")))
    assert answer.content == b"content"
    assert answer.response["content-length"] == "7"
    assert answer.response["-content-encoding"] == "gzip"
    assert "content-encoding" not in answer.response


def test_fields_of_a_redirect_say_so_too() -> None:
    steps = begin(redirections=0)
    next(steps)
    with pytest.raises(httplib2.RedirectLimit) as raised:
        steps.send(decoded(replace(moved(302, "/"), content=b"plain")))
    assert raised.value.content == b"plain"
    assert cast("Response", raised.value.response)["-content-encoding"] == "gzip"


def test_fields_of_other_codings_stay() -> None:
    steps = begin()
    next(steps)
    answer = end_of(steps, reply(200, "Content-Encoding: br", content=b"content"))
    assert (answer.content, answer.response["content-encoding"]) == (b"content", "br")


def test_decode_limits_go_along_with_each_transfer() -> None:
    limits = DecodeLimits(ratio=5.0, safe=1, hard=2)
    steps = begin(settings=SETTINGS._replace(decode_limits=limits))
    assert next(steps).decode_limits == limits
    assert steps.send(moved(302, "/next")).decode_limits == limits


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


# Retries


def sent_before(*errors: Exception) -> list[Transfer]:
    """All transfers of a request whose transfers fail with these errors; the last comes out."""
    *others, last = errors
    steps = begin(method="POST", body=b"body")
    sent = [next(steps), *(steps.throw(error) for error in others)]
    with pytest.raises(type(last)) as raised:
        steps.throw(last)
    assert raised.value is last
    return sent


@pytest.mark.parametrize(
    "error",
    [StaleConnectionError("stale"), RemoteDisconnected("closed"), BadStatusLine("no HTTP")],
    ids=repr,
)
@pytest.mark.parametrize(
    "again",
    [StaleConnectionError("stale"), RemoteDisconnected("closed"), BadStatusLine("no HTTP")],
    ids=repr,
)
def test_request_that_nothing_answered_is_sent_twice(error: Exception, again: Exception) -> None:
    first, second = sent_before(error, again)
    assert not first.on_new_connection
    assert second == replace(first, on_new_connection=True)


@pytest.mark.parametrize(
    "error",
    [
        MalformedAnswerError("HTTP/1.1 2000 Reason"),
        IncompleteRead(b"part"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        TimeoutError("timed out"),
        httplib2.ServerNotFoundError("unknown"),
    ],
    ids=repr,
)
def test_request_that_failed_otherwise_is_sent_once(error: Exception) -> None:
    assert len(sent_before(error)) == 1


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EADDRNOTAVAIL])
def test_request_that_met_no_network_is_tried_as_often_as_httplib2_says(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httplib2, "RETRIES", 4)
    sent = sent_before(*(OSError(number, "for now") for _ in range(4)))
    assert len(sent) == 4
    assert not any(transfer.on_new_connection for transfer in sent)


def test_retry_is_answered() -> None:
    steps = begin()
    next(steps)
    steps.throw(StaleConnectionError("stale"))
    assert end_of(steps, reply(200, content=b"content")).content == b"content"


def test_each_redirect_may_be_retried() -> None:
    """Each is a request of its own."""
    steps = begin()
    next(steps)
    steps.throw(StaleConnectionError("stale"))
    following = steps.send(moved(302, "/next"))
    assert not following.on_new_connection
    again = steps.throw(StaleConnectionError("stale"))
    assert again == replace(following, on_new_connection=True)
    assert end_of(steps, reply(200, content=b"content")).content == b"content"
