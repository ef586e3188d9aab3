"""One step of an exchange as a Transfer: which bytes go out for it.

What httplib2 and http.client decide between `request()` and the socket: the URI made ASCII and
absolute, the default headers, the checks against injected lines, the header lines themselves.
"""

from __future__ import annotations

import http.client
import re
from typing import NamedTuple

import httplib2
from httplib2.iri2uri import iri2uri

from ..body import Body
from ..model import Request, Settings, Transfer

# A URI that normalization would leave as it is.
NORMAL = re.compile(r"(https?)://([a-z0-9._:\[\]-]+)/[!-\"$-~]*")
CONTROLS = re.compile(r"[\x00-\x20\x7f]")
FIELD_NAME = re.compile(rb"[^:\s][^:\r\n]*")
FOLDED_OR_INJECTED = re.compile(rb"[\r\n]")

USER_AGENT = f"Python-httplib2/{httplib2.__version__} (gzip)"
DEFAULT_HEADERS = {"user-agent": USER_AGENT, "accept-encoding": "gzip, deflate"}

# libcurl would add these of its own accord; httplib2 does not.
UNSENT = (b"Accept:", b"Expect:", b"Content-Type:")


class Hop(NamedTuple):
    """What is asked for in one step."""

    method: str
    uri: str
    headers: dict[str, str]
    body: Body | None


def first_hop(request: Request) -> Hop:
    """The step that a request begins with."""
    headers = DEFAULT_HEADERS if request.headers is None else _complete(request.headers)
    return Hop(request.method, clean(request.uri), headers, request.body)


def _complete(given: object) -> dict[str, str]:
    headers: dict[str, str] = httplib2._normalize_headers(given)  # type: ignore[attr-defined]  # not in its types
    headers.setdefault("user-agent", USER_AGENT)
    if "range" not in headers:
        headers.setdefault("accept-encoding", "gzip, deflate")
    return headers


def clean(uri: str) -> str:
    """An ASCII URI in which nothing can end the request line."""
    if NORMAL.fullmatch(uri):
        return uri
    ascii_uri: str = iri2uri(uri)
    return ascii_uri.replace(" ", "%20").replace("\r", "%0D").replace("\n", "%0A")


def transfer_of(hop: Hop, settings: Settings) -> Transfer:
    """The Transfer for one step.

    Raises `httplib2.RelativeURIError`, `KeyError` for a scheme that is not http or https,
    `http.client.InvalidURL`, and `ValueError` for a method or header that cannot be sent.
    """
    scheme, authority, url = _locate(hop.uri)
    return Transfer(
        _checked_method(hop.method),
        url,
        authority,
        _lines(hop.headers),
        hop.body,
        settings.timeout,
        settings.tls if scheme == "https" else None,
    )


def _locate(uri: str) -> tuple[str, str, str]:
    if normal := NORMAL.fullmatch(uri):
        return normal[1], normal[2], uri
    scheme, authority, _, url = httplib2.urlnorm(uri)
    if scheme not in ("http", "https"):
        raise KeyError(f"uri: the scheme has to be http or https, not {scheme}: {uri}")
    if CONTROLS.search(url):
        raise http.client.InvalidURL(f"uri: it contains control characters: {uri!r}")
    return scheme, authority, url


def _checked_method(method: str) -> str:
    if CONTROLS.search(method):
        raise ValueError(f"method: it contains control characters: {method!r}")
    return method


def _lines(headers: dict[str, str]) -> tuple[bytes, ...]:
    if headers is DEFAULT_HEADERS:
        return DEFAULT_LINES
    lines = [_line(name.encode("latin-1"), value) for name, value in headers.items()]
    if "accept-encoding" not in headers:
        lines.append(b"accept-encoding: identity")
    unsent = (line for line in UNSENT if line[:-1].decode().lower() not in headers)
    return (*lines, *unsent)


def _line(name: bytes, value: str) -> bytes:
    encoded = value.encode("latin-1")
    if not FIELD_NAME.fullmatch(name):
        raise ValueError(f"headers: {name!r} is not a field name")
    if FOLDED_OR_INJECTED.search(encoded):
        raise ValueError(f"headers: the value of {name!r} has a line break: {value!r}")
    return b"%b: %b" % (name, encoded) if encoded else b"%b;" % name


DEFAULT_LINES = (*(_line(k.encode(), v) for k, v in DEFAULT_HEADERS.items()), *UNSENT)
