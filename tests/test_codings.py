"""Content is decoded within httplib2's limits: as by httplib2, and by RFC 9110 (8.4.1) and RFC 1952
where httplib2 loses content.

Rule: both clients meet the same server (`tests.reference`). asynchttp must refuse whatever httplib2
refuses; where the two differ on purpose, the test of the difference says why.
"""

import gzip
import inspect
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import IncompleteRead
from typing import Any

import httplib2
import pytest
from httplib2.decode import DecodeLimitError, DecodeRatioError, LimitDecoder
from hypothesis import example, given, settings
from hypothesis import strategies as st

from asynchttp import Http, Response
from asynchttp.messages.settings import DecodeLimits
from tests.conftest import RawServerFactory
from tests.reference import ClientResult, assert_same_as_httplib2, request_with_both
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, ServerConnection, read_head, send
from tests.servers.recording import answer_requests, try_record_request
from tests.servers.web import WebServer

PLAIN = b"timetable " * 1000
DECODING_FAILED = httplib2.FailedToDecompressContent


def gzipped(content: bytes) -> bytes:
    """`content`, always packed to the same bytes: without a time of day."""
    return gzip.compress(content, mtime=0)


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


Pack = Callable[[bytes], bytes]
PACKINGS: list[Pack] = [gzipped, zlib.compress, raw_deflate]
NAMES_OF_PACKINGS = ["gzip", "zlib", "deflate"]
each_packing = pytest.mark.parametrize("pack", PACKINGS, ids=NAMES_OF_PACKINGS)


def answer_with_coding(content: bytes, coding: str, status: str = "200 OK") -> bytes:
    fields = f"HTTP/1.1 {status}\r\nContent-Encoding: {coding}\r\nContent-Length: {len(content)}"
    return f"{fields}\r\n\r\n".encode("latin-1") + content


def gzip_answer_in_chunks(content: bytes, sizes: list[int]) -> bytes:
    """An answer with the content in chunks of the given sizes; the rest is the last chunk."""
    parts = []
    for size in sizes:
        parts.append(content[:size])
        content = content[size:]
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, content] if part)
    coding = b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    return b"HTTP/1.1 200 OK\r\n" + coding + chunks + b"0\r\n\r\n"


def response_fields(result: ClientResult) -> dict[str, str]:
    assert result.outcome.fields is not None
    return result.outcome.fields


# Decoded content


@each_packing
@pytest.mark.parametrize("coding", ["gzip", "deflate", "zlib"])
def test_any_packing_is_decoded_under_any_name(
    raw_server: RawServerFactory, coding: str, pack: Pack
) -> None:
    """Some servers confuse the names."""
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(answer_with_coding(pack(PLAIN), coding))]
    )
    assert result.outcome.content == PLAIN
    assert response_fields(result)["-content-encoding"] == coding
    assert response_fields(result)["content-length"] == str(len(PLAIN))
    assert "content-encoding" not in response_fields(result)


@pytest.mark.parametrize(
    "coding",
    [
        "br",
        "identity",
        "",
        "\xe9",
        "gzip, br",
        "gzip;q=1",
        "compress",
        "aes128gcm, gzip",
        "gzipped",
    ],
)
def test_content_of_unknown_coding_stays_packed(raw_server: RawServerFactory, coding: str) -> None:
    packed = gzipped(PLAIN)
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(answer_with_coding(packed, coding))]
    )
    assert result.outcome.content == packed
    assert response_fields(result)["content-encoding"] == coding


def test_content_of_six_codings_stays_packed(raw_server: RawServerFactory) -> None:
    packed = PLAIN
    for _ in range(6):
        packed = gzipped(packed)
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(answer_with_coding(packed, ", ".join(["gzip"] * 6)))]
    )
    assert result.outcome.content == packed


