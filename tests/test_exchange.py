"""The policy of a request, driven by `next`, `send` and `throw`: no socket, no thread, no clock.

Rule: only properties that are invisible, or less visible, from outside. test_redirects,
test_requests and test_codings compare with httplib2, with both clients at a server.
"""

import errno
import re
from collections.abc import Generator
from dataclasses import replace
from http.client import HTTPException, IncompleteRead, RemoteDisconnected
from typing import cast

import httplib2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from asynchttp import Http
from asynchttp.messages.body import body_from
from asynchttp.messages.errors import (
    CutConnectionError,
    MalformedAnswerError,
    RefusedStreamError,
    StaleConnectionError,
)
from asynchttp.messages.request import Headers, Request
from asynchttp.messages.response import Answer, Response
from asynchttp.messages.settings import DecodeLimits, Settings, Tls
from asynchttp.messages.transfer import Reply, Transfer
from asynchttp.options import settings_of
from asynchttp.policy.exchange import exchange

Steps = Generator[Transfer, Reply, Answer]
"""The steps of an exchange without blocking calls, such as those of a cache."""

URI = "http://server.test/start"
TLS = Tls("authorities.pem", verify=True)
SETTINGS = settings_of(Http(proxy_info=None, ca_certs=TLS.ca_certs))


def begin(
    uri: str = URI,
    method: str = "GET",
    body: object = None,
    headers: Headers | None = None,
    redirections: int = 5,
    settings: Settings = SETTINGS,
) -> Steps:
    request = Request(method, uri, headers, body_from(body), redirections, 0.0, ())
    return cast("Steps", exchange(request, settings))


def first_of(uri: str = URI, method: str = "GET", **rest: object) -> Transfer:
    """The first transfer of a request."""
    return next(begin(uri, method, **rest))  # type: ignore[arg-type]  # of any types


def reply(status: int, *fields: str, content: bytes = b"") -> Reply:
    head = "\r\n".join([f"HTTP/1.1 {status} Reason", *fields, "", ""])
    return Reply(status, head.encode("latin-1"), content)


def moved(status: int, location: str, *fields: str) -> Reply:
    return reply(status, f"Location: {location}", *fields)


def finish(steps: Steps, last: Reply) -> Answer:
    """The exchange's answer if `last` is the reply to the last transfer."""
    with pytest.raises(StopIteration) as end:
        steps.send(last)
    answer = end.value.value
    assert isinstance(answer, Answer)
    return answer


# The first step


def test_plain_request_becomes_one_transfer() -> None:
    transfer = first_of()
    assert (transfer.method, transfer.url, transfer.authority) == ("GET", URI, "server.test")
    assert (transfer.body, transfer.timeout, transfer.tls) == (None, None, None)
    assert b"accept-encoding: gzip, deflate" in transfer.headers
    assert any(line.startswith(b"user-agent: Python-httplib2/") for line in transfer.headers)


def test_https_transfer_has_tls_settings() -> None:
    assert first_of("https://server.test/").tls == TLS


def test_transfer_has_timeout_of_settings() -> None:
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
def test_transfer_url_and_authority_are_normalized(
    uri: str, url: str | None, authority: str
) -> None:
    transfer = first_of(uri)
    assert (transfer.authority, transfer.url) == (authority, url or transfer.url)


@given(st.text())
def test_no_path_breaks_out_of_request_line(text: str) -> None:
    try:
        url = first_of(f"http://server.test/{text}").url
    except (ValueError, HTTPException, httplib2.HttpLib2Error):
        return
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


@given(st.dictionaries(st.text(), st.text()))
def test_no_header_breaks_out_of_its_line(headers: dict[str, str]) -> None:
    try:
        lines = first_of(headers=headers).headers
    except (ValueError, LookupError, re.error):  # httplib2 uses values as templates of `re.sub`
        return
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)


def test_given_headers_come_before_default_headers() -> None:
    names = [line.partition(b":")[0] for line in first_of(headers={"Z": "1", "A": "2"}).headers]
    assert names[:4] == [b"z", b"a", b"user-agent", b"accept-encoding"]


def test_range_request_asks_for_identity_coding() -> None:
    lines = first_of(headers={"Range": "bytes=0-1"}).headers
    assert b"accept-encoding: identity" in lines


# Further steps


