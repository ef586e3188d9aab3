"""Entries of the cache, as httplib2 writes them, byte for byte, so that both can share a cache.

httplib2 has `email` write the fields, which looks for the best place to fold each line: a tenth of
a millisecond for an answer. Where no line is long enough to be folded, the same bytes are written
here; all other entries are written by httplib2.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..messages.response import Response
from ..messages.settings import Cache
from . import httplib2_rules

_LINE = re.compile(r"[!-9;-~]+: [!-~](?:[ -~]{0,74}[!-~])?")  # nothing for `email` to encode
_LONGEST = 76  # characters: `email` may fold longer lines
_ABOUT_THE_COPY = frozenset(("status", "content-encoding", "transfer-encoding"))


def store(
    headers: dict[str, str], response: Response, content: bytes, cache: Cache, key: str
) -> None:
    """Store the response to a request with these header fields, or delete the entry where the
    request or the response forbids to store (RFC 9111, 5.2.1.5 and 5.2.2.5).
    """
    lines = None if _forbids(headers, response) else _lines(headers, response)
    if lines is None:
        httplib2_rules.update_cache(headers, response, content, cache, key)
    else:
        cache.set(key, "\r\n".join((*lines, "", "")).encode() + content)


def _forbids(headers: Mapping[str, str], response: Response) -> bool:
    return any("no-store" in httplib2_rules.cache_control(fields) for fields in (headers, response))


def _lines(headers: Mapping[str, str], response: Response) -> list[str] | None:
    """The lines of the head; None where only httplib2 writes them right."""
    status = 200 if response.status == 304 else response.status
    lines = [f"{name}: {value}" for name, value in _fields(headers, response)]
    is_simple = all(len(line) <= _LONGEST and _LINE.fullmatch(line) for line in lines)
    return [f"status: {status}", *lines] if is_simple and not _has_parts(response) else None


def _fields(headers: Mapping[str, str], response: Response) -> Iterator[tuple[str, str]]:
    """The fields of the response, and those of the request that the response varies by."""
    yield from (item for item in response.items() if item[0] not in _ABOUT_THE_COPY)
    for name in response.get("vary", "").lower().replace(" ", "").split(","):
        if name in headers:
            yield f"-varied-{name}", headers[name]


def _has_parts(response: Response) -> bool:
    """Whether `email` writes more than a head for such a type."""
    return response.get("content-type", "").lstrip().lower().startswith(("multipart", "message"))
