"""Content codings (RFC 9110, 8.4.1): gzip, deflate and zlib, undone within httplib2's limits.

Rule: what is damaged or suspicious is for httplib2's own decoding, which says what is wrong with
it. The rest is decoded here, to the same, in less than half of zlib's time. (isal takes some codes
that zlib refuses; as long as the checksum is right, no harm is done.)
"""

from __future__ import annotations

import zlib
from importlib import import_module
from types import ModuleType

from ..model import Reply, Settings
from ..response import Response
from . import oracle

LARGE = 1 << 16  # bytes
UNSUSPICIOUS = 10 << 20  # bytes: httplib2's limits begin there
CODINGS = ("gzip", "deflate", "zlib")
GZIP_OR_ZLIB = zlib.MAX_WBITS | 32  # whichever it is
GZIP = b"\x1f\x8b"
RESERVED = 0b1110_0000  # flags of gzip that have to be 0 (RFC 1952, 2.3.1.2)
LARGEST_WINDOW = 7  # of zlib's format: 32 kB (RFC 1950, 2.2)


def fastest() -> ModuleType:
    """zlib, or what does the same in less time."""
    try:
        return import_module("isal.isal_zlib")
    except ImportError:  # it has no wheels for this system
        return zlib


inflater = fastest()


def is_encoded(method: str, reply: Reply) -> bool:
    """Whether the content may have to be decoded; HEAD has none."""
    return method != "HEAD" and b"\ncontent-encoding:" in reply.head.lower()


def takes_long(reply: Reply) -> bool:
    """Whether decoding the content would hold up other transfers."""
    return len(reply.content) > LARGE


def decode(method: str, reply: Reply, settings: Settings) -> tuple[Response, bytes]:
    """The response and its content, decoded.

    Raises `httplib2.FailedToDecompressContent`, or what httplib2's LimitDecoder raises
    (`DecodeLimitError`, `DecodeRatioError`) for a body that grows too large.
    """
    response, content = Response.parse(reply.head), reply.content
    if not content or method == "HEAD":  # of no bytes httplib2 makes a ValueError
        return response, content
    if not settings.decode_limits:
        decoded = _in_one_go(response, content)
        if decoded is not None:
            return response, decoded
    return response, oracle.decompress(response, content, dict(settings.decode_limits))


def _in_one_go(response: Response, content: bytes) -> bytes | None:
    """The body decoded, if httplib2 would find nothing wrong with it.

    It does the same, but through buffers that cost as much again.
    """
    if response.get("content-encoding") not in CODINGS or _is_forbidden(content):
        return None
    try:
        decoder = inflater.decompressobj(GZIP_OR_ZLIB)
        decoded: bytes = decoder.decompress(content, UNSUSPICIOUS)
    except inflater.error:
        return None
    if not decoder.eof or len(decoded) == UNSUSPICIOUS:
        return None
    response["content-length"] = str(len(decoded))
    response["-content-encoding"] = response.pop("content-encoding")
    return decoded


def _is_forbidden(content: bytes) -> bool:
    """Whether it begins with what zlib refuses, but isal takes."""
    if content.startswith(GZIP):
        return len(content) > 3 and bool(content[3] & RESERVED)
    return content[0] >> 4 > LARGEST_WINDOW
