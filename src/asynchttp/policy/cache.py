"""The cache (RFC 9111): which responses are stored, served and validated, as in httplib2.

Rules:
- Entries have httplib2's format, byte for byte, so that both libraries can share a cache.
  httplib2's own functions decide what an entry permits.
- A cache is user code or a disk: every access is a BlockingCall.
- An entry counts as missing if unreadable, or if the content's length is not Content-Length:
  httplib2 stores responses to HEAD, and a killed process may leave half an entry.
- Equal GETs at the same time are coalesced (4, "collapsed requests"), unless the answer may not be
  used for other requests.
"""

from __future__ import annotations

import copy
import email
import email.header
from collections.abc import Generator
from email.message import Message
from functools import partial
from typing import Any, NamedTuple

from .. import log
from ..messages.response import Answer, Response
from ..messages.settings import Cache, Settings
from ..messages.step import BlockingCall, Coalesce, Step, StopCoalescing
from ..messages.transfer import Reply
from . import httplib2_rules
from .auth import send_with_auth
from .cache_entry import store_entry
from .wire import Hop


class Entry(NamedTuple):
    """A stored response."""

    info: httplib2_rules.Fields
    content: bytes


class Fetched(NamedTuple):
    """The response to one hop, from the cache or the network."""

    response: Response
    content: bytes
    in_doubt: bool = False
    """Whether the cache has an entry that was neither fresh nor validated. The entry is invalidated
    if the request does not end with status 200.
    """


def fetch(hop: Hop, settings: Settings, reply: Reply | None) -> Generator[Step, Any, Fetched]:
    """The response to a hop; `reply`: the network's reply, if already received."""
    if reply is not None:
        return Fetched(*(yield from send_with_auth(hop, settings, reply)))
    entry = None if settings.cache is None else (yield from _prepare(hop, settings.cache, settings))
    if hop.method not in settings.safe_methods and settings.cache is not None:
        fetched = yield from _fetch_unsafe(hop, entry, settings)
        return fetched
    return (yield from _serve_or_forward(hop, entry, settings))


def _fetch_unsafe(
    hop: Hop, entry: Entry | None, settings: Settings
) -> Generator[Step, Any, Fetched]:
    """Send an unsafe request. A GET made during or after the request must not be coalesced with a
    GET made before: the resource may change at any moment in between.
    """
    yield StopCoalescing(hop.url)
    fetched = yield from _serve_or_forward(hop, entry, settings)
    yield StopCoalescing(hop.url)
    return fetched


def _serve_or_forward(
    hop: Hop, entry: Entry | None, settings: Settings
) -> Generator[Step, Any, Fetched]:
    if entry is not None and _may_serve(hop, entry, settings):
        return (yield from _serve(hop, entry, settings))
    if "only-if-cached" in httplib2_rules.cache_control(hop.headers):
        return Fetched(_gateway_timeout(entry), b"")
    return Fetched(*(yield from _forward(hop, settings)))


def _prepare(
    hop: Hop, cache: Cache, settings: Settings
) -> Generator[BlockingCall, Any, Entry | None]:
    """The entry for a hop; an unsafe method deletes the entry from the cache."""
    entry: Entry | None = yield BlockingCall(partial(_read, cache, hop))
    if entry is not None:
        _add_precondition(hop, entry, settings)
    if hop.method not in settings.safe_methods:
        yield BlockingCall(partial(cache.delete, hop.url))  # RFC 9111, 4.4
    return entry


def _forward(hop: Hop, settings: Settings) -> Generator[Step, Any, tuple[Response, bytes]]:
    """Send the request to the server, and store the response if permitted."""
    response, content = yield from send_with_auth(hop, settings)
    if response.status in (200, 203) and hop.method in settings.safe_methods:
        response.setdefault("content-location", hop.uri)
        if hop.method != "HEAD":  # a later GET would be served the empty content
            yield from store(hop, response, content, settings)
    return response, content


def store(
    hop: Hop, response: Response, content: bytes, settings: Settings
) -> Generator[BlockingCall, Any, None]:
    """Store a response in the cache, unless request or response forbids storing."""
    cache = settings.cache
    if cache is not None:
        yield BlockingCall(partial(store_entry, hop.headers, response, content, cache, hop.url))


def invalidate(keys: list[str], settings: Settings) -> Generator[BlockingCall, Any, None]:
    """Delete the entries with these keys."""
    for key in keys:
        assert settings.cache is not None  # the keys were found in the cache
        yield BlockingCall(partial(settings.cache.delete, key))


# Reading.


def _read(cache: Cache, hop: Hop) -> Entry | None:
    try:
        stored = cache.get(hop.url)
        return _parse(stored, hop) if stored else None
    except Exception as error:  # noqa: BLE001  # a cache may raise and return anything
        log.debug("cannot read the cache entry for %s: %r", hop.url, error)
        return None