def test_reply_becomes_answer_of_request() -> None:
    steps = begin()
    next(steps)
    answer = finish(steps, reply(200, "X: y", content=b"content"))
    assert (answer.response.status, answer.response["x"], answer.content) == (200, "y", b"content")
    assert answer.response["content-location"] == URI
    assert answer.response.previous is None


def test_redirects_are_followed_with_previous_responses() -> None:
    steps = begin()
    assert next(steps).url == URI
    server = "http://server.test"
    assert steps.send(moved(302, "/a")).url == f"{server}/a"
    assert steps.send(moved(302, "b")).url == f"{server}/b"
    assert steps.send(moved(302, "http://other.test/c")).url == "http://other.test/c"
    answer = finish(steps, reply(200))
    assert answer.response["content-location"] == "http://other.test/c"
    assert answer.response.previous is not None
    assert answer.response.previous["location"] == f"{server}/a"
    assert answer.response.previous["content-location"] == URI


@pytest.mark.parametrize(
    ("status", "method"), [(302, "GET"), (303, "GET"), (307, "PUT"), (308, "PUT")]
)
def test_only_307_and_308_keep_body(status: int, method: str) -> None:
    steps = begin(method="PUT", body=b"body", settings=SETTINGS._replace(follow_all_redirects=True))
    body = next(steps).body
    follower = steps.send(moved(status, "/next"))
    assert follower.method == method
    assert follower.body is (body if method == "PUT" else None)


def test_redirect_to_other_scheme_changes_tls() -> None:
    steps = begin()
    assert next(steps).tls is None
    assert steps.send(moved(301, "https://server.test/")).tls == TLS
    assert steps.send(moved(301, "http://server.test/")).tls is None


@pytest.mark.parametrize("forward", [False, True])
def test_redirect_drops_authorization_unless_forwarded(forward: bool) -> None:
    settings = SETTINGS._replace(forward_authorization_headers=forward)
    steps = begin(headers={"Authorization": "secret", "X": "y"}, settings=settings)
    assert b"authorization: secret" in next(steps).headers
    lines = steps.send(moved(302, "/next")).headers
    assert (b"authorization: secret" in lines) == forward
    assert b"x: y" in lines


def test_redirections_limit_number_of_redirects() -> None:
    steps = begin(redirections=2)
    next(steps)
    steps.send(moved(302, "/1"))
    steps.send(moved(302, "/2"))
    with pytest.raises(httplib2.RedirectLimit):
        steps.send(moved(302, "/3"))


def as_decoded(plain: Reply) -> Reply:
    """`plain`, as if the engine had decoded the content."""
    head = plain.head.removesuffix(b"\r\n") + b"Content-Encoding: gzip\r\nContent-Length: 1\r\n\r\n"
    return replace(plain, head=head, is_decoded=True)


def test_decoded_content_changes_header_fields() -> None:
    steps = begin()
    next(steps)
    answer = finish(steps, as_decoded(reply(200, content=b"content")))
    assert answer.content == b"content"
    assert answer.response["content-length"] == "7"
    assert answer.response["-content-encoding"] == "gzip"
    assert "content-encoding" not in answer.response


def test_decoded_redirect_has_changed_header_fields() -> None:
    steps = begin(redirections=0)
    next(steps)
    with pytest.raises(httplib2.RedirectLimit) as raised:
        steps.send(as_decoded(replace(moved(302, "/"), content=b"plain")))
    assert raised.value.content == b"plain"
    assert cast("Response", raised.value.response)["-content-encoding"] == "gzip"


def test_undecoded_content_keeps_header_fields() -> None:
    steps = begin()
    next(steps)
    answer = finish(steps, reply(200, "Content-Encoding: br", content=b"content"))
    assert (answer.content, answer.response["content-encoding"]) == (b"content", "br")


def test_each_transfer_has_decode_limits() -> None:
    limits = DecodeLimits(ratio=5.0, safe=1, hard=2)
    steps = begin(settings=SETTINGS._replace(decode_limits=limits))
    assert next(steps).decode_limits == limits
    assert steps.send(moved(302, "/next")).decode_limits == limits


def test_error_of_transfer_leaves_the_exchange() -> None:
    steps = begin()
    next(steps)
    steps.send(moved(302, "/next"))
    error = ConnectionResetError("on the way")
    with pytest.raises(ConnectionResetError) as raised:
        steps.throw(error)
    assert raised.value is error


