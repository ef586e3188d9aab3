"""Functions of URIs: the origin, the form in ASCII, and the form for people, without secrets.

Rule: all that the log, an error or a `repr` shows of a request passes through `masked` or
`masked_headers`. The rest of a URI stays: people have to see which request failed.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from httplib2.iri2uri import encode

from .._core import origin_of

__all__ = ("ascii_host", "ascii_uri", "masked", "masked_headers", "origin_of")

MASK = "***"

# Of a query or a fragment; also of a URI within a value, whose separators are percent-encoded.
_SECRET = re.compile(
    r"((?:[?&;#]|%3f|%26|%23)[^=?&;#]*(?:key|token|secret|sign|pass|auth)[^=?&;#]*?(?:=|%3d))[^&#]*",
    re.IGNORECASE,
)
# Up to the last "@" of the authority. A password with "/", "?" or "#" ends the authority too early,
# where the port is then no number: up to the last "@" of the URI.
_USER = re.compile(r"^((?:[^/?#]*//)?+)(?:[^/?#]*@|[^/?#@\[]*:\d*[^/?#@\d].*@)", re.DOTALL)
_SECRET_FIELD = re.compile("key|token|secret|sign|pass|auth|cookie|wsse", re.IGNORECASE)

# A host that libcurl takes for an IPv4 address: up to four numbers, decimal, octal or hexadecimal.
_NUMBERS = re.compile(r"(?:0x[0-9a-f]+|[0-9]+)(?:\.(?:0x[0-9a-f]+|[0-9]+)){0,3}\.?")


def masked(uri: object) -> str:
    """The URI without user, password, and values of query parameters that look like secrets.

    >>> masked("http://me:pass@example.org/?api_key=1&page=2")
    'http://***@example.org/?api_key=***&page=2'
    """
    # No templates: `re` imports a module for these, and a finalizer at the program's end cannot.
    without_user = _USER.sub(lambda found: f"{found[1]}{MASK}@", str(uri), count=1)
    return _SECRET.sub(lambda found: f"{found[1]}{MASK}", without_user)


def masked_headers(headers: Mapping[Any, object]) -> dict[object, object]:  # Any: str or bytes
    """The header fields, without the values of fields that carry secrets.

    >>> masked_headers({"cookie": "id=1", "accept": "text/html"})
    {'cookie': '***', 'accept': 'text/html'}
    """
    return {
        name: MASK if _SECRET_FIELD.search(str(name)) else value for name, value in headers.items()
    }


def ascii_uri(uri: str) -> str:
    """The URI for an IRI (RFC 3987, 3.1), as httplib2's `iri2uri`, but with hosts by UTS 46.

    Raises `ValueError` (a `UnicodeError`, for instance) for an invalid authority.
    """
    scheme, authority, path, query, fragment = urlsplit(uri)
    whole = urlunsplit((scheme, _ascii_authority(authority), path, query, fragment))
    return "".join(map(encode, whole))


def _ascii_authority(authority: str) -> str:
    if authority.isascii():
        return authority
    user, at, host_and_port = authority.rpartition("@")
    host, colon, port = host_and_port.partition(":")
    return user + at + _by_uts46(host) + colon + port


def _by_uts46(host: str) -> str:
    """The host for the name service. Python's own codec has an older mapping (faß.de is fass.de),
    and takes hosts that UTS 46 refuses (☃.net).
    """
    import idna  # noqa: PLC0415  # large, and seldom needed

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        return host.encode("idna").decode()


def ascii_host(host: str) -> str:
    """The host as libcurl asks for it: an IPv4 address in the usual form.

    >>> ascii_host("127.1"), ascii_host("0x7f000001"), ascii_host("127.example")
    ('127.0.0.1', '127.0.0.1', '127.example')
    """
    if not _NUMBERS.fullmatch(host):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host.removesuffix(".")))
    except OSError:
        return host
