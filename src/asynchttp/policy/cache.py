"""The cache (RFC 9111): which responses are stored, served and validated, as in httplib2.

Rules:
- Entries have httplib2's format, so that both libraries can share a cache. httplib2's own functions
  decide what an entry permits.
- An entry is served only to who asked for it. For anybody else the entry is stale (3.5).
- A request with a Host field of its own has no cache: the key is the URL.
- A cache is user code or a disk: every access is a BlockingCall, and a failure loses no answer.
- An entry counts as missing if unreadable, or if the content's length is not Content-Length:
  httplib2 stores responses to HEAD, and a killed process may leave half an entry.
- Equal GETs at the same time are coalesced (4, "collapsed requests"), unless the answer may not be
  used for other requests.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Generator
from email.message import Message
from functools import partial
from typing import Any, NamedTuple

from .. import log
from ..messages.response import Answer, Response
from ..messages.settings import Cache, Settings
from ..messages.step import BlockingCall, Coalesce, Step, StopCoalescing
from ..messages.transfer import Reply
from . import httplib2_rules
from .auth import asker_of, send_with_auth
from .cache_entry import Entry, read_entry, store_entry
from .freshness import disposition
from .wire import Hop

CONDITIONS = frozenset(("if-match", "if-none-match", "if-modified-since", "if-unmodified-since"))
VARYING = re.compile(r"[^\s*]+")  # the name of a field; "*" never matches (RFC 9111, 4.1)


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
    cache = _cache_for(hop, settings)
    entry = None if cache is None else (yield from _prepare(hop, cache, settings))
    if hop.method not in settings.safe_methods and cache is not None:
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
    usable = entry if entry is not None and _may_serve(hop, entry, settings) else None
    if usable is not None and usable.is_for(hop.asker):
        return (yield from _serve(hop, usable, settings))
    if "only-if-cached" in httplib2_rules.cache_control(hop.headers):
        return Fetched(_gateway_timeout(entry, hop), b"")
    if usable is not None:
        return (yield from _serve_others(hop, usable, settings))
    return Fetched(*(yield from _forward(hop, settings)))


def _prepare(
    hop: Hop, cache: Cache, settings: Settings
) -> Generator[BlockingCall, Any, Entry | None]:
    """The entry for a hop; an unsafe method deletes the entry from the cache."""
    hop.asker = asker_of(hop, settings)
    entry: Entry | None = yield BlockingCall(partial(_read, cache, hop))
    if entry is not None:
        _add_precondition(hop, entry, settings)
    if hop.method not in settings.safe_methods:
        yield _change(partial(cache.delete, hop.url), hop.url)  # RFC 9111, 4.4
    return entry


def _forward(hop: Hop, settings: Settings) -> Generator[Step, Any, tuple[Response, bytes]]:
    """Send the request to the server, and store the response if permitted."""
    hop.sent = httplib2_rules.now()
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
    cache = _cache_for(hop, settings)
    if cache is not None:
        change = partial(store_entry, hop.headers, response, content, cache, hop.url)
        yield _change(partial(change, hop.asker, hop.sent), hop.url)


def invalidate(keys: list[str], settings: Settings) -> Generator[BlockingCall, Any, None]:
    """Delete the entries with these keys."""
    for key in keys:
        assert settings.cache is not None  # the keys were found in the cache
        yield _change(partial(settings.cache.delete, key), key)


# Reading and changing the cache.


def _cache_for(hop: Hop, settings: Settings) -> Cache | None:
    """The cache; or None if a Host field of the caller's asks for another resource than the key."""
    is_own_host = hop.headers.get("host", hop.authority).lower() != hop.authority
    return None if is_own_host else settings.cache


def _read(cache: Cache, hop: Hop) -> Entry | None:
    try:
        stored = cache.get(hop.url)
        entry = read_entry(stored) if stored else None
        return None if entry is None or _is_cut_short(entry, hop) else entry
    except Exception as error:  # noqa: BLE001  # a cache may raise and return anything
        log.debug("cannot read the cache entry for %s: %r", hop.url, error)
        return None


def _is_cut_short(entry: Entry, hop: Hop) -> bool:
    length = entry.info.get("content-length")
    return (
        hop.method != "HEAD"
        and length is not None
        and any(int(each) != len(entry.content) for each in length.split(","))  # of equal fields
    )


def _change(change: Callable[[], object], key: str) -> BlockingCall:
    """The call `change`, which changes the entry of `key`."""
    return BlockingCall(partial(_try_change, change, key))


def _try_change(change: Callable[[], object], key: str) -> None:
    """Call `change`. An answer that cannot be stored is an answer nevertheless."""
    try:
        change()
    except Exception as error:  # noqa: BLE001  # a cache may raise anything
        log.warning("cannot change the cache entry for %s: %r", key, error)


# Serving and validating.