def test_exchanges_of_same_request_are_independent() -> None:
    request = Request("GET", URI, {"X": "y"}, None, 1, 0.0, ())
    one, two = (cast("Steps", exchange(request, SETTINGS)) for _ in range(2))
    assert next(one) == next(two)
    one.send(moved(302, "/next"))
    assert finish(two, reply(200)).response.previous is None
    assert request.headers == {"X": "y"}


# Retries


def transfers_until(
    *errors: Exception, method: str = "PUT", settings: Settings = SETTINGS
) -> list[Transfer]:
    """All transfers of a request that fails with `errors`; the last error leaves the exchange."""
    *others, last = errors
    steps = begin(method=method, body=b"body", settings=settings)
    sent = [next(steps), *(steps.throw(error) for error in others)]
    with pytest.raises(type(last)) as raised:
        steps.throw(last)
    assert raised.value is last
    return sent


UNANSWERED = [StaleConnectionError("stale"), RemoteDisconnected("closed")]
BLOCKING = SETTINGS._replace(blocking=True)
ONCE = SETTINGS._replace(retries=0)


@pytest.mark.parametrize("error", UNANSWERED, ids=repr)
@pytest.mark.parametrize("second", UNANSWERED, ids=repr)
def test_unanswered_idempotent_request_is_sent_twice(error: Exception, second: Exception) -> None:
    sent, resent = transfers_until(error, second)
    assert not sent.on_new_connection
    assert resent == replace(sent, on_new_connection=True)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"])
@pytest.mark.parametrize("error", UNANSWERED, ids=repr)
def test_idempotent_methods_are_those_of_rfc_9110(method: str, error: Exception) -> None:
    assert len(transfers_until(error, ValueError(), method=method)) == 2


@pytest.mark.parametrize("method", ["POST", "PATCH", "CONNECT", "MKCOL", "get"])
@pytest.mark.parametrize("error", UNANSWERED, ids=repr)
def test_unanswered_request_with_effects_is_sent_once(method: str, error: Exception) -> None:
    assert len(transfers_until(error, method=method)) == 1


def test_blocking_form_sends_post_again_after_close_only() -> None:
    again, once = RemoteDisconnected("closed"), StaleConnectionError("reset")
    assert len(transfers_until(again, again, method="POST", settings=BLOCKING)) == 2
    assert len(transfers_until(once, method="POST", settings=BLOCKING)) == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_refused_request_is_sent_three_times_with_delays(method: str) -> None:
    sent = transfers_until(*[RefusedStreamError("refused")] * 3, method=method)
    assert [transfer.delay for transfer in sent] == [0, 0.1, 1.0]
    assert not any(transfer.on_new_connection for transfer in sent)


@pytest.mark.parametrize(
    "error",
    [*UNANSWERED, RefusedStreamError("refused"), OSError(errno.ENETUNREACH, "for now")],
    ids=repr,
)
def test_failed_request_without_retries_is_sent_once(error: Exception) -> None:
    assert len(transfers_until(error, settings=ONCE)) == 1


@pytest.mark.parametrize(
    "error",
    [
        MalformedAnswerError("HTTP/1.1 2000 Reason"),
        CutConnectionError("cut"),
        IncompleteRead(b"part"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        ConnectionRefusedError(errno.ECONNREFUSED, "refused"),
        TimeoutError("timed out"),
        httplib2.ServerNotFoundError("unknown"),
    ],
    ids=repr,
)
def test_other_failures_are_not_retried(error: Exception) -> None:
    assert len(transfers_until(error)) == 1


@pytest.mark.parametrize("number", [errno.ENETUNREACH, errno.EADDRNOTAVAIL])
def test_missing_network_is_retried_as_by_httplib2(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httplib2, "RETRIES", 4)
    sent = transfers_until(*(OSError(number, "for now") for _ in range(4)))
    assert len(sent) == 4
    assert not any(transfer.on_new_connection for transfer in sent)


def test_answer_of_retry_is_returned() -> None:
    steps = begin()
    next(steps)
    steps.throw(StaleConnectionError("stale"))
    assert finish(steps, reply(200, content=b"content")).content == b"content"


def test_each_redirected_request_may_be_retried() -> None:
    """A redirected request counts as a new request."""
    steps = begin()
    next(steps)
    steps.throw(StaleConnectionError("stale"))
    following = steps.send(moved(302, "/next"))
    assert not following.on_new_connection
    again = steps.throw(StaleConnectionError("stale"))
    assert again == replace(following, on_new_connection=True)
    assert finish(steps, reply(200, content=b"content")).content == b"content"