def gzip_twice(content: bytes) -> bytes:
    return gzipped(gzipped(content))


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("GZIP", gzipped),
        ("Deflate", zlib.compress),
        ("x-gzip", gzipped),
        ("X-GZip", gzipped),
        ("gzip,", gzipped),
        (", gzip", gzipped),
        ("identity, gzip", gzipped),
        ("gzip , identity", gzipped),
        ("gzip, gzip", gzip_twice),
        ("gzip\r\nContent-Encoding: gzip", gzip_twice),
        ("deflate,gzip", lambda content: gzipped(zlib.compress(content))),
        ("gzip, gzip, gzip, gzip, gzip", lambda content: gzip_twice(gzip_twice(gzipped(content)))),
    ],
)
def test_lists_and_aliases_of_codings_are_decoded(
    raw_server: RawServerFactory, coding: str, pack: Pack
) -> None:
    """RFC 9110, 8.4.1 and 5.6.1. httplib2 returns packed content."""
    theirs, ours = request_with_both(
        raw_server, [answer_requests(answer_with_coding(pack(PLAIN), coding))]
    )
    assert theirs.outcome.content == pack(PLAIN)
    assert ours.outcome.content == PLAIN
    assert response_fields(ours)["-content-encoding"] == coding.replace(
        "\r\nContent-Encoding:", ","
    )
    assert response_fields(ours)["content-length"] == str(len(PLAIN))
    assert "content-encoding" not in response_fields(ours)


@pytest.mark.parametrize("status", ["203 Second", "206 Partial", "301 M", "404 Not Found", "500 E"])
def test_content_is_decoded_with_any_status(raw_server: RawServerFactory, status: str) -> None:
    assert_same_as_httplib2(
        raw_server, [answer_requests(answer_with_coding(gzipped(PLAIN), "gzip", status))]
    )


def test_content_in_chunks_of_one_byte_is_decoded(raw_server: RawServerFactory) -> None:
    packed = gzipped(PLAIN)
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(gzip_answer_in_chunks(packed, [1] * len(packed)))]
    )
    assert result.outcome.content == PLAIN


@pytest.mark.parametrize("count", [2, 3, 100])
def test_all_gzip_members_are_decoded(raw_server: RawServerFactory, count: int) -> None:
    """RFC 1952, 2.2. httplib2 drops all members but the first."""
    members = [b"%d " % number for number in range(count)]
    packed = b"".join(map(gzipped, members))
    theirs, ours = request_with_both(
        raw_server, [answer_requests(answer_with_coding(packed, "gzip"))]
    )
    assert theirs.outcome.content == members[0]
    assert ours.outcome.content == b"".join(members)
    assert response_fields(ours)["content-length"] == str(len(b"".join(members)))


@pytest.mark.parametrize("tail", [bytes(1000), b"garbage", b"\x1f", b"\x1f\x8a" * 10])
@each_packing
def test_bytes_after_packed_content_are_ignored(
    raw_server: RawServerFactory, pack: Pack, tail: bytes
) -> None:
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(answer_with_coding(pack(PLAIN) + tail, "gzip"))]
    )
    assert result.outcome.content == PLAIN


def test_answer_to_head_is_not_decoded(raw_server: RawServerFactory) -> None:
    packed = gzipped(PLAIN)
    without = answer_with_coding(packed, "gzip").removesuffix(packed)
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(without)], lambda http, url: http.request(url("/"), "HEAD")
    )
    assert response_fields(result)["content-encoding"] == "gzip"


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("status", ["200 OK", "204 No Content", "304 Not Modified"])
def test_empty_packed_content_is_empty(
    raw_server: RawServerFactory, status: str, method: str
) -> None:
    """httplib2 0.32 raises a ValueError of range()."""
    _, ours = request_with_both(
        raw_server,
        [answer_requests(answer_with_coding(b"", "gzip", status))],
        lambda http, url: http.request(url("/"), method),
    )
    assert (ours.outcome.status, ours.outcome.content) == (int(status[:3]), b"")


