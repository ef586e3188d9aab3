"""The core's arguments for a Transfer: a plan, a URL, a body.

A plan has a profile, a route and header lines. Plans are cached, since most transfers differ only
in the URL. curl_options.py decides about the options.
"""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from typing import NamedTuple

import httplib2

from .. import _core, log
from ..messages.body import Body
from ..messages.settings import DecodeLimits, Tls
from ..messages.transfer import Proxy, Transfer
from .curl_options import body_mode_of, lines_and_length, profile_options, route_to
from .extension_points import is_function_of
from .libcurl import find_libcurl
from .memory import raise_trim_threshold

find_libcurl()
raise_trim_threshold()

# Flags of core.h: TRANSFER_...
DECODE, READ_BODY, ON_NEW_CONNECTION, TELL_CONNECTED, TRACE, RESOLVE_BY_EVENT = (
    1 << bit for bit in range(6)
)

HAS_KEY_LOG = bool(os.environ.get("SSLKEYLOGFILE"))  # which libcurl reads when it is loaded

# The original function, or None where a program has replaced the function before the import.
_getaddrinfo = socket.getaddrinfo if is_function_of(socket, socket.getaddrinfo) else None


@lru_cache(maxsize=256)
def _profile(
    method: str, body_mode: str, timeout: float | None, tls: Tls | None, proxy: Proxy | None
) -> _core.Profile:
    if tls is not None and HAS_KEY_LOG:
        log.warn_once("SSLKEYLOGFILE is set: the keys of all TLS connections are written to a file")
    return _core.Profile(profile_options(method, body_mode, timeout, tls, proxy))


@lru_cache(maxsize=1024)
def _route(authority: str, is_https: bool, proxy: Proxy | None, looks_up_all: bool) -> _core.Route:
    return _core.Route(*route_to(authority, is_https, proxy, looks_up_all))


@lru_cache(maxsize=1024)
def _headers(lines: tuple[bytes, ...]) -> _core.Headers:
    return _core.Headers(lines)


@lru_cache(maxsize=1024)
def _plan(
    method: str,
    body_mode: str,
    authority: str,
    lines: tuple[bytes, ...],
    timeout: float | None,
    tls: Tls | None,
    proxy: Proxy | None,
    limits: DecodeLimits,
    statuses: bytes,
    looks_up_all: bool,
) -> _core.Plan:
    return _core.Plan(
        _profile(method, body_mode, timeout, tls, proxy),
        _route(authority, tls is not None, proxy, looks_up_all),
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
    def has_events(self) -> bool:
        """Whether the transfer has events before its end, or a file to close at the end."""
        return bool(self.flags & (READ_BODY | TELL_CONNECTED | TRACE))


def prepare(transfer: Transfer, statuses: bytes) -> Prepared:
    """The core's arguments for a transfer; `statuses`: see `exchange.policy_statuses`.

    Raises `ValueError` and `UnicodeError` for values that libcurl cannot take.
    """
    lines, size = lines_and_length(transfer)
    plan = _plan(
        transfer.method,
        body_mode_of(transfer),
        transfer.authority,
        lines,
        transfer.timeout,
        transfer.tls,
        transfer.proxy,
        transfer.decode_limits,
        statuses,
        not _is_getaddrinfo_original(),
    )
    body = transfer.body
    content = body.content if body is not None and body.in_memory else None
    return Prepared(plan, transfer.url, _flags(transfer, body), content, size)


def needs_no_flags() -> bool:
    """Whether `httplib2.debuglevel` is 0 and `socket.getaddrinfo` is the original function."""
    return not httplib2.debuglevel and socket.getaddrinfo is _getaddrinfo


def _is_getaddrinfo_original() -> bool:
    """Otherwise the program's function is called for addresses, too, as httplib2 calls it."""
    return socket.getaddrinfo is _getaddrinfo


def _flags(transfer: Transfer, body: Body | None) -> int:
    return (
        (READ_BODY if body is not None and not body.in_memory else 0)
        | (ON_NEW_CONNECTION if transfer.on_new_connection else 0)
        | (TELL_CONNECTED if log.debug_enabled() else 0)
        | (TRACE if httplib2.debuglevel else 0)
        | (0 if _is_getaddrinfo_original() else RESOLVE_BY_EVENT)
    )
