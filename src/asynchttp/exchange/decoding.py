"""Content codings (RFC 9110, 8.4.1): gzip, deflate and zlib, undone within httplib2's limits.

The decoding is httplib2's own, limits included; here is only when it happens.
"""

from __future__ import annotations

from ..model import Reply, Settings
from ..response import Response
from . import oracle

LARGE = 1 << 16  # bytes


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
    if content and method != "HEAD":  # of no bytes httplib2 makes a ValueError
        limits = dict(settings.decode_limits)
        content = oracle.decompress(response, content, limits)
    return response, content
