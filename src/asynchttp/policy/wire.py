"""Hops, the requests of an exchange, and the Transfer for a hop: the bytes to send.

The decisions are those of httplib2 and http.client between `request()` and the socket: an absolute
ASCII URI, default headers, checks against injected lines, header lines.
"""

from __future__ import annotations

import base64
import http.client
import re
import urllib.parse
from dataclasses import dataclass, replace
from typing import Any

import httplib2

from ..messages.body import Body
from ..messages.request import Request
from ..messages.settings import Settings, Tls
from ..messages.transfer import Proxy, Transfer
from ..messages.uri import ascii_host, ascii_uri, masked, origin_of
from . import httplib2_rules

PORT = re.compile("[0-9]{0,5}")
COMMON_METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
USER = re.compile("^(?P<before>(?:[^:/?#]+:)?//)(?P<user>[^/?#]*)@")
CONTROLS = re.compile(r"[\x00-\x20\x7f]")
# RFC 3986, 3.2.2, allows more. libcurl refuses the other characters, and decodes "%65": libcurl
# would ask for another host than policy has checked (for a proxy, a certificate, a password).
HOST = re.compile(r"""[^\x00-\x20\x7f"%!#$&'()*+,/:;<=>?@\[\\\]^`{|}]+|\[[^\x00-\x20\x7f]*\]""")
FIELD_NAME = re.compile(rb"[^:\s\0][^:\r\n\0]*")
NEVER_IN_VALUE = re.compile(rb"[\r\n\0]")  # RFC 9110, 5.5: folding has gone, too

LONGEST = 1e9  # seconds: the clocks of all systems can count to this number

USER_AGENT = f"Python-httplib2/{httplib2.__version__} (gzip)"
ACCEPTED_CODINGS = "gzip, deflate"  # as httplib2; core/decode.c decodes
DEFAULT_HEADERS = {"user-agent": USER_AGENT, "accept-encoding": ACCEPTED_CODINGS}

# libcurl would add these fields; httplib2 does not. `Name:` tells libcurl not to.
SUPPRESSED = (b"Accept:", b"Expect:", b"Content-Type:")


@dataclass(slots=True)
class Hop:
    """A request of an exchange: the first, or a redirected request."""

    method: str
    uri: str
    """The caller's URI, made ASCII."""
    scheme: str
    authority: str
    """host or host:port, in lower case."""
    url: str
    """The absolute URL to send, without a fragment; the key in a cache."""
    headers: dict[str, str]
    body: Body | None
    at_callers_origin: bool = True
    """Whether the hop goes to the origin of the request as the caller made the request. Credentials
    and certificates without a domain are for this origin only.
    """
    basic: str = ""
    """The Authorization by the user in the caller's URI, for the caller's origin."""

    # For the cache:
    asker: str = ""
    """The owner of the sent credentials (`auth.asker_of`), or "" for no credentials."""
    sent: float = 0.0
    """The time of sending, in seconds since the epoch."""


def first_hop(request: Request) -> Hop:
    """The first hop of a request; raises what `hop_to` raises."""
    headers = DEFAULT_HEADERS if request.headers is None else _with_defaults(request.headers)
    if origin_of(request.uri) or (user := USER.match(request.uri)) is None:
        return hop_to(request.method, request.uri, headers, request.body)
    uri = USER.sub(r"\g<before>", request.uri)
    hop = hop_to(request.method, uri, headers, request.body)
    is_given = "authorization" in headers or not user["user"]
    return hop if is_given else with_basic(hop, _basic(user["user"]))


def with_basic(hop: Hop, basic: str) -> Hop:
    """The hop with the Authorization by the user in the caller's URI."""
    return replace(hop, basic=basic, headers=hop.headers | {"authorization": basic})


def _basic(user: str) -> str:
    """The Authorization by `user` or `user:password` (RFC 7617, 2)."""
    credentials = urllib.parse.unquote_to_bytes(user if ":" in user else user + ":")
    return f"Basic {base64.b64encode(credentials).decode()}"


def _with_defaults(given: object) -> dict[str, str]:
    headers = _normalize_headers(given)
    headers.setdefault("user-agent", USER_AGENT)
    if "range" not in headers:
        headers.setdefault("accept-encoding", ACCEPTED_CODINGS)
    return headers


def _normalize_headers(given: Any) -> dict[str, str]:  # Any: a Mapping, with any names and values
    try:
        return httplib2_rules.normalize_headers(given)
    except UnicodeDecodeError as error:
        bad = error.object[error.start : error.end]  # not all of the value, which may be a secret
        raise UnicodeDecodeError(
            error.encoding, bad, 0, len(bad), f"headers: {error.reason}"
        ) from None
    except TypeError:
        for name, value in given.items():
            _check_types(name, value)
        raise


def _check_types(name: object, value: object) -> None:
    for what, part in (("a name", name), (f"the value of {name!r}", value)):
        if not isinstance(part, str | bytes):
            raise TypeError(f"headers: {what} has to be str or bytes, not {type(part).__name__}")