def test_large_content_is_decoded(server: WebServer) -> None:
    with Http() as http:
        content = http.request(server.url("/coded/gzip?zeros=8000000"))[1]
        assert len(content) == 8_000_000


def test_large_content_is_decoded_over_every_protocol(
    any_server: WebServer, authority_file: str
) -> None:
    with Http(ca_certs=authority_file) as http:
        for coding in ("gzip", "zlib", "deflate"):
            content = http.request(any_server.url(f"/coded/{coding}?text=abc&zeros=1000000"))[1]
            assert content == b"abc" + bytes(1_000_000)


def test_folded_content_encoding_is_decoded(raw_server: RawServerFactory) -> None:
    """httplib2 returns packed content."""
    packed = gzipped(PLAIN)
    folded = answer_with_coding(packed, "gzip").replace(b"Encoding: ", b"Encoding:\r\n ")
    _, ours = request_with_both(raw_server, [answer_requests(folded)])
    assert ours.outcome.content == PLAIN


def test_coding_of_interim_answer_is_ignored(raw_server: RawServerFactory) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nContent-Encoding: gzip\r\n\r\n"
    with Http() as http:
        response, content = http.request(raw_server([answer_requests(hints + OK)]).url())
        assert (response.status, content) == (200, b"ok")
        assert "content-encoding" not in response


# Content that cannot be decoded


@pytest.mark.parametrize(
    "content", [b"no gzip", gzipped(PLAIN)[:-20] + b"x" * 12], ids=["text", "damaged"]
)
@pytest.mark.parametrize("coding", ["gzip", "deflate", "zlib"])
def test_damaged_content_is_refused(
    raw_server: RawServerFactory, coding: str, content: bytes
) -> None:
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(answer_with_coding(content, coding))]
    )
    assert result.outcome.error is DECODING_FAILED


def truncations(content: bytes) -> Iterator[bytes]:
    """Beginnings of the content, cut within the format's head, body and checksum."""
    for size in {1, 2, 3, 5, 9, 10, 11, len(content) // 2, len(content) - 8, len(content) - 1}:
        yield content[:size]


@each_packing
def test_truncated_content_is_refused(raw_server: RawServerFactory, pack: Pack) -> None:
    """httplib2 returns the received part, or b""."""
    for beginning in truncations(pack(PLAIN)):
        theirs, ours = request_with_both(
            raw_server, [answer_requests(answer_with_coding(beginning, "gzip"))]
        )
        assert theirs.outcome.error in (None, DECODING_FAILED)
        assert ours.outcome.error is DECODING_FAILED


@pytest.mark.parametrize("close", [b"Connection: close\r\n", b""])
def test_content_truncated_by_close_is_refused(raw_server: RawServerFactory, close: bytes) -> None:
    fields = b"HTTP/1.1 200 OK\r\n" + close + b"Content-Encoding: gzip\r\n\r\n"
    for beginning in (gzipped(PLAIN)[:-1], gzipped(PLAIN)[:20]):
        server = raw_server([read_head, send(fields + beginning)])
        with Http() as http, pytest.raises(DECODING_FAILED):
            http.request(server.url()).result()


def test_truncated_later_gzip_member_is_refused(raw_server: RawServerFactory) -> None:
    packed = gzipped(b"first") + gzipped(b"second")[:-1]
    with Http() as http, pytest.raises(DECODING_FAILED):
        http.request(
            raw_server([answer_requests(answer_with_coding(packed, "gzip"))]).url()
        ).result()


def test_partial_content_of_incomplete_read_is_decoded(raw_server: RawServerFactory) -> None:
    """The received part is decoded; missing bytes are counted as sent over the wire."""
    packed = gzipped(PLAIN)
    server = raw_server([read_head, send(answer_with_coding(packed, "gzip")[:-3])])
    with Http() as http:
        error = http.request(server.url()).exception()
    assert isinstance(error, IncompleteRead)
    assert (error.partial, error.expected) == (PLAIN, 3)


def test_decoding_error_has_the_response(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(answer_with_coding(b"no gzip", "gzip"))])
    with Http() as http:
        promise = http.request(server.url("/"))
        with pytest.raises(DECODING_FAILED) as raised:
            promise.result()
        assert isinstance(raised.value.response, Response)
        assert raised.value.response["content-encoding"] == "gzip"
        assert promise.exception() is raised.value


