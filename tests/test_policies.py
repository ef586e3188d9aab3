"""Policies all the way from `request` to the look: redirects, credentials, cache, retries, errors.

Here the core and the dispatcher take part, and transfers are scripted: a test sees what libcurl
would be told. test_exchange tests the decisions alone; tests with both clients and a server compare
the decisions with httplib2's.
"""

import errno
import http.client
from collections.abc import Callable, Iterator

import httplib2
import pytest

from asynchttp import Promise, RequestTimeoutError
from tests.scripted import (
    CLOSED,
    CUT_IN_HEAD,
    CUT_SHORT,
    HOST,
    REFUSED,
    RESET,
    STALE,
    STREAM_REFUSED,
    TIMED_OUT,
    UNKNOWN_HOST,
    UNREACHABLE,
    Failure,
    MemoryCache,
    ScriptedHttp,
    ScriptedServer,
    answer_with,
)
from tests.servers.event_log import PATIENCE

FRESH = ("Cache-Control: max-age=1000", "Date: Fri, 01 Jan 2100 00:00:00 GMT")


@pytest.fixture
def client(scripted: ScriptedServer) -> Iterator[ScriptedHttp]:
    """An Http with a single slot, which every step of a request has to use."""
    with scripted.http(max_workers=1) as client:
        yield client
    assert client.pending == 0


def ignore_promise(_: Promise) -> None:
    pass


with_and_without_callback = pytest.mark.parametrize(
    "callback", [None, ignore_promise], ids=["plain", "with callback"]
)
Callback = Callable[[Promise], object]


# Redirects


@with_and_without_callback
def test_redirects_are_followed_in_one_slot(
    scripted: ScriptedServer, client: ScriptedHttp, callback: Callback | None
) -> None:
    promise = client.request(HOST + "/0", callback=callback)
    client.request(HOST + "/other")
    for number in range(3):
        transfer = scripted.wait_for_transfer()
        assert transfer.path == f"/{number}"
        transfer.answer(302, f"Location: /{number + 1}")
    scripted.wait_for_transfer().answer(200, content=b"found")
    assert promise.content == b"found"
    assert promise.response.previous is not None
    assert promise.response.previous["location"] == HOST + "/1"
    assert scripted.wait_for_transfer().path == "/other"
    scripted.answer_all_from_now_on()


def test_redirected_post_becomes_get_without_body(
    scripted: ScriptedServer, client: ScriptedHttp
) -> None:
    promise = client.request(HOST + "/form", "POST", body="form", headers={"X-Mine": "yes"})
    sent = scripted.wait_for_transfer()
    assert (sent.method, sent.body, sent.headers["x-mine"]) == ("POST", b"form", "yes")
    sent.answer(303, "Location: /done")
    sent = scripted.wait_for_transfer()
    assert (sent.method, sent.path, sent.body) == ("GET", "/done", None)
    sent.answer()
    assert promise.response.status == 200


def test_redirect_loop_ends_at_limit(scripted: ScriptedServer, client: ScriptedHttp) -> None:
    scripted.add_rule("GET", "/loop", answer_with(302, "Location: /loop"))
    promise = client.request(HOST + "/loop", redirections=3)
    assert isinstance(promise.exception(PATIENCE), httplib2.RedirectLimit)
    assert scripted.paths == ["/loop"] * 4


# Plans: requests that differ only in the URL share all other options of libcurl.


def test_requests_sharing_plans_send_own_arguments(
    scripted: ScriptedServer, client: ScriptedHttp
) -> None:
    scripted.answer_all_from_now_on()
    methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "GET"]
    bodies = [None, None, "b", b"", None, "with a body"]
    asked = [
        (method, f"{HOST}/{number}", {"x": value}, body)
        for number in range(2)
        for value in ("a", "b", "")
        for method, body in zip(methods, bodies, strict=True)
    ]
    for method, url, headers, body in asked:
        client.request(url, method, body, headers)
    client.close()
    sent = [
        (transfer.method, transfer.url, {"x": transfer.headers["x"]}, transfer.body)
        for transfer in scripted.arrived
    ]
    expected = [(m, u, h, None if b is None else _bytes(b)) for m, u, h, b in asked]
    assert sent == expected


def _bytes(body: str | bytes) -> bytes:
    return body.encode() if isinstance(body, str) else body


# Credentials


@with_and_without_callback
def test_challenge_is_answered_with_credentials(
    scripted: ScriptedServer, client: ScriptedHttp, callback: Callback | None
) -> None:
    client.add_credentials("name", "password")
    promise = client.request(HOST, callback=callback)
    sent = scripted.wait_for_transfer()
    assert "authorization" not in sent.headers
    sent.answer(401, 'WWW-Authenticate: Basic realm="here"')
    sent = scripted.wait_for_transfer()
    assert sent.headers["authorization"] == "Basic bmFtZTpwYXNzd29yZA=="
    sent.answer(content=b"secret")
    assert promise.content == b"secret"
    client.request(HOST)
    assert "authorization" in scripted.wait_for_transfer().headers  # without another challenge
    scripted.answer_all_from_now_on()


