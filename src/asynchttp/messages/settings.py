"""Settings: how an Http was set up when a request was made."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Hashable
from typing import Any, NamedTuple, Protocol

import httplib2

from .request import Request

KINDS = 256  # how many kinds of requests plans are kept for


class Cache(Protocol):
    """Where responses are kept: httplib2's interface."""

    def get(self, key: str) -> bytes | None:
        """What was set, or None."""

    def set(self, key: str, value: bytes) -> object:
        """Keep it."""

    def delete(self, key: str) -> object:
        """Forget it, if it is there."""


class Certificate(NamedTuple):
    """What the client shows who it is with."""

    domain: str
    """Of whom it is shown to: host or host:port, in lower case; empty for all."""
    key: str
    """A file."""
    cert: str
    """A file."""
    password: str | bytes | Callable[[], str | bytes | bytearray] | None
    """Of the key, or what knows it."""


class Tls(NamedTuple):
    """How a connection is secured."""

    ca_certs: str
    """A file of certificates to trust."""
    verify: bool
    minimum: str | ssl.TLSVersion | None = None
    """The lowest version, or its name in `ssl.TLSVersion`."""
    maximum: str | ssl.TLSVersion | None = None
    certificate: Certificate | None = None

    @property
    def is_special(self) -> bool:
        """Whether versions or a certificate are given, which may make no sense."""
        return (self.minimum, self.maximum, self.certificate) != (None, None, None)


class DecodeLimits(NamedTuple):
    """How large decoded content may become, as in `httplib2.decode.LimitDecoder`; 0: any size."""

    ratio: float = 100
    """Of what comes out to what went in; counts from `safe` bytes on."""
    safe: int = 10 << 20
    """Bytes."""
    hard: int = 10 << 30
    """Bytes."""


USUAL_LIMITS = DecodeLimits()


class Settings(NamedTuple):
    """The attributes of an Http that decide what its requests mean."""

    follow_redirects: bool
    follow_all_redirects: bool
    redirect_codes: frozenset[int]
    safe_methods: tuple[str, ...]
    forward_authorization_headers: bool
    decode_limits: DecodeLimits
    timeout: float | None
    """Seconds, for each connect and each silence; None for no limit."""
    tls: Tls
    # No snapshot: what a server says to one request helps those after it.
    # Any: httplib2's Authentication, which has no types.
    authorizations: list[Any]
    certificates: tuple[Certificate, ...] = ()
    # Any: a ProxyInfo, which has no types, or a callable that gives one for a scheme, or None.
    proxy_info: Any = None
    cache: Cache | None = None
    optimistic_concurrency_methods: tuple[str, ...] = ()
    ignore_etag: bool = False
    credentials: tuple[tuple[str, str, str], ...] = ()
    """Domain, name and password."""
    force_exception_to_status_code: bool = False
    client: Callable[[Request], tuple[httplib2.Response, bytes]] | None = None
    """Who makes the request, all of it, on a worker; None for libcurl and the rules here."""

    # Filled when it is first needed, by scheme. Any: as for proxy_info.
    proxies: dict[str, Any] | None = None
    """What the environment says, if that counts."""
    is_plain: bool = False
    """Whether most requests end with their first transfer, and none needs an errand."""
    statuses: dict[str, bytes] | None = None
    """By method, the statuses that policy has to see: filled when they are first needed."""
    # Any: a Plan of the core, which only promises know.
    plans: dict[Hashable, dict[str, Any]] | None = None
    """By kind of request and by origin, the plans of first transfers: filled by requests."""

    def plans_for(self, kind: Hashable) -> dict[str, Any] | None:
        """The plans for a kind of request, by origin; None for no kind."""
        assert self.plans is not None  # the settings have been worked out
        if kind is None:
            return None
        if kind not in self.plans and len(self.plans) >= KINDS:
            self.plans.clear()
        return self.plans.setdefault(kind, {})

    def worked_out(self) -> Settings:
        """The same, with what follows from the rest."""
        from_environment = self.proxy_info is httplib2.proxy_info_from_environment
        is_plain = (
            self.cache is None
            and self.client is None
            and not self.authorizations
            and not self.force_exception_to_status_code
            and not self.certificates
            and not self.tls.is_special
            and (self.proxy_info is None or from_environment)
        )
        proxies: dict[str, Any] | None = {} if from_environment else None  # Any: as above
        return self._replace(is_plain=is_plain, proxies=proxies, statuses={}, plans={})