@pytest.mark.parametrize("content", [b"no gzip", gzipped(PLAIN)[:-1]], ids=["text", "cut"])
def test_next_answer_is_not_mixed_with_refused_content(
    raw_server: RawServerFactory, content: bytes
) -> None:
    server = raw_server(
        [
            answer_requests(
                answer_with_coding(content, "gzip"), OK, answer_with_coding(gzipped(PLAIN), "gzip")
            )
        ]
    )
    with Http() as http:
        assert isinstance(http.request(server.url()).exception(), DECODING_FAILED)
        assert http.request(server.url())[1] == b"ok"
        assert http.request(server.url())[1] == PLAIN


# Compared with httplib2


class BothClients:
    """Both clients, and a server that sends `answer`."""

    def __init__(self, raw_server: RawServerFactory) -> None:
        self.answer = b""
        self._url = raw_server([self._serve]).url()
        self._theirs, self._ours = httplib2.Http(timeout=PATIENCE), Http(timeout=PATIENCE)

    def close(self) -> None:
        self._theirs.close()
        self._ours.close()

    def _serve(self, connection: ServerConnection) -> None:
        while try_record_request(connection):
            connection.socket.sendall(self.answer)

    def theirs(self, answer: bytes) -> object:
        return self._made_by(self._theirs, answer)

    def ours(self, answer: bytes) -> object:
        return self._made_by(self._ours, answer)

    def _made_by(self, http: httplib2.Http, answer: bytes) -> object:
        """The content and the fields; or the class of the exception."""
        self.answer = answer
        try:
            response, content = http.request(self._url)
            return bytes(content), response["content-length"], response["-content-encoding"]
        except Exception as error:  # noqa: BLE001 - any error is compared
            return type(error)


@contextmanager
def both_clients(raw_server: RawServerFactory) -> Iterator[BothClients]:
    clients = BothClients(raw_server)
    try:
        yield clients
    finally:
        clients.close()


def decode_member(content: bytes, wbits: int) -> tuple[bytes, bytes] | None:
    """The first member, or the whole stream, and the bytes after, or None without an end.

    Raise `zlib.error` for another format, or damage.
    """
    decoder = zlib.decompressobj(wbits)
    decoded = decoder.decompress(content)
    return (decoded, decoder.unused_data) if decoder.eof else None


def decode_by_rfc(content: bytes) -> tuple[bytes, int] | None:
    """The decoded content, and the number of members, or None if refused."""
    try:
        found = decode_member(content, zlib.MAX_WBITS | 32)
    except zlib.error:
        try:
            found = decode_member(content, -zlib.MAX_WBITS)
        except zlib.error:
            return None
    parts = []
    while found is not None:
        parts.append(found[0])
        if not content.startswith(b"\x1f\x8b") or not found[1].startswith(b"\x1f\x8b"):
            return b"".join(parts), len(parts)
        try:
            found = decode_member(found[1], zlib.MAX_WBITS | 16)
        except zlib.error:
            return None
    return None


def check_decoding_like_httplib2(clients: BothClients, content: bytes, answer: bytes) -> None:
    """Compare with httplib2, except for truncated content and gzip of several members."""
    theirs, ours = clients.theirs(answer), clients.ours(answer)
    expected = decode_by_rfc(content)
    if theirs is DECODING_FAILED or (expected is not None and expected[1] == 1):
        assert ours == theirs
    elif expected is None:
        assert ours is DECODING_FAILED
    else:
        assert ours == (expected[0], str(len(expected[0])), "gzip")


