"""The options, header lines and route of a transfer, for libcurl. Pure functions.

A *profile* is the options that an easy handle has for all transfers: method, body mode, timeout,
TLS, proxy. Handles are pooled by profile. A *route* is the origin of a transfer, and the names to
resolve first. libcurl's own policies (redirects, cookies, ...) stay off: `policy` decides.
"""

from __future__ import annotations

import os
import re
import ssl
import urllib.parse
from collections.abc import Sequence
from functools import cache, lru_cache
from ipaddress import ip_address
from typing import NamedTuple

import pycurl

from ..messages.settings import Certificate, Tls
from ..messages.transfer import Proxy, Transfer
from ..process.lifetime import hold_during_forks
from ..process.native import threading

Value = int | bytes | tuple[bytes, ...]
Options = tuple[tuple[int, Value], ...]

FOREVER = 2**31 - 1  # ms: libcurl takes 0 for its default of 300 s

# Options that pycurl does not name.
SUPPRESS_CONNECT_HEADERS, SOCKS5_AUTH = 265, 267

_LOWEST: dict[str | None, int] = {
    "TLSv1": pycurl.SSLVERSION_TLSv1_0,
    "TLSv1_1": pycurl.SSLVERSION_TLSv1_1,
    "TLSv1_2": pycurl.SSLVERSION_TLSv1_2,
    "TLSv1_3": pycurl.SSLVERSION_TLSv1_3,
    "MAXIMUM_SUPPORTED": pycurl.SSLVERSION_TLSv1_3,
}
_HIGHEST: dict[str | None, int] = {
    "SSLv3": pycurl.SSLVERSION_MAX_TLSv1_0,
    "MINIMUM_SUPPORTED": pycurl.SSLVERSION_MAX_TLSv1_0,
    "TLSv1": pycurl.SSLVERSION_MAX_TLSv1_0,
    "TLSv1_1": pycurl.SSLVERSION_MAX_TLSv1_1,
    "TLSv1_2": pycurl.SSLVERSION_MAX_TLSv1_2,
    "TLSv1_3": pycurl.SSLVERSION_MAX_TLSv1_3,
}

SUPPRESSED_FOR_PROXIES = (b"User-Agent:", b"Proxy-Connection:")  # httplib2 sends neither to proxies

LENGTH, CODING = b"content-length:", b"transfer-encoding:"  # policy lowers the case of names

LENGTH_VALUE = re.compile(rb"[0-9]{1,18}")  # libcurl takes 64 bits

# Body modes: without Content-Length; with Content-Length 0; from memory; read piece by piece.
NOTHING, EMPTY, MEMORY, STREAM = "nothing", "empty", "memory", "stream"


# Profiles.


def body_mode_of(transfer: Transfer) -> str:
    """The body mode of a transfer."""
    body = transfer.body
    if body is not None:
        return MEMORY if body.in_memory else STREAM
    if transfer.method == "GET":  # the common case, faster
        return NOTHING
    return EMPTY if transfer.method.upper() in ("PATCH", "POST", "PUT") else NOTHING


def profile_options(
    method: str, body_mode: str, timeout: float | None, tls: Tls | None, proxy: Proxy | None
) -> Options:
    """The options of libcurl that all transfers of a profile share.

    >>> profile_options("GET", NOTHING, None, None, None)[-1] == (pycurl.PROXY, b"")
    True
    """
    return (
        (pycurl.PATH_AS_IS, 1),
        (pycurl.HTTP09_ALLOWED, 0),
        (pycurl.CONNECTTIMEOUT_MS, _milliseconds(timeout)),
        *_method_options(method, body_mode),
        *(() if tls is None else _tls_options(tls)),
        *_proxy_options(proxy),
    )


def _milliseconds(timeout: float | None) -> int:
    return FOREVER if timeout is None else max(1, min(FOREVER, int(timeout * 1000)))


_BODY_OPTIONS: dict[str, Options] = {
    NOTHING: (),
    EMPTY: ((pycurl.POSTFIELDS, b""),),
    MEMORY: (),
    STREAM: ((pycurl.UPLOAD, 1),),
}


