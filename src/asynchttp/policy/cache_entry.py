"""Entries of the cache in httplib2's format, byte for byte, so that both libraries share a cache.

httplib2 writes the header fields with `email`, which spends 0.1 ms for each response on folding
lines. Where no line is long enough to be folded, this file writes the same bytes; httplib2 writes
all other entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ..messages.response import Response
from ..messages.settings import Cache
from . import httplib2_rules

_LINE = re.compile(r"[!-9;-~]+: [!-~](?:[ -~]{0,74}[!-~])?")  # a line that `email` would not encode
_LONGEST = 76  # characters: `email` may fold longer lines
_ABOUT_THE_COPY = frozenset(("status", "content-encoding", "transfer-encoding"))


def store_entry(
    headers: dict[str, str], response: Response, content: bytes, cache: Cache, key: str
) -> None:
    """Store the response under `key`; delete the entry where the request (whose fields are
    `headers`) or the response forbids storing (RFC 9111, 5.2.1.5 and 5.2.2.5).
    """
    lines = None if _forbids(headers, response) else _lines(headers, response)
    if lines is None:
        httplib2_rules.update_cache(headers, response, content, cache, key)
    else:
        cache.set(key, "\r\n".join((*lines, "", "")).encode() + content)


def _forbids(headers: Mapping[str, str], response: Response) -> bool:
    return any("no-store" in httplib2_rules.cache_control(fields) for fields in (headers, response))


def _lines(headers: Mapping[str, str], response: Response) -> list[str] | None:
    """The lines of the head, or None if httplib2 has to write the entry."""
    status = 200 if response.status == 304 else response.status
    lines = [f"{name}: {value}" for name, value in _fields(headers, response)]
    is_simple = all(len(line) <= _LONGEST and _LINE.fullmatch(line) for line in lines)
    return [f"status: {status}", *lines] if is_simple and not _has_parts(response) else None


def _fields(headers: Mapping[str, str], response: Response) -> Iterator[tuple[str, str]]:
    """The fields of the response, and the request's fields named by Vary (RFC 9111, 4.1)."""
    yield from (item for item in response.items() if item[0] not in _ABOUT_THE_COPY)
    for name in response.get("vary", "").lower().replace(" ", "").split(","):
        if name in headers:
            yield f"-varied-{name}", headers[name]


def _has_parts(response: Response) -> bool:
    """Whether `email` would write parts after the head."""
    return response.get("content-type", "").lstrip().lower().startswith(("multipart", "message"))