@st.composite
def damaged_content(draw: st.DrawFn, plain: st.SearchStrategy[bytes], most: int = 2) -> bytes:
    """Packed content, perhaps with wrong bytes, without its end, or with a tail."""
    packed = bytearray(draw(st.sampled_from(PACKINGS))(draw(plain)))
    for _ in range(draw(st.integers(0, most))):
        packed[draw(st.integers(0, len(packed) - 1))] = draw(st.integers(0, 255))
    if draw(st.booleans()):
        packed += draw(st.one_of(st.binary(max_size=9), st.just(gzipped(b"another"))))
    if draw(st.booleans()):
        del packed[draw(st.integers(1, len(packed))) :]
    return bytes(packed)


SMALL = damaged_content(st.binary(max_size=40))
SIZES = st.lists(st.integers(1, 40), max_size=5)


def test_small_damaged_content_is_decoded_like_httplib2(raw_server: RawServerFactory) -> None:
    """The chunks have any sizes."""

    @settings(max_examples=500)
    @given(SMALL, SIZES)
    @example(b"\x78", [])
    @example(b"\x1f\x8b", [1])
    @example(b"\x78\x01\x02\xfe\xfd", [1, 1, 1, 1])  # zlib's format, or a stored block
    @example(gzipped(b"a") + gzipped(b"b"), [21, 1])
    @example(gzipped(b"a") + b"\x1f", [])
    def check(content: bytes, sizes: list[int]) -> None:
        check_decoding_like_httplib2(clients, content, gzip_answer_in_chunks(content, sizes))

    with both_clients(raw_server) as clients:
        check()


def test_larger_damaged_content_is_decoded_like_httplib2(raw_server: RawServerFactory) -> None:
    @settings(max_examples=60)
    @given(damaged_content(st.just(PLAIN), 3))
    def check(content: bytes) -> None:
        check_decoding_like_httplib2(clients, content, answer_with_coding(content, "gzip"))

    with both_clients(raw_server) as clients:
        check()


LARGE_CONTENT = b"".join(
    b"%08x" % zlib.crc32(b"%d" % i) for i in range(100_000)
)  # 456 kB when packed


@each_packing
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
def test_big_content_is_decoded_like_httplib2(
    raw_server: RawServerFactory, pack: Pack, spoil: Pack
) -> None:
    content = spoil(pack(LARGE_CONTENT))
    with both_clients(raw_server) as clients:
        check_decoding_like_httplib2(clients, content, answer_with_coding(content, "gzip"))


# Bombs

BOMB = gzipped(bytes(20_000_000))
ZEROS = gzipped(bytes(2_000_000))
LOOSE = gzipped(b"".join(b"%08x" % zlib.crc32(b"%d" % i) + bytes(100) for i in range(110_000)))
"""More than 10 MiB, below which httplib2 ignores the ratio; the ratio is about 12."""

LIMITS = {
    # name: content, a limit exceeded by the content, the error, a limit high enough
    "decode_limit_hard": (ZEROS, 1_000_000, DecodeLimitError, 2_000_000),
    "decode_limit_safe": (ZEROS, 1, DecodeRatioError, 2_000_001),
    "decode_limit_ratio": (LOOSE, 5.0, DecodeRatioError, 100.0),
}


def test_default_decode_limits_are_those_of_httplib2() -> None:
    theirs = inspect.signature(LimitDecoder).parameters
    names = ("ratio", "safe_limit", "hard_limit")
    assert DecodeLimits()[:3] == tuple(theirs[name].default for name in names)


def test_bomb_is_refused_like_httplib2(raw_server: RawServerFactory) -> None:
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(answer_with_coding(BOMB, "gzip"))]
    )
    assert result.outcome.error is DecodeRatioError