def _add_precondition(hop: Hop, entry: Entry, settings: Settings) -> None:
    """Add If-Match, against lost updates (RFC 9110, 13.1.1)."""
    if (
        hop.method in settings.optimistic_concurrency_methods
        and "etag" in entry.info
        and not settings.ignore_etag
        and entry.is_for(hop.asker)
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
    return all(
        VARYING.fullmatch(name) and hop.headers.get(name) == entry.info[f"-varied-{name}"]
        for name in varying
        if name
    )


def _serve(hop: Hop, entry: Entry, settings: Settings) -> Generator[Step, Any, Fetched]:
    if "-x-permanent-redirect-url" in entry.info:
        return Fetched(entry.response(), b"", in_doubt=True)
    found = disposition(entry, hop.headers)
    if found == "FRESH":
        return Fetched(entry.response(), entry.content)
    if found == "STALE":
        _add_validators(hop, entry, settings)
    return (yield from _validate(hop, entry, settings))


def _add_validators(hop: Hop, entry: Entry, settings: Settings) -> None:
    """Make the request conditional (RFC 9111, 4.3.1)."""
    if "etag" in entry.info and not settings.ignore_etag:
        hop.headers.setdefault("if-none-match", entry.info["etag"])
    if "last-modified" in entry.info and "last-modified" not in hop.headers:
        hop.headers["if-modified-since"] = entry.info["last-modified"]


def _validate(hop: Hop, entry: Entry, settings: Settings) -> Generator[Step, Any, Fetched]:
    response, content = yield from _forward(hop, settings)
    if response.status == 304 and hop.method == "GET":
        return (yield from _freshen(hop, entry, response, settings))
    return Fetched(response, content, in_doubt=True)


def _serve_others(hop: Hop, entry: Entry, settings: Settings) -> Generator[Step, Any, Fetched]:
    """Make a request for which the cache has an entry that somebody else asked for.

    The server says whether the entry is the answer, by the entry's ETag alone: two documents may
    have been modified at the same time. A condition of the caller's is about another entry.
    """
    if (
        disposition(entry, hop.headers) == "TRANSPARENT"
        or not CONDITIONS.isdisjoint(hop.headers)
        or hop.method != "GET"
        or "etag" not in entry.info
        or settings.ignore_etag
    ):
        return Fetched(*(yield from _forward(hop, settings)))
    hop.headers["if-none-match"] = entry.info["etag"]
    fetched = yield from _validate(hop, entry, settings)
    return fetched._replace(in_doubt=False)  # the entry is as fresh as before for who asked for it


def _freshen(
    hop: Hop, entry: Entry, not_modified: Response, settings: Settings
) -> Generator[Step, Any, Fetched]:
    """Update the entry with the header fields of a 304, and serve the entry (RFC 9111, 4.3.4)."""
    del entry.info["age"]  # of the stored response: the 304 has the age since validation (4.2.3)
    for name in httplib2_rules.end_to_end(not_modified):
        if name in ("content-length", "content-encoding"):
            continue  # the fields of the stored content, which may be decoded (3.2)
        # httplib2 adds a second field with the same name, and reads the last field.
        entry.info[name] = not_modified[name]
    entry.several.update(not_modified.several)
    response = entry.response()
    vars(response).update({k: v for k, v in vars(not_modified).items() if k == "_stale_digest"})
    yield from store(hop, response, entry.content, settings)
    response.status = 200
    return Fetched(response, entry.content)


def _gateway_timeout(entry: Entry | None, hop: Hop) -> Response:
    """The answer to only-if-cached without a usable entry (RFC 9111, 5.2.1.7)."""
    info = entry.info if entry is not None and entry.is_for(hop.asker) else Message()
    del info["status"]
    info["status"] = "504"
    return Response(info)


# Coalescing.


def coalesce(
    hop: Hop, redirections: int, settings: Settings
) -> Generator[Coalesce, Any, Answer | None]:
    """The answer of an equal request under way, or None if the caller has to make the request."""
    if _cache_for(hop, settings) is None or hop.method != "GET" or hop.body is not None:
        return None
    if _forbids(hop.headers):
        return None
    # An Http's settings are the same object until an attribute changes.
    rest = frozenset(hop.headers.items()), redirections, id(settings)
    answer: Answer | None = yield Coalesce((hop.url, (hop.uri, rest)), _is_shareable)
    return None if answer is None else _copy(answer)


def _is_shareable(answer: Answer) -> bool:
    response = answer.response
    is_unique = "*" in response.get("vary", "")
    return response.status in (200, 203) and not is_unique and not _forbids(response)


def _forbids(headers: dict[str, str]) -> bool:
    """Whether no-store, or no-cache (an answer made for this request), is set (RFC 9111, 5.2)."""
    directives = httplib2_rules.cache_control(headers)
    return "no-store" in directives or "no-cache" in directives


def _copy(answer: Answer) -> Answer:
    response = copy.deepcopy(answer.response)
    response.fromcache = True
    return Answer.of(response, answer.content)