def test_challenge_without_credentials_returns_401(
    scripted: ScriptedServer, client: ScriptedHttp
) -> None:
    promise = client.request(HOST)
    scripted.wait_for_transfer().answer(401, 'WWW-Authenticate: Basic realm="here"')
    assert promise.response.status == 401


def test_concurrent_digests_use_each_nonce_count_once(scripted: ScriptedServer) -> None:
    """RFC 7616, 3.4."""
    with scripted.http() as client:
        client.add_credentials("name", "password")
        first = client.request(HOST)
        scripted.wait_for_transfer().answer(
            401, 'WWW-Authenticate: Digest realm="here", nonce="n", qop="auth"'
        )
        scripted.wait_for_transfer().answer()
        assert first.response.status == 200
        for _ in range(20):
            client.request(HOST)
        scripted.answer_all_from_now_on()
    proofs = [each.headers["authorization"] for each in list(scripted.arrived)[1:]]
    counts = [int(proof.partition("nc=")[2][:8], 16) for proof in proofs]
    assert sorted(counts) == list(range(1, 22))


def test_concurrent_challenges_store_single_authorization(scripted: ScriptedServer) -> None:
    with scripted.http(max_workers=20) as client:
        client.add_credentials("name", "password")
        promises = [client.request(HOST) for _ in range(20)]
        for transfer in scripted.wait_for_transfers(20):
            transfer.answer(401, 'WWW-Authenticate: Basic realm="here"')
        for transfer in scripted.wait_for_transfers(20):
            transfer.answer()
        assert {promise.response.status for promise in promises} == {200}
        assert len(client.authorizations) == 1


# The cache


@pytest.fixture
def cached(scripted: ScriptedServer) -> Iterator[ScriptedHttp]:
    with scripted.http(cache=MemoryCache(), max_workers=1) as client:
        yield client
    assert client.pending == 0


@with_and_without_callback
def test_fresh_cached_answer_needs_no_transfer(
    scripted: ScriptedServer, cached: ScriptedHttp, callback: Callback | None
) -> None:
    first = cached.request(HOST, callback=callback)
    scripted.wait_for_transfer().answer(200, *FRESH, content=b"content")
    assert first.content == b"content"
    second = cached.request(HOST, callback=callback)
    assert (second.content, second.response.fromcache) == (b"content", True)
    assert len(scripted.arrived) == 1


def test_stale_cached_answer_is_validated(scripted: ScriptedServer, cached: ScriptedHttp) -> None:
    cached.request(HOST)
    scripted.wait_for_transfer().answer(200, 'ETag: "a"', "X: old", content=b"content")
    unchanged = cached.request(HOST)
    sent = scripted.wait_for_transfer()
    assert sent.headers["if-none-match"] == '"a"'
    sent.answer(304, 'ETag: "a"', "X: new")
    assert (unchanged.content, unchanged.response.fromcache) == (b"content", True)
    assert (unchanged.response.status, unchanged.response["x"]) == (200, "new")
    changed = cached.request(HOST)
    scripted.wait_for_transfer().answer(200, 'ETag: "b"', content=b"changed")
    assert (changed.content, changed.response.fromcache) == (b"changed", False)


def test_unsafe_method_invalidates_cached_answer(
    scripted: ScriptedServer, cached: ScriptedHttp
) -> None:
    for method in ("GET", "DELETE", "GET"):
        promise = cached.request(HOST, method)
        scripted.wait_for_transfer().answer(200, *FRESH)
        assert promise.response.fromcache is False


def test_permanent_redirect_is_cached(scripted: ScriptedServer, cached: ScriptedHttp) -> None:
    scripted.add_rule("GET", "/old", answer_with(301, "Location: /new"))
    scripted.add_rule("GET", "/new", answer_with(200, content=b"/new"))
    contents = [bytes(cached.request(HOST + "/old").content) for _ in range(2)]
    assert contents == [b"/new"] * 2
    assert scripted.paths == ["/old", "/new", "/new"]


# Retries


@with_and_without_callback
@pytest.mark.parametrize("failure", [STALE, CLOSED], ids=["stale", "closed"])
def test_unanswered_request_is_sent_again_on_new_connection(
    scripted: ScriptedServer, client: ScriptedHttp, failure: Failure, callback: Callback | None
) -> None:
    promise = client.request(HOST, "PUT", body="body", callback=callback)
    first = scripted.wait_for_transfer()
    first.fail(failure)
    second = scripted.wait_for_transfer()
    assert (first.is_on_new_connection, second.is_on_new_connection) == (False, True)
    assert first.body == second.body == b"body"
    assert not first.answer()  # must not answer the second transfer
    second.answer(content=b"answer")
    assert promise.content == b"answer"


