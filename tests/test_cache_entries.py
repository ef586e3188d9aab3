"""Entries of the cache are the same bytes as httplib2 stores, whatever the header fields are."""

import random
from typing import Any

import httplib2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asynchttp.messages.response import Response
from asynchttp.policy.cache_entry import store_entry

_httplib2: Any = httplib2  # Any: httplib2's stubs leave the function out

NAMES = st.sampled_from(
    ["date", "etag", "vary", "content-type", "cache-control", "status", "transfer-encoding", "x"]
) | st.text("abc-XYZ09_!:\t é\n", max_size=70)
VALUES = (
    st.sampled_from(
        ["accept, X-Two", "multipart/mixed", "message/rfc822", "no-store", "=?utf-8?q?a?=", "*", ""]
    )
    | st.text("ab, ;=\"'\t é\r\n", max_size=90)
    | st.text(max_size=8)
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=6)
REQUEST = st.dictionaries(st.sampled_from(["accept", "x-two", "cache-control"]), VALUES)


class RecordingCache:
    """A cache that records calls."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, ...] | tuple[str, str, bytes]] = []

    def get(self, key: str) -> bytes | None:
        raise AssertionError(f"{key}: storing does not read")

    def set(self, key: str, value: bytes) -> None:
        self.calls.append(("set", key, value))

    def delete(self, key: str) -> None:
        self.calls.append(("delete", key))


def response_of(fields: dict[str, str], status: int) -> Response:
    response = Response({})
    response.update(fields)
    response.status = status
    return response


def test_usual_entries_are_written_without_email(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(httplib2, "_updateCache", None)
    response, recorder = response_of({"etag": '"a"', "vary": "accept"}, 304), RecordingCache()
    store_entry({"accept": "text/html"}, response, b"content", recorder, "key")
    head = 'status: 200\r\netag: "a"\r\nvary: accept\r\n-varied-accept: text/html\r\n\r\n'
    assert recorder.calls == [("set", "key", head.encode() + b"content")]


@given(REQUEST, FIELDS, st.sampled_from([200, 203, 304]), st.binary(max_size=5))
@settings(max_examples=400)
@example({}, {"etag": "a  b"}, 200, b"")
@example({"accept": "b " * 40}, {"vary": "accept"}, 200, b"")
@example({}, {"content-type": " Multipart/mixed"}, 200, b"")
def test_stored_entries_equal_entries_of_httplib2(
    request: dict[str, str], fields: dict[str, str], status: int, content: bytes
) -> None:
    response, ours, theirs = response_of(fields, status), RecordingCache(), RecordingCache()
    random.seed(1)  # `email` draws the boundary of a multipart content
    try:
        _httplib2._updateCache(request, response, content, theirs, "key")
    except Exception as error:  # noqa: BLE001  # any error: ours has to be the same
        with pytest.raises(type(error)):
            store_entry(request, response, content, ours, "key")
    else:
        random.seed(1)
        store_entry(request, response, content, ours, "key")
    assert ours.calls == theirs.calls
