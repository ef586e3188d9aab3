"""Content is decoded as httplib2 decodes it, within httplib2's limits.

Rule: httplib2 is asked the same (`tests.oracle`), and what it refuses has to be refused too.
"""

import gzip
import inspect
import sys
import zlib
from collections.abc import Callable
from typing import Any

import httplib2
import pytest
from httplib2.decode import DecodeLimitError, DecodeRatioError, LimitDecoder
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asynchttp import Http, Response
from asynchttp.exchange import decoding, oracle
from asynchttp.exchange.decoding import UNSUSPICIOUS
from asynchttp.model import Reply
from tests.conftest import RawServers
from tests.oracle import Story, answers, both, same
from tests.servers.raw import OK
from tests.servers.web import WebServer
from tests.test_exchange import SETTINGS

PLAIN = b"timetable " * 1000


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


PACKINGS: list[Callable[[bytes], bytes]] = [gzip.compress, zlib.compress, raw_deflate]


def coded(content: bytes, coding: str, status: str = "200 OK") -> bytes:
    fields = f"HTTP/1.1 {status}\r\nContent-Encoding: {coding}\r\nContent-Length: {len(content)}"
    return f"{fields}\r\n\r\n".encode("latin-1") + content


def fields(story: Story) -> dict[str, str]:
    assert story.outcome.fields is not None
    return story.outcome.fields


# What is decoded


@pytest.mark.parametrize("pack", PACKINGS, ids=["gzip", "zlib", "deflate"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "zlib"])
def test_every_packing_under_every_name(
    raw_server: RawServers, coding: str, pack: Callable[[bytes], bytes]
) -> None:
    """Servers mix them up."""
    story = same(raw_server, [answers(coded(pack(PLAIN), coding))])
    assert story.outcome.content == PLAIN
    assert fields(story)["-content-encoding"] == coding
    assert fields(story)["content-length"] == str(len(PLAIN))
    assert "content-encoding" not in fields(story)


@pytest.mark.parametrize(
    "coding", ["br", "identity", "GZIP", "gzip, deflate", "x-gzip", "", "\xe9"]
)
def test_other_codings_stay_as_they_are(raw_server: RawServers, coding: str) -> None:
    packed = gzip.compress(PLAIN)
    story = same(raw_server, [answers(coded(packed, coding))])
    assert story.outcome.content == packed


@pytest.mark.parametrize("status", ["203 Second", "206 Partial", "301 M", "404 Not Found", "500 E"])
def test_whatever_the_status(raw_server: RawServers, status: str) -> None:
    same(raw_server, [answers(coded(gzip.compress(PLAIN), "gzip", status))])


def test_a_chunked_one(raw_server: RawServers) -> None:
    packed = gzip.compress(PLAIN)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in packed) + b"0\r\n\r\n"
    coding = b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    story = same(raw_server, [answers(b"HTTP/1.1 200 OK\r\n" + coding + chunks)])
    assert story.outcome.content == PLAIN


def test_several_packed_one_after_another(raw_server: RawServers) -> None:
    packed = gzip.compress(PLAIN) + gzip.compress(PLAIN)
    same(raw_server, [answers(coded(packed, "gzip"))])


def test_a_head_request_has_nothing_to_decode(raw_server: RawServers) -> None:
    packed = gzip.compress(PLAIN)
    without = coded(packed, "gzip").removesuffix(packed)
    story = same(raw_server, [answers(without)], lambda http, url: http.request(url("/"), "HEAD"))
    assert fields(story)["content-encoding"] == "gzip"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_of_nothing_comes_nothing(raw_server: RawServers, status: str, method: str) -> None:
    """Where httplib2 0.32 raises a ValueError of range()."""
    _, ours = both(
        raw_server,
        [answers(coded(b"", "gzip", status))],
        lambda http, url: http.request(url("/"), method),
    )
    assert (ours.outcome.status, ours.outcome.content) == (int(status[:3]), b"")


