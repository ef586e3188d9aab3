"""Requests with `Expect` use httplib2's own code, since libcurl repeats a request after a 417.

Rule: the server counts the received requests.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from asynchttp import Http
from tests.conftest import RawServerFactory
from tests.reference import assert_same_as_httplib2
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK
from tests.servers.recording import answer_requests

REFUSED = b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 6\r\n\r\nno way"
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
EXPECTATION = {"Expect": "100-continue"}


@pytest.fixture(params=[False, True], ids=["lazy", "blocking"])
def http(request: pytest.FixtureRequest) -> Iterator[Http]:
    with Http(timeout=PATIENCE, blocking=request.param) as http:
        yield http


@pytest.mark.parametrize("name", ["Expect", "expect", "EXPECT", b"Expect", b"eXPECT"], ids=repr)
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_417_is_returned_without_retry(
    http: Http, raw_server: RawServerFactory, name: Any, method: str
) -> None:
    server = raw_server([answer_requests(REFUSED, OK)])
    response, content = http.request(server.url(), method, b"body", {name: "100-continue"})
    assert (response.status, bytes(content)) == (417, b"no way")
    ((head, body),) = server.requests
    assert b"expect: 100-continue\r\n" in head.lower()
    assert body == b"body"


@pytest.mark.parametrize("answer", [REFUSED, OK, CONTINUE + OK, CONTINUE + REFUSED])
@pytest.mark.parametrize("body", [b"body", b"b" * 2_000_000, b"", None])
def test_expect_header_works_like_httplib2(
    raw_server: RawServerFactory, answer: bytes, body: bytes | None
) -> None:
    story = assert_same_as_httplib2(
        raw_server,
        [answer_requests(answer)],
        lambda http, url: http.request(url("/"), "PUT", body, EXPECTATION),
    )
    assert len(story.requests) == 1


@pytest.mark.parametrize("name", ["X-Expect", "Expected", b"Expects"], ids=repr)
def test_similar_header_names_are_no_expectation(
    http: Http, raw_server: RawServerFactory, name: Any
) -> None:
    """libcurl makes both requests on a shared connection; httplib2's code would open a second."""
    server = raw_server([answer_requests(OK)])
    for headers in ({}, {name: "100-continue"}):
        response, _ = http.request(server.url(), "POST", b"body", headers)
        assert response.status == 200
    assert len(server.accepted) == 1


def test_header_name_of_wrong_type_is_refused(http: Http, raw_server: RawServerFactory) -> None:
    odd: Any = {1: "100-continue"}
    with pytest.raises(TypeError):
        len(http.request(raw_server([answer_requests(OK)]).url(), "POST", b"body", odd)[1])
