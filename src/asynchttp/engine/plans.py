"""From a Transfer to what the core is given: a plan, a URL, a body.

Plans, with their profiles, routes and header lines, are kept for the transfers that follow: most
differ in nothing but the URL. Decisions about options are in options.py.
"""

from __future__ import annotations

import socket
from functools import lru_cache
from typing import NamedTuple

import httplib2

from .. import _core, log
from ..messages.body import Body
from ..messages.settings import DecodeLimits, Tls
from ..messages.transfer import Proxy, Transfer
from .curl_options import lines_and_length, profile_options, sending_of, way_to
from .libcurl import find_libcurl
from .memory import keep_for_bodies

find_libcurl()
keep_for_bodies()

# Flags of core.h: TRANSFER_...
DECODE, READ_BODY, ON_NEW_CONNECTION, TELL_CONNECTED, TRACE, RESOLVE_BY_EVENT = (
    1 << bit for bit in range(6)
)

_getaddrinfo = socket.getaddrinfo  # a program may put its own in its place


@lru_cache(maxsize=256)
def _profile(
    method: str, sending: str, timeout: float | None, tls: Tls | None, proxy: Proxy | None
) -> _core.Profile:
    return _core.Profile(profile_options(method, sending, timeout, tls, proxy))


@lru_cache(maxsize=1024)
def _route(authority: str, is_https: bool, proxy: Proxy | None) -> _core.Route:
    return _core.Route(*way_to(authority, is_https, proxy))


@lru_cache(maxsize=1024)
def _headers(lines: tuple[bytes, ...]) -> _core.Headers:
    return _core.Headers(lines)


@lru_cache(maxsize=1024)
def _plan(
    method: str,
    sending: str,
    authority: str,
    lines: tuple[bytes, ...],
    timeout: float | None,
    tls: Tls | None,
    proxy: Proxy | None,
    limits: DecodeLimits,
    statuses: bytes,
) -> _core.Plan:
    return _core.Plan(
        _profile(method, sending, timeout, tls, proxy),
        _route(authority, tls is not None, proxy),
        _headers(lines),
        timeout,
        DECODE if method != "HEAD" else 0,
        limits,
        statuses,
    )


class Prepared(NamedTuple):
    """The arguments of `_core.Work._set_transfer`."""

    plan: _core.Plan
    url: str
    flags: int
    body: bytes | None
    size: int

    @property
    def wants_events(self) -> bool:
        """Whether the transfer has events besides its end, or something to give back then."""
        return bool(self.flags & (READ_BODY | TELL_CONNECTED | TRACE))


def prepare(transfer: Transfer, statuses: bytes) -> Prepared:
    """What the core needs to make `transfer`; `statuses`: those that policy wants to see.

    Raises `ValueError`, `UnicodeError` and the like for what libcurl cannot be told.
    """
    lines, size = lines_and_length(transfer)
    plan = _plan(
        transfer.method,
        sending_of(transfer),
        transfer.authority,
        lines,
        transfer.timeout,
        transfer.tls,
        transfer.proxy,
        transfer.decode_limits,
        statuses,
    )
    body = transfer.body
    content = body.content if body is not None and body.in_memory else None
    return Prepared(plan, transfer.url, _flags(transfer, body), content, size)


def is_usual() -> bool:
    """Whether neither `httplib2.debuglevel` nor a replaced `socket.getaddrinfo` needs a flag."""
    return not httplib2.debuglevel and socket.getaddrinfo is _getaddrinfo


def _flags(transfer: Transfer, body: Body | None) -> int:
    return (
        (READ_BODY if body is not None and not body.in_memory else 0)
        | (ON_NEW_CONNECTION if transfer.on_new_connection else 0)
        | (TELL_CONNECTED if log.debug_enabled() else 0)
        | (TRACE if httplib2.debuglevel else 0)
        | (RESOLVE_BY_EVENT if socket.getaddrinfo is not _getaddrinfo else 0)
    )
