"""Content codings whose content is damaged, cut, odd, or a bomb (RFC 9110, 8.4)."""

import gzip
import zlib

from httplib2 import FailedToDecompressContent
from httplib2.decode import DecodeLimitError, DecodeRatioError

from tests.faults.fault import Fault
from tests.faults.steps import answer
from tests.faults.wanted import Answer, Rule, always, answered
from tests.servers.raw import send

TEXT = b"hello" * 1000
PACKED = gzip.compress(TEXT, mtime=0)
# The content has been read to its end, or not: the connection may be kept, or closed.
REFUSED: Rule = always(FailedToDecompressContent, is_reused=None)
BROTLI = b"\x8b\x00\x80ok\x03"


def _coded(name: str, wanted: Rule, content: bytes, coding: str = "gzip") -> Fault:
    steps = (send(answer(content, f"Content-Encoding: {coding}")),)
    return Fault(name, wanted, steps, keeps=True)


def _bomb(size: int) -> bytes:
    """Zeros that gzip makes a thousandth of."""
    compressor = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(1 << 20)
    return b"".join(compressor.compress(block) for _ in range(size >> 20)) + compressor.flush()


ROWS = (
    _coded("no gzip", REFUSED, b"nogzip"),
    _coded("gzip, cut", REFUSED, PACKED[:-20]),
    _coded("gzip without its trailer", REFUSED, PACKED[:-8]),
    _coded("gzip with a wrong sum", REFUSED, PACKED[:-8] + bytes(8)),
    _coded("gzip, then garbage", answered(Answer(200, TEXT)), PACKED + b"garbage"),
    _coded("gzip, then zeros", answered(Answer(200, TEXT)), PACKED + bytes(100)),
    _coded("gzip of two members", answered(), gzip.compress(b"o") + gzip.compress(b"k")),
    _coded("gzip of no bytes", answered(Answer(200, b"")), b""),
    _coded("deflate, cut", REFUSED, zlib.compress(TEXT)[:-6], "deflate"),
    _coded("Content-Encoding: GZIP", answered(Answer(200, TEXT)), PACKED, "GZIP"),
    _coded("Content-Encoding: x-gzip", answered(Answer(200, TEXT)), PACKED, "x-gzip"),
    _coded(
        "Content-Encoding: gzip, gzip",
        answered(Answer(200, TEXT)),
        gzip.compress(PACKED),
        "gzip, gzip",
    ),
    _coded("Content-Encoding: identity", answered(), b"ok", "identity"),
    # Not asked for, and not decoded: the field stays, and tells the caller.
    _coded("Content-Encoding: br", answered(Answer(200, BROTLI)), BROTLI, "br"),
    _coded("Content-Encoding: unheard-of", answered(), b"ok", "unheard-of"),
    _coded(
        "a gzip bomb of 32 MB",
        always(DecodeLimitError, DecodeRatioError),
        _bomb(32 << 20),
    ),
)
