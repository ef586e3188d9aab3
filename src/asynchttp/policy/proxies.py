"""Proxies: the proxy for each hop, chosen as httplib2 with PySocks chooses.

Rules:
- A proxy callable is user code and may block: a BlockingCall for each hop. The environment is read
  without a BlockingCall, once for each scheme.
- An HTTP proxy makes a tunnel (CONNECT), for http URLs too. The CONNECT has no fields but Host and
  the password: httplib2 does not send `proxy_headers` either.
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

# By `proxy_type` (PySocks's numbers) and `proxy_rdns` (whether the proxy resolves names).
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
    """The proxy for a hop by `settings.proxy_info`, or None for a direct connection."""
    info = settings.proxy_info
    if settings.proxies is not None:
        return from_environment(hop, settings.proxies)
    if info is not None and not isinstance(info, httplib2.ProxyInfo):
        info = yield BlockingCall(partial(info, hop.scheme))  # TypeError if not callable
    return _proxy(hop, info) if info else None


def from_environment(hop: Hop, known: dict[str, Any]) -> Proxy | None:  # Any: as below
    """The proxy by the variables http_proxy, https_proxy and no_proxy.

    `known`: earlier results by scheme; httplib2 reads the environment once for each connection.
    """
    if hop.scheme not in known:
        known[hop.scheme] = httplib2_rules.proxy_info_from_environment(hop.scheme)
    info = known[hop.scheme]
    return None if info is None else _proxy(hop, info)


def _proxy(hop: Hop, info: Any) -> Proxy | None:  # Any: a ProxyInfo, which has no types
    # info.isgood() would be false without PySocks, which libcurl does not need.
    if info.proxy_host is None or info.proxy_port is None or not info.applies_to(_host(hop)):
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
    """The scheme as libcurl names it. Raises KeyError for an unknown type, as PySocks does."""
    if info.proxy_type == 1 and IPV4.fullmatch(_host(hop)):
        return "socks4"  # no name to resolve
    return SCHEMES[info.proxy_type, bool(info.proxy_rdns)]


def _host(hop: Hop) -> str:
    """The host without port and brackets."""
    name, colon, port = hop.authority.rpartition(":")
    return (name if colon and port.isdigit() else hop.authority).strip("[]")