@pytest.mark.parametrize("failure", [STALE, CLOSED], ids=["stale", "closed"])
def test_unanswered_post_is_not_sent_again(
    scripted: ScriptedServer, client: ScriptedHttp, failure: Failure
) -> None:
    promise = client.request(HOST, "POST", body="body")
    scripted.wait_for_transfer().fail(failure)
    assert isinstance(promise.exception(PATIENCE), ConnectionResetError)
    assert len(scripted.arrived) == 1


def test_refused_request_frees_its_slot_until_next_try(
    scripted: ScriptedServer, client: ScriptedHttp
) -> None:
    refused = client.request(HOST + "/refused", "POST", body="body")
    client.request(HOST + "/other")
    scripted.wait_for_transfer().fail(STREAM_REFUSED)
    other = scripted.wait_for_transfer()
    assert other.path == "/other"
    other.answer()
    second = scripted.wait_for_transfer()
    assert (second.path, second.body) == ("/refused", b"body")
    assert not second.is_on_new_connection
    second.answer(content=b"answer")
    assert refused.content == b"answer"


def test_request_unanswered_twice_fails(scripted: ScriptedServer, client: ScriptedHttp) -> None:
    promise = client.request(HOST)
    scripted.wait_for_transfer().fail(STALE)
    scripted.wait_for_transfer().fail(CLOSED)
    assert isinstance(promise.exception(PATIENCE), http.client.RemoteDisconnected)
    assert len(scripted.arrived) == 2


def test_unreachable_network_is_tried_httplib2_retries_times(
    scripted: ScriptedServer, client: ScriptedHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(httplib2, "RETRIES", 4)
    scripted.add_rule("GET", "/", lambda transfer: transfer.fail(UNREACHABLE))
    error = client.request(HOST + "/").exception(PATIENCE)
    assert isinstance(error, OSError)
    assert error.errno == errno.ENETUNREACH
    assert len(scripted.arrived) == 4


# Errors


FAILURES: dict[str, tuple[Failure, type[BaseException]]] = {
    "refused": (REFUSED, ConnectionRefusedError),
    "reset": (RESET, ConnectionResetError),
    "cut short": (CUT_SHORT, http.client.IncompleteRead),
    "cut in the head": (CUT_IN_HEAD, http.client.IncompleteRead),
    "unknown host": (UNKNOWN_HOST, httplib2.ServerNotFoundError),
    "timed out": (TIMED_OUT, RequestTimeoutError),
}
each_failure = pytest.mark.parametrize(("failure", "kind"), FAILURES.values(), ids=FAILURES)


@with_and_without_callback
@each_failure
def test_failure_is_httplib2_exception_with_call_site(
    scripted: ScriptedServer,
    client: ScriptedHttp,
    failure: Failure,
    kind: type[BaseException],
    callback: Callback | None,
) -> None:
    promise = client.request(HOST + "/path", callback=callback)
    scripted.wait_for_transfer().fail(failure)
    error = promise.exception(PATIENCE)
    assert type(error) is kind
    [note] = error.__notes__
    assert note.startswith(f"GET {HOST}/path, made here")
    assert __file__ in note
    with pytest.raises(kind) as raised:
        promise.response.status  # noqa: B018  # a look
    assert raised.value is error


def test_failure_after_redirect_names_original_request(
    scripted: ScriptedServer, client: ScriptedHttp
) -> None:
    promise = client.request(HOST + "/asked")
    scripted.wait_for_transfer().answer(302, "Location: http://other.test/")
    scripted.wait_for_transfer().fail(UNKNOWN_HOST)
    error = promise.exception(PATIENCE)
    assert str(error) == "Unable to find the server at other.test"
    assert error is not None
    [note] = error.__notes__
    assert note.startswith(f"GET {HOST}/asked")


def test_incomplete_read_has_received_part(scripted: ScriptedServer, client: ScriptedHttp) -> None:
    promise = client.request(HOST)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"
    scripted.wait_for_transfer().fail(CUT_SHORT, head, b"only this")
    error = promise.exception(PATIENCE)
    assert isinstance(error, http.client.IncompleteRead)
    assert (error.partial, error.expected) == (b"only this", 91)


def test_force_exception_to_status_code_returns_response(
    scripted: ScriptedServer, client: ScriptedHttp
) -> None:
    client.force_exception_to_status_code = True
    promise = client.request(HOST)
    scripted.wait_for_transfer().fail(TIMED_OUT)
    assert promise.response.status == 408