def test_as_much_as_a_worker_has_to_decode(server: WebServer) -> None:
    """Decoding megabytes takes a while; the I/O thread has others to look after."""
    with Http() as http:
        content = http.request(server.url("/coded/gzip?zeros=8000000"))[1]
        assert len(content) == 8_000_000


def test_a_folded_name_of_a_coding(raw_server: RawServers) -> None:
    """httplib2 does not see that it is gzip, and hands on what is packed."""
    packed = gzip.compress(PLAIN)
    folded = coded(packed, "gzip").replace(b"Encoding: ", b"Encoding:\r\n ")
    _, ours = both(raw_server, [answers(folded)])
    assert ours.outcome.content == PLAIN


# What cannot be decoded


@pytest.mark.parametrize(
    "content",
    [b"no gzip", b"\x1f\x8b", gzip.compress(PLAIN)[:-20] + b"x" * 12],
    ids=["text", "cut", "damaged"],
)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "zlib"])
def test_what_is_not_what_it_says(raw_server: RawServers, coding: str, content: bytes) -> None:
    same(raw_server, [answers(coded(content, coding))])


def test_the_error_has_the_response(raw_server: RawServers) -> None:
    server = raw_server([answers(coded(b"no gzip", "gzip"))])
    with Http() as http:
        promise = http.request(server.url("/"))
        with pytest.raises(httplib2.FailedToDecompressContent) as raised:
            promise.result()
        assert isinstance(raised.value.response, Response)
        assert raised.value.response["content-encoding"] == "gzip"
        assert promise.exception() is raised.value


