"""Content codings (RFC 9110, 8.4.1): gzip, deflate and zlib, undone within httplib2's limits.

The decoding is httplib2's own, limits included; here is only when it happens.
"""

from __future__ import annotations

import httplib2

from ..model import Reply, Settings
from ..response import Response


def is_encoded(method: str, reply: Reply) -> bool:
    """Whether the content may have to be decoded; HEAD has none."""
    return method != "HEAD" and b"\ncontent-encoding:" in reply.head.lower()


def decode(method: str, reply: Reply, settings: Settings) -> tuple[Response, bytes]:
    """The response and its content, decoded.

    Raises `httplib2.FailedToDecompressContent`, or what httplib2's LimitDecoder raises
    (`DecodeLimitError`, `DecodeRatioError`) for a body that grows too large.
    """
    response, content = Response.parse(reply.head), b"".join(reply.chunks)
    if content and method != "HEAD":  # of no bytes httplib2 makes a ValueError
        limits = dict(settings.decode_limits)
        content = httplib2._decompressContent(response, content, limits)  # type: ignore[attr-defined]  # not in its types
    return response, content
