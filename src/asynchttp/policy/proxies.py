"""Proxies: which one a step goes through, as httplib2 with PySocks does.

Rules:
- A proxy callable is the user's and may block: a BlockingCall, for each step. The environment is
  read here, when it is first needed.
- An HTTP proxy is asked for a tunnel, for http URLs too. It is told nothing but that and a
  password: httplib2 does not send `proxy_headers` either.
"""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import partial
from typing import Any

import httplib2

from ..messages.settings import Settings
from ..messages.step import BlockingCall
from ..messages.transfer import Proxy
from . import httplib2_rules
from .wire import Hop

# By PySocks's numbers, which a ProxyInfo has; and whether the proxy looks names up.
SCHEMES = {
    (1, False): "socks4",
    (1, True): "socks4a",
    (2, False): "socks5",
    (2, True): "socks5h",
    (3, False): "http",
    (3, True): "http",
}
IPV4 = re.compile(r"\d+\.\d+\.\d+\.\d+")
DEFAULT_PORTS = {1: 1080, 2: 1080, 3: 8080}


def proxy_for(hop: Hop, settings: Settings) -> Generator[BlockingCall, Any, Proxy | None]:
    """The proxy that `settings.proxy_info` names for a step; None to go there directly."""
    info = settings.proxy_info
    if settings.proxies is not None:
        return from_environment(hop, settings.proxies)
    if info is not None and not isinstance(info, httplib2.ProxyInfo):
        info = yield BlockingCall(partial(info, hop.scheme))  # TypeError if it cannot be called
    return _proxy(hop, info) if info else None


def from_environment(hop: Hop, known: dict[str, Any]) -> Proxy | None:  # Any: as below
    """The proxy that the environment names: http_proxy, https_proxy, no_proxy.

    `known`: what it said before, by scheme; httplib2 asks it once for each connection.
    """
    if hop.scheme not in known:
        known[hop.scheme] = httplib2_rules.proxy_info_from_environment(hop.scheme)
    info = known[hop.scheme]
    return None if info is None else _proxy(hop, info)


def _proxy(hop: Hop, info: Any) -> Proxy | None:  # Any: a ProxyInfo, which has no types
    # Not info.isgood(): without PySocks it says no, and libcurl needs none.
    if info.proxy_host is None or info.proxy_port is None or not info.applies_to(_name(hop)):
        return None
    if info.proxy_type is None:
        return None
    return Proxy(
        _scheme(hop, info),
        info.proxy_host,
        int(info.proxy_port) or DEFAULT_PORTS[info.proxy_type],
        info.proxy_user,
        info.proxy_pass,
    )


def _scheme(hop: Hop, info: Any) -> str:  # Any: as above
    """Raises KeyError for what is no kind of proxy, as PySocks does."""
    if info.proxy_type == 1 and IPV4.fullmatch(_name(hop)):
        return "socks4"  # there is no name to look up
    return SCHEMES[info.proxy_type, bool(info.proxy_rdns)]


def _name(hop: Hop) -> str:
    """The host, without its port."""
    name, colon, port = hop.authority.rpartition(":")
    return (name if colon and port.isdigit() else hop.authority).strip("[]")
