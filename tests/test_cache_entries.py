"""asynchttp and httplib2 read each other's cache entries, whatever the header fields are."""

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import httplib2
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asynchttp.messages.response import Response
from asynchttp.policy.cache_entry import Entry, read_entry, store_entry
from tests.scripted import HOST, MemoryCache

_httplib2: Any = httplib2  # Any: httplib2's stubs leave the function out

CONTENT = b"content\r\n\r\nof the entry"
LONGEST_HEAD = 300_000  # bytes; libcurl refuses longer heads

NAMES = st.sampled_from(["date", "etag", "x", "link", "set-cookie", "content-type", "from", "!#|~"])
WORDS = st.text("ab ,;=\"'-:/%", max_size=100).map(str.strip)
LATIN_1 = st.text(st.characters(codec="latin-1", categories=["L", "N", "P"]), max_size=40)
VALUES = (
    WORDS | LATIN_1 | st.sampled_from(["multipart/mixed", "message/rfc822", "word " * 30 + "."])
)
FIELDS = st.dictionaries(NAMES, VALUES, max_size=6)


def response_of(fields: Mapping[str, str], status: int = 200) -> Response:
    response = Response({})
    response.update(fields)
    response.status = status
    return response


def entry_of(
    fields: Mapping[str, str], headers: dict[str, str] | None = None, status: int = 200
) -> bytes | None:
    """The entry that asynchttp stores."""
    cache = MemoryCache()
    store_entry(headers or {}, response_of(fields, status), CONTENT, cache, "key")
    return cache.get("key")


def as_httplib2_reads(entry: bytes) -> tuple[dict[str, str], bytes]:
    cache = MemoryCache()
    cache.set(f"{HOST}/", entry)
    with closing(_httplib2.Http(cache)) as http:
        http.cache = cache
        response, content = http.request(HOST, headers={"cache-control": "only-if-cached"})
    assert response.fromcache
    return response, content


def as_httplib2_stores(fields: Mapping[str, str]) -> bytes:
    cache = MemoryCache()
    _httplib2._updateCache({}, response_of(fields), CONTENT, cache, "key")
    entry = cache.get("key")
    assert entry is not None
    return entry


def test_entry_has_lines_of_httplib2() -> None:
    fields = {"etag": '"a"', "vary": "accept", "transfer-encoding": "chunked"}
    head = 'status: 200\r\netag: "a"\r\nvary: accept\r\n-varied-accept: text/html\r\n\r\n'
    assert entry_of(fields, {"accept": "text/html"}, 304) == head.encode() + CONTENT


def test_entry_of_encoded_content_keeps_content_encoding() -> None:
    """RFC 9111, 3.1. httplib2 drops the field."""
    head = "status: 200\r\ncontent-encoding: br\r\n\r\n"
    assert entry_of({"content-encoding": "br"}) == head.encode() + CONTENT


@given(FIELDS)
@settings(max_examples=400)
@example({"content-type": "multipart/mixed"})
@example({"x": "=?utf-8?q?caf=C3=A9?="})
@example({"x": "a\rb\x0c\x1c\x85"})
def test_httplib2_reads_our_entry(fields: dict[str, str]) -> None:
    entry = entry_of(fields)
    assert entry is not None
    assert as_httplib2_reads(entry) == ({"status": "200", **fields}, CONTENT)


@given(FIELDS.filter(lambda fields: "content-type" not in fields))
@settings(max_examples=400)
def test_we_read_entry_of_httplib2(fields: dict[str, str]) -> None:
    entry = read_entry(as_httplib2_stores(fields))
    assert dict(entry.info) == {"status": "200", **fields}
    assert entry.content == CONTENT


@pytest.mark.parametrize("name", ["a b", "caf\xe9", "", "a\rb", "a:b", "\x7f"])
def test_response_with_impossible_name_is_not_stored(name: str) -> None:
    """The field would end the head, and the fields after it would be lost."""
    assert entry_of({name: "value", "vary": "accept"}) is None


@pytest.mark.parametrize(
    "line",
    [
        b"-x-permanent-redirect-url: http://evil.test/",
        b"x: =?utf-8?q?a=0d=0astatus:_301?=",
        b"-asynchttp-asked-at: soon",
        b"-asynchttp-lengths-x: 1 two",
        b"status: none",
        b"x: \xff",
        b"etag: =?utf-8?b?4oKs?=",  # If-None-Match could not be sent
    ],
)
def test_entry_that_a_server_has_spoiled_is_not_read(line: bytes) -> None:
    """httplib2 stores whatever a server sends."""
    read_entry(b"status: 200\r\ny: z\r\n\r\n")
    with pytest.raises(Exception):  # noqa: B017, PT011  # any: the entry counts as missing
        read_entry(b"%b\r\nstatus: 200\r\n\r\n" % line)


@pytest.mark.parametrize("asked_by", ["", " ", "x", "\xe9", "0 " * 1000])
def test_nonsense_in_place_of_digest_is_no_asker(asked_by: str) -> None:
    entry = Entry(response_info(), b"", asked_by, None, {})
    assert not entry.is_for("somebody")
    assert entry.is_for("") == (asked_by == "")


def response_info() -> Any:  # Any: a Message, which has no types
    return read_entry(b"status: 200\r\n\r\n").info


@pytest.mark.parametrize(
    "value",
    ["word " * (LONGEST_HEAD // 5), "\xfc " * (LONGEST_HEAD // 2), "," * LONGEST_HEAD],
    ids=["words", "latin-1", "commas"],
)
def test_longest_field_is_stored_and_read_at_once(value: str) -> None:
    """httplib2 writes some of these fields for minutes."""
    began = time.process_time()
    entry = entry_of({"x": value})
    assert entry is not None
    assert read_entry(entry).info["x"] == value
    assert time.process_time() - began < 2
