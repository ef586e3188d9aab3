"""Proxies: the proxy for each hop, chosen as httplib2 with PySocks chooses. Of the environment we
understand more: all_proxy, a proxy without a scheme, more forms of no_proxy (curl's and Go's).

Rules:
- A proxy callable is user code and may block: a BlockingCall for each hop. The environment is read
  without a BlockingCall, once for each scheme.
- An HTTP proxy makes a tunnel (CONNECT), for http URLs too. The CONNECT has no fields but Host and
  the password: httplib2 does not send `proxy_headers` either.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from functools import partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any
from urllib.parse import unquote

import httplib2

from .. import log
from ..messages.settings import Settings
from ..messages.step import BlockingCall
from ..messages.transfer import Proxy
from ..messages.uri import masked
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
ENTRY_WITH_PORT = re.compile(r"(\[.*\]|[^:]*):(\d+)")  # not an IPv6 address without brackets
# Schemes of proxies that httplib2 does not know. All proxies resolve names, as with httplib2.
KINDS = {"socks4a": "socks4", "socks5h": "socks5"}
DEFAULT_PORT_OF = {"http": 80, "https": 443}
DEFAULT_PORTS = {1: 1080, 2: 1080, 3: 8080}


def proxy_for(hop: Hop, settings: Settings) -> Generator[BlockingCall, Any, Proxy | None]:
    """The proxy for a hop by `settings.proxy_info`, or None for a direct connection."""
    info = settings.proxy_info
    if settings.proxies is not None:
        return from_environment(hop, settings.proxies)
    if info is not None and not isinstance(info, httplib2.ProxyInfo):
        info = yield BlockingCall(partial(info, hop.scheme))  # TypeError if not callable
    return _proxy(hop, info) if info and info.applies_to(_host(hop)) else None


class EnvironmentProxy(httplib2.ProxyInfo):
    """A proxy of the environment, for requests that httplib2's own code makes."""

    def __init__(self, info: Any, scheme: str) -> None:  # Any: a ProxyInfo, which has no types
        super().__init__(*info.astuple())
        self._port = DEFAULT_PORT_OF[scheme]  # httplib2 does not tell the request's

    def bypass_host(self, hostname: str) -> bool:
        return is_excepted(hostname.lower(), self._port, _read_exceptions())


def info_from_environment(scheme: str) -> EnvironmentProxy | None:
    """As httplib2's `proxy_info_from_environment`, by our rules."""
    info = _read_environment(scheme)
    return None if info is None else EnvironmentProxy(info, scheme)


def from_environment(hop: Hop, known: dict[str, Any]) -> Proxy | None:  # Any: as below
    """The proxy by the variables http_proxy, https_proxy, all_proxy and no_proxy.

    `known`: earlier results by scheme; httplib2 reads the environment once for each connection.
    """
    if hop.scheme not in known:
        known[hop.scheme] = _read_environment(hop.scheme), _read_exceptions()
    info, exceptions = known[hop.scheme]
    if info is None or is_excepted(_host(hop), _port(hop), exceptions):
        return None
    return _proxy(hop, info)


def _read_environment(scheme: str) -> Any:  # Any: a ProxyInfo, which has no types
    """The proxy for a scheme, or None. Raises `ValueError` for a URL with an invalid port."""
    name = next((name for name in _variables(scheme) if name in os.environ), "")
    url = os.environ.get(name, "").strip()
    if not url:
        return None
    kind, separator, rest = url.partition("://")
    kind = kind.lower() if separator else "http"
    address = rest if separator else url.lstrip("/")
    try:
        info = httplib2_rules.proxy_info_from_url(f"{KINDS.get(kind, kind)}://{address}", scheme)
    except ValueError:  # the message may show a part of the password
        raise ValueError(f"{name}: expected the URL of a proxy, not {masked(url)}") from None
    info.proxy_user, info.proxy_pass = _decoded(info.proxy_user), _decoded(info.proxy_pass)
    return info


def _variables(scheme: str) -> Iterator[str]:
    """The variables with the proxy for a scheme; the first that is set counts, even if empty."""
    yield f"{scheme}_proxy"
    if scheme != "http" or "REQUEST_METHOD" not in os.environ:
        yield f"{scheme.upper()}_PROXY"
    elif "HTTP_PROXY" in os.environ:
        # A client of a CGI program sets HTTP_PROXY by a header field "Proxy" (RFC 3875, 4.1.18).
        log.warn_once(
            "HTTP_PROXY is ignored, since REQUEST_METHOD is set: in CGI a client can set it"
        )
    yield from ("all_proxy", "ALL_PROXY")


def _decoded(text: str | None) -> str | None:
    return None if text is None else unquote(text, errors="surrogateescape")


def _read_exceptions() -> tuple[str, ...]:
    value = os.environ.get("no_proxy", os.environ.get("NO_PROXY", ""))
    entries = (entry.strip().lower() for entry in value.split(","))
    return tuple(entry for entry in entries if entry)


def is_excepted(host: str, port: int, exceptions: tuple[str, ...]) -> bool:
    """Whether an entry of no_proxy names the host: name, .suffix, address or network, each with
    a port or without; or a single "*".

    >>> is_excepted("www.example.org", 80, (".example.org",)), is_excepted("::1", 80, ("::2",))
    (True, False)
    """
    return exceptions == ("*",) or any(_names(entry, host, port) for entry in exceptions)


def _names(entry: str, host: str, port: int) -> bool:
    name, of_port = entry, ""
    if found := ENTRY_WITH_PORT.fullmatch(entry):
        name, of_port = found.groups()
    if of_port and int(of_port) != port:
        return False
    if network := _network(name.replace("[", "").replace("]", "")):
        return (address := _address(host)) is not None and address in network
    host, name = host.rstrip("."), name.rstrip(".")
    if name.startswith("."):
        return f".{host}".endswith("." + name.lstrip("."))
    return host == name


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _proxy(hop: Hop, info: Any) -> Proxy | None:  # Any: a ProxyInfo, which has no types
    # info.isgood() would be false without PySocks, which libcurl does not need.
    if info.proxy_host is None or info.proxy_port is None or info.proxy_type is None:
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


def _port(hop: Hop) -> int:
    _, colon, port = hop.authority.rpartition(":")
    if colon and port.isdigit():
        return int(port)
    return DEFAULT_PORT_OF[hop.scheme]