def test_bomb_in_several_codings_is_refused(raw_server: RawServerFactory) -> None:
    """Packed twice, 20 MB of zeros are 100 bytes."""
    _, ours = request_with_both(
        raw_server, [answer_requests(answer_with_coding(gzipped(BOMB), "gzip, gzip"))]
    )
    assert ours.outcome.error is DecodeRatioError


def test_bomb_in_several_gzip_members_is_refused(raw_server: RawServerFactory) -> None:
    _, ours = request_with_both(
        raw_server, [answer_requests(answer_with_coding(ZEROS * 10, "gzip"))]
    )
    assert ours.outcome.error is DecodeRatioError


def test_decoding_stops_one_byte_beyond_limit(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(answer_with_coding(ZEROS, "gzip"))])
    with Http(decode_limit_hard=1_000_000) as http, pytest.raises(DecodeLimitError) as raised:
        http.request(server.url()).result()
    assert str(raised.value) == "Output length 1000001 exceeds hard limit 1000000"


@pytest.mark.parametrize("name", LIMITS)
def test_decode_limits_are_taken_from_constructor(raw_server: RawServerFactory, name: str) -> None:
    packed, low, error, high = LIMITS[name]
    assert errors_of_both(raw_server, packed, **{name: low}) == [error, error]
    assert errors_of_both(raw_server, packed, **{name: high}) == [None, None]


@pytest.mark.parametrize("name", LIMITS)
def test_only_negative_decode_limits_are_refused(raw_server: RawServerFactory, name: str) -> None:
    assert errors_of_both(raw_server, gzipped(LARGE_CONTENT), **{name: 0}) == [None, None]
    assert errors_of_both(raw_server, gzipped(LARGE_CONTENT), **{name: 2**70}) == [None, None]
    assert errors_of_both(raw_server, gzipped(LARGE_CONTENT), **{name: -1}) == [
        ValueError,
        ValueError,
    ]


def test_decode_limits_are_taken_from_limit_kwargs(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(answer_with_coding(ZEROS, "gzip"))])
    with Http() as http:
        assert len(http.request(server.url())[1]) == 2_000_000
        http.limit_kwargs["hard_limit"] = 1_000_000
        assert isinstance(http.request(server.url()).exception(), DecodeLimitError)


@pytest.mark.parametrize("spell", [str.lower, str.upper])
@pytest.mark.parametrize("name", LIMITS)
def test_decode_limits_are_taken_from_environment(
    raw_server: RawServerFactory,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    spell: Callable[[str], str],
) -> None:
    packed, low, error, high = LIMITS[name]
    monkeypatch.setenv(spell(f"httplib2_{name}"), str(low))
    assert errors_of_both(raw_server, packed) == [error, error]
    assert errors_of_both(raw_server, packed, **{name: high}) == [None, None]


def errors_of_both(
    raw_server: RawServerFactory, packed: bytes, **limits: float
) -> list[type[BaseException] | None]:
    """The exceptions of httplib2, and of asynchttp."""
    arguments: dict[str, Any] = {**limits}  # Any: to mypy, each name may be any argument
    clients = [httplib2.Http(**arguments), Http(**arguments)]
    return [error_with(client, raw_server, packed) for client in clients]


def error_with(
    http: httplib2.Http, raw_server: RawServerFactory, packed: bytes
) -> type[BaseException] | None:
    try:
        bytes(
            http.request(
                raw_server([answer_requests(answer_with_coding(packed, "gzip"))]).url("/")
            )[1]
        )
    except Exception as error:  # noqa: BLE001 - any error is compared
        return type(error)
    finally:
        http.close()
    return None


def test_decode_limits_hold_for_redirects(raw_server: RawServerFactory) -> None:
    bomb = answer_with_coding(BOMB, "gzip", "302 Found").replace(
        b"\r\n", b"\r\nLocation: /next\r\n", 1
    )
    result = assert_same_as_httplib2(raw_server, [answer_requests(bomb, OK)])
    assert result.outcome.error is DecodeRatioError
    assert len(result.requests) == 1
