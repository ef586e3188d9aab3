"""What passes between the layers: small, and never changed.

Request   what the caller asked for: a snapshot of the arguments of `Http.request`
Settings  how the Http was set up at that moment
Step      what an exchange asks for: a Transfer, an Errand, a Share, an Unshare
Transfer  one exchange of bytes for an engine to do
Errand    something that may block, for a worker to do
Share     the same as another request that is under way, if there is one; and Unshare
Reply     what came back, before anybody decides what it means

Rule: what is made for each request has slots, and nobody sets them. To make and to read a
NamedTuple, or a frozen one, would take 4 % more instructions for each request.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import httplib2

from .body import Body
from .callsite import CallSite, Frames

KINDS = 256  # how many kinds of requests plans are kept for

Text = str | bytes
# A Mapping is invariant in its keys: without the first two a dict[str, str] would not do.
Headers = Mapping[str, Text] | Mapping[bytes, Text] | Mapping[Text, Text]


@dataclass(slots=True)
class Request:
    """A request as it was made."""

    method: str
    uri: str
    headers: Headers | None
    """A copy of what was given."""
    body: Body | None
    redirections: int
    """How many redirects may be followed."""
    made: float
    """When, in seconds since the epoch."""
    frames: Frames
    """Where in the caller's code."""

    @property
    def site(self) -> CallSite:
        """The same, to be read."""
        return CallSite(self.frames)

    def __str__(self) -> str:
        return f"{self.method} {self.uri}"

    def __reduce__(self) -> tuple[type[Request], tuple[object, ...]]:
        given = self.method, self.uri, self.headers, self.body, self.redirections, self.made
        return Request, (*given, self.site.places())  # code cannot be pickled

    def age(self) -> float:
        """Seconds since it was made."""
        return time.time() - self.made


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


class Proxy(NamedTuple):
    """Through what a connection goes."""

    scheme: str
    """As libcurl knows it: http, socks4, socks4a, socks5, socks5h."""
    host: str
    port: int
    user: str | None
    password: str | None

    @property
    def wants_address(self) -> bool:
        """Whether it does not look up names."""
        return self.scheme in ("socks4", "socks5")


class DecodeLimits(NamedTuple):
    """How large decoded content may become, as in `httplib2.decode.LimitDecoder`; 0: any size."""

    ratio: float = 100
    """Of what comes out to what went in; counts from `safe` bytes on."""
    safe: int = 10 << 20
    """Bytes."""
    hard: int = 10 << 30
    """Bytes."""


USUAL_LIMITS = DecodeLimits()


@dataclass(slots=True)
class Transfer:
    """One request on the wire."""

    method: str
    url: str
    """Absolute, ASCII, without a fragment."""
    authority: str
    """host or host:port of the URL, in lower case."""
    headers: tuple[bytes, ...]
    """As libcurl takes them: `name: value`, `name;` for an empty one, `name:` to send none."""
    body: Body | None
    timeout: float | None
    tls: Tls | None
    """None for a plain connection."""
    proxy: Proxy | None = None
    decode_limits: DecodeLimits = USUAL_LIMITS
    on_new_connection: bool = False
    """Whether no connection may be used that has been used before."""


class Errand(NamedTuple):
    """Something that may block, or is not ours: a cache, say. What it returns is sent back."""

    function: Callable[[], object]


class Share(NamedTuple):
    """Asks for the answer of a request that is the same; None is sent back when there is none.

    Then this is the one that others with the same key wait for. They are given its answer if `may`
    says so, else each goes its own way.
    """

    key: tuple[str, Hashable]
    """The URL, and all else that makes it the same."""
    may: Callable[[Any], bool]  # Any: an Answer, which is above this layer


class Unshare(NamedTuple):
    """What is under way for a URL may be out of date: who asks from now on does not wait for it."""

    url: str


Step = Transfer | Errand | Share | Unshare


@dataclass(slots=True)
class Reply:
    """The answer to a Transfer."""

    status: int
    head: bytes
    """The status line and header lines as they came, of all responses up to the final one."""
    content: bytes
    """The content, decoded where its coding is known."""
    is_decoded: bool = False
    """Whether it is not as it came."""