def _method_options(method: str, body_mode: str) -> Options:
    how = _BODY_OPTIONS[body_mode]
    if method == "HEAD" and body_mode == NOTHING:
        return (*how, (pycurl.NOBODY, 1))
    if method == "GET" and body_mode == NOTHING:
        return how
    return (*how, (pycurl.CUSTOMREQUEST, method.encode("ascii")))


def _tls_options(tls: Tls) -> Options:
    return (
        (pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS),
        (pycurl.CAINFO, os.fsencode(tls.ca_certs)),
        (pycurl.SSL_VERIFYPEER, int(tls.verify)),
        (pycurl.SSL_VERIFYHOST, 2 if tls.verify else 0),
        (pycurl.SSL_OPTIONS, pycurl.SSLOPT_NO_PARTIALCHAIN),  # as Python's `ssl`
        *_cipher_options(),
        *_version_options(tls),
        *_certificate_options(tls.certificate),
    )


# OpenSSL has locks, which a forked child would find locked.
_making_context = hold_during_forks(threading.RLock())


@cache
def _cipher_options() -> Options:
    """The ciphers of Python's `ssl`: libcurl's own list has ciphers without forward secrecy.

    For TLS 1.2 and before, and for OpenSSL, which has the same names. TLS 1.3 has no weak ciphers.
    """
    if "OpenSSL/" not in pycurl.version:
        return ()
    with _making_context:
        ciphers = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).get_ciphers()
    names = (cipher["name"] for cipher in ciphers if cipher["protocol"] != "TLSv1.3")
    return ((pycurl.SSL_CIPHER_LIST, ":".join(names).encode()),)


def _version_options(tls: Tls) -> Options:
    """The lowest and the highest version, in a single number. TLS 1.3 is the last version."""
    if tls.minimum is None and tls.maximum is None:
        return ()
    lowest = _LOWEST.get(_version_name(tls.minimum), pycurl.SSLVERSION_DEFAULT)
    highest = _HIGHEST.get(_version_name(tls.maximum), pycurl.SSLVERSION_MAX_DEFAULT)
    return ((pycurl.SSLVERSION, int(lowest | highest)),)


def _version_name(version: str | int | None) -> str | None:
    return version if isinstance(version, str | None) else ssl.TLSVersion(version).name


def _certificate_options(certificate: Certificate | None) -> Options:
    if certificate is None or not certificate.cert:
        return ()
    return (
        (pycurl.SSLCERT, os.fsencode(certificate.cert)),
        (pycurl.SSLKEY, os.fsencode(certificate.key or certificate.cert)),
        *_password_options(certificate.password),
    )


def _password_options(password: object) -> Options:
    if isinstance(password, str):
        return ((pycurl.KEYPASSWD, password.encode()),)
    if isinstance(password, bytes | bytearray):
        return ((pycurl.KEYPASSWD, bytes(password)),)
    return ()


def _proxy_options(proxy: Proxy | None) -> Options:
    if proxy is None:
        return ((pycurl.PROXY, b""),)  # or libcurl would read the environment
    host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
    return (
        (pycurl.PROXY, f"{proxy.scheme}://{host}:{proxy.port}".encode()),
        (pycurl.NOPROXY, b""),
        (pycurl.HTTPPROXYTUNNEL, 1),
        (SOCKS5_AUTH, pycurl.HTTPAUTH_BASIC),  # PySocks offers no GSSAPI
        (SUPPRESS_CONNECT_HEADERS, 1),
        (pycurl.HEADEROPT, pycurl.HEADER_SEPARATE),
        (pycurl.PROXYHEADER, SUPPRESSED_FOR_PROXIES),
        *_credential_options(proxy),
    )


def _credential_options(proxy: Proxy) -> Options:
    if not proxy.user:
        return ()
    return (
        (pycurl.PROXYUSERNAME, proxy.user.encode(errors="surrogateescape")),
        (pycurl.PROXYPASSWORD, (proxy.password or "").encode(errors="surrogateescape")),
    )


