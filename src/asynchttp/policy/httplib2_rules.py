"""httplib2's functions for decisions that are the same in asynchttp, with types.

Rule: each call looks the function up in httplib2, so that a program may replace the function.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from email.message import Message
from functools import lru_cache
from typing import Any, TypeAlias

import httplib2

from ..messages.settings import Tls

_httplib2: Any = httplib2  # Any: httplib2's stubs leave these functions out

Fields: TypeAlias = "Message[str, str]"  # text, since Message has no type parameters at run time


def normalize_headers(headers: object) -> dict[str, str]:
    """The headers as text: names in lower case, each run of white space as one space."""
    normal: dict[str, str] = _httplib2._normalize_headers(headers)
    return normal


def auth_schemes(offered: Collection[str]) -> list[str]:
    """The offered schemes that httplib2 knows, the strongest first."""
    return [scheme for scheme in _httplib2.AUTH_SCHEME_ORDER if scheme in offered]


def auth_class(scheme: str) -> Any:  # Any: an Authentication, httplib2's or a program's
    """The class for challenges of a scheme."""
    return _httplib2.AUTH_SCHEME_CLASSES[scheme]


def cnonce() -> str:
    """A new client nonce."""
    nonce: str = _httplib2._cnonce()
    return nonce


def end_to_end(headers: Mapping[str, str]) -> list[str]:
    """The names of the end-to-end fields: all but hop-by-hop fields."""
    names: list[str] = _httplib2._get_end2end_headers(headers)
    return names


def cache_control(headers: Mapping[str, str] | Fields) -> Mapping[str, object]:
    """The directives of Cache-Control."""
    directives: Mapping[str, object] = _httplib2._parse_cache_control(headers)
    return directives


def disposition(entry: Fields, headers: dict[str, str]) -> str:
    """FRESH, STALE or TRANSPARENT: serve the entry, validate it, or ignore the cache."""
    found: str = _httplib2._entry_disposition(entry, headers)
    return found


def now() -> float:
    """Seconds since the epoch, by the clock of `disposition`."""
    time: float = _httplib2.time.time()
    return time


def proxy_info_from_url(url: str, scheme: str) -> Any:  # Any: a ProxyInfo, which has no types
    """The proxy with a URL, for requests of a scheme, without exceptions."""
    return _httplib2.proxy_info_from_url(url, scheme, "")


@lru_cache(maxsize=64)
def checked_tls(tls: Tls) -> Tls:
    """The TLS settings, with the password fetched. Invalid settings raise the errors of `ssl`."""
    certificate = tls.certificate
    if certificate is not None and callable(certificate.password):
        password = certificate.password()
        hashable = bytes(password) if isinstance(password, bytearray) else password
        certificate = certificate._replace(password=hashable)
    _httplib2._build_ssl_context(
        not tls.verify,
        tls.ca_certs,
        certificate and certificate.cert,
        certificate and certificate.key,
        tls.maximum,
        tls.minimum,
        certificate and certificate.password,
    )
    return tls._replace(certificate=certificate)