def hop_to(method: str, uri: str, headers: dict[str, str], body: Body | None) -> Hop:
    """The hop to `uri`.

    Raises `httplib2.RelativeURIError`, `KeyError` for a scheme other than http and https,
    `http.client.InvalidURL`, and `UnicodeEncodeError` for characters unknown to `iri2uri`.
    """
    if origin := origin_of(uri):
        scheme, _, authority = origin.partition("://")
        return Hop(method, uri, scheme, authority, uri, headers, body)
    whole = _ascii_uri(uri)
    scheme, authority, _, url = _normalize_uri(whole)
    if scheme not in ("http", "https"):
        raise KeyError(f"uri: the scheme has to be http or https, not {scheme}: {masked(uri)}")
    if CONTROLS.search(url):
        raise http.client.InvalidURL(f"uri: it contains control characters: {masked(uri)!r}")
    _encode("uri", url, "ascii")
    checked = _checked_authority(authority)
    url = url.replace(authority, checked, 1)
    return Hop(method, whole, scheme, checked, url, headers, body)


def _ascii_uri(uri: str) -> str:
    try:
        whole = ascii_uri(uri)
    except UnicodeError:
        raise
    except ValueError:  # the message may show a password
        raise ValueError(f"uri: it has an invalid host: {masked(uri)!r}") from None
    # Spaces and line breaks would end the request line.
    return whole.replace(" ", "%20").replace("\r", "%0D").replace("\n", "%0A")


def _normalize_uri(uri: str) -> tuple[str, str, str, str]:
    try:
        normal: tuple[str, str, str, str] = httplib2.urlnorm(uri)
    except httplib2.RelativeURIError:  # the message shows all of the URI
        raise httplib2.RelativeURIError(
            f"Only absolute URIs are allowed. uri = {masked(uri)}"
        ) from None
    return normal


def _checked_authority(authority: str) -> str:
    """The authority as libcurl asks for it, without an empty port.

    Raises `http.client.InvalidURL` for an invalid host or port, and for a user (RFC 9110, 4.2.4),
    since `first_hop` has removed the caller's. No message shows a password.
    """
    _, at, host = authority.rpartition("@")
    if at:
        raise http.client.InvalidURL(f"uri: a user is not allowed in a redirect: //{host}")
    host, colon, port = authority.rpartition(":")
    if not colon or port.endswith("]"):  # a colon inside an IPv6 address is no port's
        host, port = authority, ""
    if not PORT.fullmatch(port):
        raise http.client.InvalidURL("uri: the port has to be a number of at most five digits")
    if not HOST.fullmatch(host):
        raise http.client.InvalidURL("uri: the host has characters that no host may have")
    return ascii_host(host) + (port and f":{port}")


def transfer_of(hop: Hop, settings: Settings, proxy: Proxy | None) -> Transfer:
    """The Transfer for one hop.

    Raises `ValueError` for an invalid method, header or timeout.
    """
    method, timeout, headers = hop.method, settings.timeout, hop.headers
    return Transfer(
        method if method in COMMON_METHODS else _checked_method(method),
        hop.url,
        hop.authority,
        DEFAULT_LINES if headers is DEFAULT_HEADERS else _lines(headers),
        hop.body if method != "HEAD" else None,  # RFC 9110, 9.3.2; libcurl sends no body
        None if timeout is None else _checked_timeout(timeout),
        _tls_for(hop, settings) if hop.scheme == "https" else None,
        proxy,
        settings.decode_limits,
    )


def _tls_for(hop: Hop, settings: Settings) -> Tls:
    for certificate in settings.certificates:
        if may_answer(certificate.domain, hop):
            return settings.tls._replace(certificate=certificate)
    return settings.tls


def may_answer(domain: str, hop: Hop) -> bool:
    """Whether credentials or a certificate with this domain, which may be empty, are for a hop."""
    return domain == hop.authority or (domain == "" and hop.at_callers_origin)


def _checked_method(method: str) -> str:
    if CONTROLS.search(method):
        raise ValueError(f"method: it contains control characters: {method!r}")
    return method


def _checked_timeout(timeout: float) -> float:
    if 0 <= timeout <= LONGEST:
        return float(timeout)
    raise ValueError(f"timeout: expected 0 to {LONGEST:.0e} seconds, not {timeout!r}")


def _lines(headers: dict[str, str]) -> tuple[bytes, ...]:
    lines = [
        _line(_encode("headers: a name", name, "ascii"), value) for name, value in headers.items()
    ]
    if "accept-encoding" not in headers:
        lines.append(b"accept-encoding: identity")
    suppressed = (line for line in SUPPRESSED if line[:-1].decode().lower() not in headers)
    return (*lines, *suppressed)


def _line(name: bytes, value: str) -> bytes:
    """The line for libcurl. No message shows the value, which may be a secret."""
    if not FIELD_NAME.fullmatch(name):
        raise ValueError(f"headers: {name.partition(b':')[0]!r} is not a field name")
    encoded = _encode(f"headers: the value of {name!r}", value, "latin-1")
    if NEVER_IN_VALUE.search(encoded):
        raise ValueError(f"headers: the value of {name!r} has a line break or NUL")
    return b"%b: %b" % (name, encoded) if encoded else b"%b;" % name


def _encode(subject: str, text: str, encoding: str) -> bytes:
    """The text as bytes; raises `UnicodeEncodeError` that shows only the wrong characters."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError as error:
        bad = text[error.start : error.end]
        raise UnicodeEncodeError(encoding, bad, 0, len(bad), f"{subject}: {error.reason}") from None


DEFAULT_LINES = (*(_line(k.encode(), v) for k, v in DEFAULT_HEADERS.items()), *SUPPRESSED)