# Header lines.


def lines_and_length(transfer: Transfer) -> tuple[tuple[bytes, ...], int]:
    """The header lines to send, and the length of a streamed body in bytes, or -1 if unknown.

    The caller's Content-Length for a streamed body is left to libcurl, since libcurl would send the
    body chunked if the length were only a header line.
    """
    body, lines = transfer.body, transfer.headers
    if body is None or not (body.chunked or not body.in_memory):
        return lines, -1
    given = [line for line in lines if line.startswith(LENGTH)]
    if given and not body.in_memory:
        return tuple(line for line in lines if line not in given), _length(given[0])
    if body.chunked and not any(line.startswith((LENGTH, CODING)) for line in lines):
        return (*lines, CODING + b" chunked"), -1
    return lines, -1


def _length(line: bytes) -> int:
    text = line.partition(b":")[2].strip()
    if not LENGTH_VALUE.fullmatch(text):
        raise ValueError(f"headers: content-length has to be a number of bytes, not {text!r}")
    return int(text)


# Routes.


class Host(NamedTuple):
    """A name to resolve, and the port to connect to."""

    name: str
    port: int


class RouteFields(NamedTuple):
    """The arguments of `_core.Route`."""

    origin: str
    is_https: bool
    proxy_takes: int
    """The form of the target for a proxy: NAMES, ADDRESSES or IPV4_ADDRESSES."""
    hosts: tuple[Host, ...]
    """The names to resolve, the target's last."""


NAMES, ADDRESSES, IPV4_ADDRESSES = range(3)


@lru_cache(maxsize=1024)
def route_to(
    authority: str, is_https: bool, proxy: Proxy | None, looks_up_all: bool = False
) -> RouteFields:
    """The route of a transfer to `authority`. `looks_up_all`: addresses are looked up, too.

    >>> route_to("example.org", True, None).hosts
    (Host(name='example.org', port=443),)
    """
    hosts = tuple(_hosts_to(authority, 443 if is_https else 80, proxy, looks_up_all))
    return RouteFields(authority, is_https, _proxy_takes(proxy), hosts)


def _proxy_takes(proxy: Proxy | None) -> int:
    if proxy is None or not proxy.needs_address:
        return NAMES
    return IPV4_ADDRESSES if proxy.scheme == "socks4" else ADDRESSES


def _hosts_to(
    authority: str, default_port: int, proxy: Proxy | None, looks_up_all: bool
) -> Sequence[Host]:
    """The hosts to resolve before libcurl can connect, directly or through the proxy."""
    if proxy is None:
        target = host_of(authority, default_port, looks_up_all)
        return () if target is None else (target,)
    is_ipv6 = ":" in proxy.host
    found = None if is_ipv6 else host_of(f"{proxy.host}:{proxy.port}", 0, looks_up_all)
    own = () if found is None else (found,)
    return (*own, _target(authority, default_port)) if proxy.needs_address else own


def _target(authority: str, default_port: int) -> Host:
    parts = urllib.parse.urlsplit(f"//{authority}")
    return Host(parts.hostname or "", parts.port or default_port)


def host_of(authority: str, default_port: int, looks_up_all: bool = False) -> Host | None:
    """The host to resolve for `authority`, or None for an address and for localhost, unless
    `looks_up_all`.

    Raises `UnicodeError` for an invalid name.
    """
    name, _, port = authority.rpartition(":") if _has_port(authority) else (authority, "", "")
    if _needs_no_lookup(name):
        return Host(name, int(port or default_port)) if looks_up_all else None
    name.encode("idna")  # the check that Python's socket.getaddrinfo makes
    return Host(name, int(port or default_port))


def _has_port(authority: str) -> bool:
    _, colon, port = authority.rpartition(":")
    return bool(colon) and port.isdigit()


def _needs_no_lookup(name: str) -> bool:
    if name == "localhost" or name.startswith("["):
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