def damaged(data: st.DataObject) -> bytes:
    """Something packed in some way; a byte or two are not what they were, and its end may miss."""
    packed = bytearray(data.draw(st.sampled_from(PACKINGS))(data.draw(st.binary(max_size=40))))
    for _ in range(data.draw(st.integers(0, 2))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    packed += data.draw(st.binary(max_size=9))
    return bytes(packed[: data.draw(st.integers(1, len(packed)))])


def test_the_faster_library_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert decoding.inflater.__name__ == "isal.isal_zlib"  # on all systems where CI runs
    monkeypatch.setitem(sys.modules, "isal.isal_zlib", None)  # as where it has no wheels
    assert decoding.fastest() is zlib


@pytest.fixture(params=[decoding.inflater, zlib], ids=["isal", "zlib"])
def _each_inflater(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "inflater", request.param)


def decodes_as_httplib2_does(content: bytes) -> None:
    """It makes the same of it, and takes nothing that httplib2 refuses."""
    head = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"
    theirs = Response.parse(head)
    try:
        expected = oracle.decompress(theirs, content, {})
    except httplib2.FailedToDecompressContent:
        with pytest.raises(httplib2.FailedToDecompressContent):
            decoding.decode("GET", Reply(200, head, content), SETTINGS)
    else:
        ours, decoded = decoding.decode("GET", Reply(200, head, content), SETTINGS)
        assert (decoded, dict(ours)) == (expected, dict(theirs))


@pytest.mark.usefixtures("_each_inflater")
def test_what_is_decoded_here_is_what_httplib2_makes_of_it() -> None:
    @settings(max_examples=1000)
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        decodes_as_httplib2_does(damaged(data))

    check()


BIG = b"".join(b"%08x" % zlib.crc32(b"%d" % i) for i in range(100_000))  # 456 kB when packed


@pytest.mark.parametrize("pack", PACKINGS, ids=["gzip", "zlib", "deflate"])
@pytest.mark.parametrize(
    "spoil",
    [
        lambda packed: packed,
        lambda packed: packed + packed,
        lambda packed: packed + bytes(200_000),
        lambda packed: packed[:-1],
        lambda packed: packed[:-4] + b"1234",
        lambda packed: packed[:300_000] + b"?" + packed[300_001:],
    ],
    ids=["whole", "twice", "with a tail", "cut", "wrong length", "damaged"],
)
@pytest.mark.usefixtures("_each_inflater")
def test_so_is_what_httplib2_decodes_piece_by_piece(
    pack: Callable[[bytes], bytes], spoil: Callable[[bytes], bytes]
) -> None:
    decodes_as_httplib2_does(spoil(pack(BIG)))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_content(raw_server: RawServers, data: st.DataObject) -> None:
    packed = bytearray(data.draw(st.sampled_from(PACKINGS))(PLAIN))
    for _ in range(data.draw(st.integers(1, 3))):
        packed[data.draw(st.integers(0, len(packed) - 1))] = data.draw(st.integers(0, 255))
    del packed[data.draw(st.integers(1, len(packed))) :]
    same(raw_server, [answers(coded(bytes(packed), "gzip"))])


# Bombs

BOMB = gzip.compress(bytes(20_000_000))
ZEROS = gzip.compress(bytes(2_000_000))
LOOSE = gzip.compress(
    b"".join(b"%08x" % zlib.crc32(b"%d" % i) + bytes(100) for i in range(110_000))
)
"""More than the 10 MiB below which httplib2 does not ask for the ratio, which is some 12."""

LIMITS = {
    # name: what is sent, a limit that it exceeds, the error, a limit that it does not exceed
    "decode_limit_hard": (ZEROS, 1_000_000, DecodeLimitError, 2_000_000),
    "decode_limit_safe": (ZEROS, 1, DecodeRatioError, 2_000_001),
    "decode_limit_ratio": (LOOSE, 5.0, DecodeRatioError, 100.0),
}


def test_what_is_decoded_here_is_beneath_all_of_httplib2s_limits() -> None:
    limits = inspect.signature(LimitDecoder).parameters
    assert limits["safe_limit"].default >= UNSUSPICIOUS
    assert limits["hard_limit"].default >= UNSUSPICIOUS


def test_a_bomb_does_not_go_off(raw_server: RawServers) -> None:
    story = same(raw_server, [answers(coded(BOMB, "gzip"))])
    assert story.outcome.error is DecodeRatioError


@pytest.mark.parametrize("name", LIMITS)
def test_limits_of_the_constructor(raw_server: RawServers, name: str) -> None:
    packed, low, error, high = LIMITS[name]
    assert raised_by(raw_server, packed, **{name: low}) == [error, error]
    assert raised_by(raw_server, packed, **{name: high}) == [None, None]


@pytest.mark.parametrize("spell", [str.lower, str.upper])
@pytest.mark.parametrize("name", LIMITS)
def test_limits_of_the_environment(
    raw_server: RawServers, monkeypatch: pytest.MonkeyPatch, name: str, spell: Callable[[str], str]
) -> None:
    packed, low, error, high = LIMITS[name]
    monkeypatch.setenv(spell(f"httplib2_{name}"), str(low))
    assert raised_by(raw_server, packed) == [error, error]
    assert raised_by(raw_server, packed, **{name: high}) == [None, None]


def raised_by(
    raw_server: RawServers, packed: bytes, **limits: float
) -> list[type[BaseException] | None]:
    """What httplib2 raises, and asynchttp."""
    arguments: dict[str, Any] = {**limits}  # Any: for mypy each name may be any argument
    clients = [httplib2.Http(**arguments), Http(**arguments)]
    return [raised_with(client, raw_server, packed) for client in clients]


def raised_with(
    http: httplib2.Http, raw_server: RawServers, packed: bytes
) -> type[BaseException] | None:
    try:
        bytes(http.request(raw_server([answers(coded(packed, "gzip"))]).url("/"))[1])
    except Exception as error:  # noqa: BLE001 - it is what is compared
        return type(error)
    finally:
        http.close()
    return None


def test_limits_count_for_redirects_too(raw_server: RawServers) -> None:
    bomb = coded(BOMB, "gzip", "302 Found").replace(b"\r\n", b"\r\nLocation: /next\r\n", 1)
    story = same(raw_server, [answers(bomb, OK)])
    assert story.outcome.error is DecodeRatioError
    assert len(story.requests) == 1
