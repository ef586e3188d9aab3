"""Proxies: which one a step goes through, as httplib2 with PySocks does.

Rules:
- A proxy callable is the user's and may block: an Errand, for each step. The environment is read
  here, when it is first needed.
- An HTTP proxy is asked for a tunnel, for http URLs too (PROXY_TYPE_HTTP_NO_TUNNEL is not).
"""

from __future__ import annotations

from collections.abc import Generator
from functools import partial
from typing import Any

from ..model import Errand, Proxy, Settings
from . import oracle
from .transfer import Hop

# PySocks's numbers, which a ProxyInfo has; and whether the proxy looks names up.
SCHEMES = {
    (1, False): "socks4",
    (1, True): "socks4a",
    (2, False): "socks5",
    (2, True): "socks5h",
    (3, False): "http",
    (3, True): "http",
    (4, False): "http",
    (4, True): "http",
}
NO_TUNNEL = 4


def proxy_for(hop: Hop, settings: Settings) -> Generator[Errand, Any, Proxy | None]:
    """The proxy that `settings.proxy_info` names for a step; None to go there directly."""
    info = settings.proxy_info
    if settings.proxies is not None:
        return from_environment(hop, settings.proxies)
    if callable(info):
        info = yield Errand(partial(info, hop.scheme))
    return _proxy(hop, info) if info is not None else None


def from_environment(hop: Hop, known: dict[str, Any]) -> Proxy | None:  # Any: as below
    """The proxy that the environment names: http_proxy, https_proxy, no_proxy.

    `known`: what it said before, by scheme; httplib2 asks it once for each connection.
    """
    if hop.scheme not in known:
        known[hop.scheme] = oracle.proxy_info_from_environment(hop.scheme)
    info = known[hop.scheme]
    return None if info is None else _proxy(hop, info)


def _proxy(hop: Hop, info: Any) -> Proxy | None:  # Any: a ProxyInfo, which has no types
    # Not info.isgood(): without PySocks it says no, and libcurl needs none.
    if info.proxy_host is None or info.proxy_port is None or not info.applies_to(_name(hop)):
        return None
    scheme = SCHEMES.get((info.proxy_type, bool(info.proxy_rdns)))
    if scheme is None:
        raise ValueError(f"proxy_info: proxy_type has to be 1 to 4, not {info.proxy_type!r}")
    return Proxy(
        scheme,
        info.proxy_type != NO_TUNNEL,
        info.proxy_host,
        int(info.proxy_port),
        info.proxy_user,
        info.proxy_pass,
        _lines(info.proxy_headers or {}),
    )


def _lines(headers: dict[str, str]) -> tuple[bytes, ...]:
    return tuple(f"{name}: {value}".encode("latin-1") for name, value in headers.items())


def _name(hop: Hop) -> str:
    """The host, without its port."""
    name, colon, port = hop.authority.rpartition(":")
    return (name if colon and port.isdigit() else hop.authority).strip("[]")
