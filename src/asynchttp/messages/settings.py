"""Settings: the attributes of an Http when a request was made."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

import httplib2

from .request import Request

MOST_KINDS = 256  # of requests, for which plans are cached


class Cache(Protocol):
    """A store for responses, with httplib2's interface."""

    def get(self, key: str) -> bytes | None:
        """The entry stored under `key`, or None."""

    def set(self, key: str, value: bytes) -> object:
        """Store an entry."""

    def delete(self, key: str) -> object:
        """Delete the entry, if any."""


class Certificate(NamedTuple):
    """A client certificate."""

    domain: str
    """The server: host or host:port, in lower case; empty for all servers."""
    key: str
    """The path of the private key."""
    cert: str
    """The path of the certificate."""
    password: str | bytes | Callable[[], str | bytes | bytearray] | None
    """The key's password, or a function that returns the password."""


class Tls(NamedTuple):
    """The TLS settings of a connection."""

    ca_certs: str
    """The path of a file with trusted certificates."""
    verify: bool
    minimum: str | ssl.TLSVersion | None = None
    """The lowest version, or its name in `ssl.TLSVersion`."""
    maximum: str | ssl.TLSVersion | None = None
    certificate: Certificate | None = None

    @property
    def needs_check(self) -> bool:
        """Whether versions or a certificate are given, which may be invalid."""
        return (self.minimum, self.maximum, self.certificate) != (None, None, None)


class DecodeLimits(NamedTuple):
    """Limits for decoded content, as in `httplib2.decode.LimitDecoder`; 0 means no limit."""

    ratio: float = 100
    """Decoded bytes by encoded bytes, if more than `safe` bytes are decoded."""
    safe: int = 10 << 20
    """Decoded bytes."""
    hard: int = 10 << 30
    """Decoded bytes."""
    content: int = 0
    """Not of LimitDecoder: bytes of a content, whether decoded or not (`max_content`)."""


USUAL_LIMITS = DecodeLimits()
NO_TLS = Tls("", verify=True)


class Settings(NamedTuple):
    """The attributes of an Http that decide what its requests mean."""

    # From attributes: see options.py.
    follow_redirects: bool
    follow_all_redirects: bool
    redirect_codes: frozenset[int]
    safe_methods: tuple[str, ...]
    forward_authorization_headers: bool
    decode_limits: DecodeLimits
    timeout: float | None
    """Seconds for each connect and each silence, or None for no limit."""
    ca_certs: str
    disable_ssl_certificate_validation: bool
    tls_minimum_version: str | ssl.TLSVersion | None
    tls_maximum_version: str | ssl.TLSVersion | None
    authorizations: list[Any]  # Any: httplib2's Authentication, which has no types
    """Accepted credentials. Shared, not copied: later requests use them too."""
    certificates: tuple[Certificate, ...]
    proxy_info: Any  # Any: httplib2.ProxyInfo has no types
    """A ProxyInfo, a function that returns a ProxyInfo for a scheme, or None."""
    cache: Cache | None
    optimistic_concurrency_methods: tuple[str, ...]
    ignore_etag: bool
    credentials: tuple[tuple[str, str, str], ...]
    """Domain, name and password."""
    force_exception_to_status_code: bool
    blocking: bool
    """Whether the program waits for each request, as with httplib2."""
    retries: int | None
    """0: no request is sent again after a failure. None: policy decides."""
    max_content: int | None
    """Bytes of content, at most."""

    client: Callable[[Request], tuple[httplib2.Response, bytes]] | None = None
    """A function that makes the whole request on a worker, or None for libcurl and `policy`."""
    is_client_exclusive: bool = False
    """Whether `client` makes one request at a time."""
    has_extensions: bool = False
    """Whether a program has overridden or replaced parts of httplib2 or of Python's sockets."""

    # Derived from the fields above by `with_derived`:
    tls: Tls = NO_TLS
    proxies: dict[str, Any] | None = None  # Any: as for proxy_info
    """A cache of the environment's proxies by scheme, or None with other proxy settings."""
    is_plain: bool = False
    """Whether most requests end with their first transfer, and no request needs a blocking call."""
    statuses: dict[str, bytes] | None = None
    """A cache by method: the statuses that policy handles (`exchange.policy_statuses`)."""
    plans: dict[Hashable, dict[str, Any]] | None = None  # Any: a Plan of the core, a higher layer
    """A cache by kind of request and by origin: the plans of first transfers."""

    def plans_for(self, kind: Hashable) -> dict[str, Any] | None:
        """The cached plans for a kind of request, by origin; no plans for the kind None."""
        assert self.plans is not None  # set by with_derived
        if kind is None:
            return None
        if kind not in self.plans and len(self.plans) >= MOST_KINDS:
            self.plans.clear()
        return self.plans.setdefault(kind, {})

    def with_derived(self) -> Settings:
        """The settings with the derived fields, and empty caches."""
        tls = Tls(
            self.ca_certs,
            not self.disable_ssl_certificate_validation,
            self.tls_minimum_version,
            self.tls_maximum_version,
        )
        from_environment = self.proxy_info is httplib2.proxy_info_from_environment
        is_plain = (
            self.cache is None
            and self.client is None
            and not self.authorizations
            and not self.force_exception_to_status_code
            and not self.certificates
            and not tls.needs_check
            and (self.proxy_info is None or from_environment)
        )
        proxies: dict[str, Any] | None = {} if from_environment else None  # Any: as above
        limits = self.decode_limits._replace(content=self.max_content or 0)
        return self._replace(
            decode_limits=limits,
            tls=tls,
            is_plain=is_plain,
            proxies=proxies,
            statuses={},
            plans={},
        )