def _parse(stored: bytes, hop: Hop) -> Entry | None:
    head, content = stored.split(b"\r\n\r\n", 1)
    info = email.message_from_bytes(head)
    for name, value in info.items():
        if value.startswith("=?") and value.endswith("?="):
            text, charset = email.header.decode_header(value)[0]
            info.replace_header(name, text if charset is None else str(text, charset))
    int(info["status"])
    length = info.get("content-length")
    if hop.method != "HEAD" and length is not None and int(length) != len(content):
        return None
    return Entry(info, content)


# Serving and validating.


def _add_precondition(hop: Hop, entry: Entry, settings: Settings) -> None:
    """Add If-Match, against lost updates (RFC 9110, 13.1.1)."""
    if (
        hop.method in settings.optimistic_concurrency_methods
        and "etag" in entry.info
        and not settings.ignore_etag
    ):
        hop.headers.setdefault("if-match", entry.info["etag"])


def _may_serve(hop: Hop, entry: Entry, settings: Settings) -> bool:
    if hop.method in settings.safe_methods and not _matches(hop, entry):
        return False
    return (
        hop.method in settings.safe_methods or entry.info["status"] == "308"
    ) and "range" not in hop.headers


def _matches(hop: Hop, entry: Entry) -> bool:
    """Whether the fields that the entry varies by are the same (RFC 9111, 4.1)."""
    varying = entry.info.get("vary", "").lower().replace(" ", "").split(",")
    return all(hop.headers.get(name) == entry.info[f"-varied-{name}"] for name in varying if name)


def _serve(hop: Hop, entry: Entry, settings: Settings) -> Generator[Step, Any, Fetched]:
    if "-x-permanent-redirect-url" in entry.info:
        return Fetched(_from(entry), b"", in_doubt=True)
    disposition = httplib2_rules.disposition(entry.info, hop.headers)
    if disposition == "FRESH":
        return Fetched(_from(entry), entry.content)
    if disposition == "STALE":
        _add_validators(hop, entry, settings)
    response, content = yield from _forward(hop, settings)
    if response.status == 304 and hop.method == "GET":
        return (yield from _freshen(hop, entry, response, settings))
    return Fetched(response, content, in_doubt=True)


def _add_validators(hop: Hop, entry: Entry, settings: Settings) -> None:
    """Make the request conditional (RFC 9111, 4.3.1)."""
    if "etag" in entry.info and not settings.ignore_etag:
        hop.headers.setdefault("if-none-match", entry.info["etag"])
    if "last-modified" in entry.info and "last-modified" not in hop.headers:
        hop.headers["if-modified-since"] = entry.info["last-modified"]


def _freshen(
    hop: Hop, entry: Entry, not_modified: Response, settings: Settings
) -> Generator[Step, Any, Fetched]:
    """Update the entry with the header fields of a 304, and serve the entry (RFC 9111, 4.3.4)."""
    for name in httplib2_rules.end_to_end(not_modified):
        if name == "content-length":
            continue  # stays the stored content's length (3.2)
        # httplib2 adds a second field with the same name, and reads the last field.
        entry.info[name] = not_modified[name]
    response = _from(entry)
    vars(response).update({k: v for k, v in vars(not_modified).items() if k == "_stale_digest"})
    yield from store(hop, response, entry.content, settings)
    response.status = 200
    return Fetched(response, entry.content)


def _from(entry: Entry) -> Response:
    response = Response(entry.info)
    response.fromcache = True
    return response


def _gateway_timeout(entry: Entry | None) -> Response:
    """The answer to only-if-cached without a usable entry (RFC 9111, 5.2.1.7)."""
    info = Message() if entry is None else entry.info
    del info["status"]
    info["status"] = "504"
    return Response(info)


# Coalescing.


def coalesce(
    hop: Hop, redirections: int, settings: Settings
) -> Generator[Coalesce, Any, Answer | None]:
    """The answer of an equal request under way, or None if the caller has to make the request."""
    if settings.cache is None or hop.method != "GET" or hop.body is not None:
        return None
    if _forbids(hop.headers):
        return None
    # An Http's settings are the same object until an attribute changes.
    rest = frozenset(hop.headers.items()), redirections, id(settings)
    answer: Answer | None = yield Coalesce((hop.url, (hop.uri, rest)), _is_shareable)
    return None if answer is None else _copy(answer)


def _is_shareable(answer: Answer) -> bool:
    return answer.response.status in (200, 203) and not _forbids(answer.response)


def _forbids(headers: dict[str, str]) -> bool:
    """Whether no-store, or no-cache (an answer made for this request), is set (RFC 9111, 5.2)."""
    directives = httplib2_rules.cache_control(headers)
    return "no-store" in directives or "no-cache" in directives


def _copy(answer: Answer) -> Answer:
    response = copy.deepcopy(answer.response)
    response.fromcache = True
    return Answer.of(response, answer.content)
