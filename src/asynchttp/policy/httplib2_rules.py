"""httplib2's own decisions where they are ours too, with the types that its stubs leave out.

Looked up at each call, so that what a program puts in their place counts here too.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from functools import lru_cache
from typing import Any, TypeAlias

import httplib2
import httplib2.auth

from ..messages.response import Response
from ..messages.settings import Cache, Tls

_httplib2: Any = httplib2  # Any: see above
_auth: Any = httplib2.auth  # Any: as above

Challenges = dict[str, dict[str, str]]
Fields: TypeAlias = "Message[str, str]"  # its class takes no types when it runs


def normalize_headers(headers: object) -> dict[str, str]:
    """Names in lower case, all of it text, white space as one space."""
    normal: dict[str, str] = _httplib2._normalize_headers(headers)
    return normal


def parse_challenges(response: Mapping[str, str]) -> Challenges:
    """The fields of WWW-Authenticate, by scheme; raises `httplib2.MalformedHeader`."""
    challenges: Challenges = _auth._parse_www_authenticate(response, "www-authenticate")
    return challenges


def parse_digest_challenges(response: Mapping[str, str]) -> list[dict[str, str]]:
    """All Digest challenges, in their order."""
    if not parse_challenges(response):  # which says what is wrong with them
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
    """Those that are offered and known, the strongest first."""
    return [scheme for scheme in _httplib2.AUTH_SCHEME_ORDER if scheme in challenges]


def auth_class(scheme: str) -> Any:  # Any: an Authentication, httplib2's or a program's
    """Who answers challenges of a scheme."""
    return _httplib2.AUTH_SCHEME_CLASSES[scheme]


def cnonce() -> str:
    """A nonce of the client's."""
    nonce: str = _httplib2._cnonce()
    return nonce


def end_to_end(headers: Mapping[str, str]) -> list[str]:
    """The names of the fields that are not for the next hop alone."""
    names: list[str] = _httplib2._get_end2end_headers(headers)
    return names


def cache_control(headers: Mapping[str, str]) -> Mapping[str, object]:
    """The directives of Cache-Control."""
    directives: Mapping[str, object] = _httplib2._parse_cache_control(headers)
    return directives


def disposition(entry: Fields, headers: dict[str, str]) -> str:
    """FRESH, STALE or TRANSPARENT: whether what is kept can serve such a request."""
    found: str = _httplib2._entry_disposition(entry, headers)
    return found


def proxy_info_from_environment(scheme: str) -> Any:  # Any: a ProxyInfo, which has no types
    """What http_proxy, https_proxy and no_proxy say, or None."""
    return _httplib2.proxy_info_from_environment(scheme)


@lru_cache(maxsize=64)
def checked_tls(tls: Tls) -> Tls:
    """The same with the password at hand; raises what Python's `ssl` does if it makes no sense."""
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


def update_cache(
    headers: dict[str, str], response: Response, content: bytes, cache: Cache, key: str
) -> None:
    """Keep the response, or forget what is kept if it must not be."""
    _httplib2._updateCache(headers, response, content, cache, key)
