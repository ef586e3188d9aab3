"""httplib2's functions for decisions that are the same in asynchttp, with types.

Rule: each call looks the function up in httplib2, so that a program may replace the function.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache
from typing import Any, TypeAlias

import httplib2
import httplib2.auth

from ..messages.settings import Tls

_httplib2: Any = httplib2  # Any: httplib2's stubs leave these functions out
_auth: Any = httplib2.auth  # Any: as above

Challenges = dict[str, dict[str, str]]
Fields: TypeAlias = "Message[str, str]"  # text, since Message has no type parameters at run time


def normalize_headers(headers: object) -> dict[str, str]:
    """The headers as text: names in lower case, each run of white space as one space."""
    normal: dict[str, str] = _httplib2._normalize_headers(headers)
    return normal


def parse_challenges(response: Mapping[str, str]) -> Challenges:
    """The fields of WWW-Authenticate, by scheme; raises `httplib2.MalformedHeader`."""
    challenges: Challenges = _auth._parse_www_authenticate(response, "www-authenticate")
    return challenges


def parse_digest_challenges(response: Mapping[str, str]) -> list[dict[str, str]]:
    """All Digest challenges, in order; raises `httplib2.MalformedHeader`."""
    if not parse_challenges(response):  # raises MalformedHeader
        return []
    return [
        each["params"].as_dict()
        for each in _auth.www_authenticate.parse_string(response["www-authenticate"])
        if each["scheme"].lower() == "digest" and "params" in each
    ]


def parse_authentication_info(response: Mapping[str, str]) -> dict[str, str]:
    """The fields of Authentication-Info."""
    fields: dict[str, str] = _auth._parse_authentication_info(response, "authentication-info")
    return fields


def auth_schemes(challenges: Challenges) -> list[str]:
    """The schemes that the server offers and httplib2 knows, the strongest first."""
    return [scheme for scheme in _httplib2.AUTH_SCHEME_ORDER if scheme in challenges]


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


def proxy_info_from_environment(scheme: str) -> Any:  # Any: a ProxyInfo, which has no types
    """The proxy by the variables http_proxy, https_proxy and no_proxy, or None."""
    return _httplib2.proxy_info_from_environment(scheme)


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
