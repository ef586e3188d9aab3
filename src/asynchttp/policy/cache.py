"""The cache (RFC 9111): what is kept, what is used again, what is asked for anew, as in httplib2.

Rules:
- Entries are httplib2's, byte for byte, so that both can share them. What they mean is decided by
  httplib2's own functions.
- The cache is the user's or a disk: every access is an BlockingCall.
- An entry that cannot be read is none; nor is one whose content is not as long as it says: of a
  HEAD, which httplib2 keeps, or of a process that was killed.
- The same GETs at the same time are one (4, on collapsed requests), unless the answer may not be
  used for another.
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
from .auth import ask
from .cache_entry import store
from .wire import Hop


class Entry(NamedTuple):
    """What is kept of a response."""

    info: httplib2_rules.Fields
    content: bytes


class Fetched(NamedTuple):
    """A response to one step, from wherever it came."""

    response: Response
    content: bytes
    was_known: bool = False
    """Whether the cache had something that the network was asked about."""


def fetch(hop: Hop, settings: Settings, reply: Reply | None) -> Generator[Step, Any, Fetched]:
    """The response to a step, from the cache or the network; `reply` if that has come already."""
    if reply is not None:
        return Fetched(*(yield from ask(hop, settings, reply)))
    entry = None if settings.cache is None else (yield from _look_up(hop, settings.cache, settings))
    if hop.method not in settings.safe_methods and settings.cache is not None:
        fetched = yield from _change(hop, entry, settings)
        return fetched
    return (yield from _look(hop, entry, settings))


def _change(hop: Hop, entry: Entry | None, settings: Settings) -> Generator[Step, Any, Fetched]:
    """By an unsafe method: a GET from now on, and one after it, is not one from before it."""
    yield StopCoalescing(hop.url)
    fetched = yield from _look(hop, entry, settings)
    yield StopCoalescing(hop.url)
    return fetched


def _look(hop: Hop, entry: Entry | None, settings: Settings) -> Generator[Step, Any, Fetched]:
    if entry is not None and _may_serve(hop, entry, settings):
        return (yield from _reuse(hop, entry, settings))
    if "only-if-cached" in httplib2_rules.cache_control(hop.headers):
        return Fetched(_gateway_timeout(entry), b"")
    return Fetched(*(yield from _load(hop, settings)))


def _look_up(
    hop: Hop, cache: Cache, settings: Settings
) -> Generator[BlockingCall, Any, Entry | None]:
    entry: Entry | None = yield BlockingCall(partial(_read, cache, hop))
    if entry is not None:
        _expect_unchanged(hop, entry, settings)
    if hop.method not in settings.safe_methods:
        yield BlockingCall(partial(cache.delete, hop.url))  # RFC 9111, 4.4
    return entry


def _load(hop: Hop, settings: Settings) -> Generator[Step, Any, tuple[Response, bytes]]:
    """From the network, and into the cache if it may be kept."""
    response, content = yield from ask(hop, settings)
    if response.status in (200, 203) and hop.method in settings.safe_methods:
        response.setdefault("content-location", hop.uri)
        if hop.method != "HEAD":  # it would be taken for what a GET is answered
            yield from keep(hop, response, content, settings)
    return response, content


def keep(
    hop: Hop, response: Response, content: bytes, settings: Settings
) -> Generator[BlockingCall, Any, None]:
    """Keep a response for the next time, unless it forbids that."""
    if settings.cache is not None:
        yield BlockingCall(partial(store, hop.headers, response, content, settings.cache, hop.url))


def forget(keys: list[str], settings: Settings) -> Generator[BlockingCall, Any, None]:
    """The network said something else than what was kept."""
    for key in keys:
        assert settings.cache is not None  # that is where they were
        yield BlockingCall(partial(settings.cache.delete, key))


# Reading.


def _read(cache: Cache, hop: Hop) -> Entry | None:
    try:
        kept = cache.get(hop.url)
        return _parse(kept, hop) if kept else None
    except Exception as error:  # noqa: BLE001  # whatever is wrong with it
        log.debug("no use in what is kept of %s: %r", hop.url, error)
        return None


def _parse(kept: bytes, hop: Hop) -> Entry | None:
    head, content = kept.split(b"\r\n\r\n", 1)
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


# What an entry is good for.


def _expect_unchanged(hop: Hop, entry: Entry, settings: Settings) -> None:
    """Against lost updates (RFC 9110, 13.1.1)."""
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
    """Whether it was an answer to such a request (RFC 9111, 4.1)."""
    varying = entry.info.get("vary", "").lower().replace(" ", "").split(",")
    return all(hop.headers.get(name) == entry.info[f"-varied-{name}"] for name in varying if name)


def _reuse(hop: Hop, entry: Entry, settings: Settings) -> Generator[Step, Any, Fetched]:
    if "-x-permanent-redirect-url" in entry.info:
        return Fetched(_from(entry), b"", was_known=True)
    disposition = httplib2_rules.disposition(entry.info, hop.headers)
    if disposition == "FRESH":
        return Fetched(_from(entry), entry.content)
    if disposition == "STALE":
        _ask_whether_changed(hop, entry, settings)
    response, content = yield from _load(hop, settings)
    if response.status == 304 and hop.method == "GET":
        return (yield from _confirmed(hop, entry, response, settings))
    return Fetched(response, content, was_known=True)


def _ask_whether_changed(hop: Hop, entry: Entry, settings: Settings) -> None:
    """RFC 9111, 4.3.1."""
    if "etag" in entry.info and not settings.ignore_etag:
        hop.headers.setdefault("if-none-match", entry.info["etag"])
    if "last-modified" in entry.info and "last-modified" not in hop.headers:
        hop.headers["if-modified-since"] = entry.info["last-modified"]


def _confirmed(
    hop: Hop, entry: Entry, news: Response, settings: Settings
) -> Generator[Step, Any, Fetched]:
    """What is kept is still good, and has new header fields (RFC 9111, 4.3.4)."""
    for name in httplib2_rules.end_to_end(news):
        if name == "content-length":
            continue  # of what is kept (3.2)
        # httplib2 adds a second field of the name, and reads the last of them.
        entry.info[name] = news[name]
    response = _from(entry)
    vars(response).update({k: v for k, v in vars(news).items() if k == "_stale_digest"})
    yield from keep(hop, response, entry.content, settings)
    response.status = 200
    return Fetched(response, entry.content)


def _from(entry: Entry) -> Response:
    response = Response(entry.info)
    response.fromcache = True
    return response


def _gateway_timeout(entry: Entry | None) -> Response:
    """RFC 9111, 5.2.1.7."""
    info = Message() if entry is None else entry.info
    del info["status"]
    info["status"] = "504"
    return Response(info)


# The same at the same time.


def share(
    hop: Hop, redirections: int, settings: Settings
) -> Generator[Coalesce, Any, Answer | None]:
    """The answer of a request that is the same and under way; None if there is none to use."""
    if settings.cache is None or hop.method != "GET" or hop.body is not None:
        return None
    if _forbids(hop.headers):
        return None
    # An Http's settings are the same object until an attribute changes.
    rest = frozenset(hop.headers.items()), redirections, id(settings)
    answer: Answer | None = yield Coalesce((hop.url, (hop.uri, rest)), _may_be_shared)
    return None if answer is None else _copy(answer)


def _may_be_shared(answer: Answer) -> bool:
    return answer.response.status in (200, 203) and not _forbids(answer.response)


def _forbids(headers: dict[str, str]) -> bool:
    """RFC 9111, 5.2: no-store, and no-cache, which asks for an answer of one's own."""
    directives = httplib2_rules.cache_control(headers)
    return "no-store" in directives or "no-cache" in directives


def _copy(answer: Answer) -> Answer:
    response = copy.deepcopy(answer.response)
    response.fromcache = True
    return Answer.of(response, answer.content)
