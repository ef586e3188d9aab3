"""What passes between the layers: Request, Transfer, Reply; small, frozen, picklable.

Request   what the caller asked for: a snapshot of the arguments of `Http.request`
Settings  how the Http was set up at that moment
Transfer  one exchange of bytes for an engine to do
Reply     what came back, before anybody decides what it means
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import NamedTuple

from .body import Body
from .callsite import CallSite

# A Mapping is invariant in its keys: without the first two a dict[str, str] would not do.
Headers = Mapping[str, str] | Mapping[bytes, bytes] | Mapping[str | bytes, str | bytes]


class Request(NamedTuple):
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
    site: CallSite
    """Where in the caller's code."""

    def __str__(self) -> str:
        return f"{self.method} {self.uri}"

    def age(self) -> float:
        """Seconds since it was made."""
        return time.time() - self.made


class Tls(NamedTuple):
    """How a connection is secured."""

    ca_certs: str
    """A file of certificates to trust."""
    verify: bool


class Settings(NamedTuple):
    """The attributes of an Http that decide what its requests mean."""

    follow_redirects: bool
    follow_all_redirects: bool
    redirect_codes: frozenset[int]
    safe_methods: tuple[str, ...]
    forward_authorization_headers: bool
    decode_limits: tuple[tuple[str, float], ...]
    timeout: float | None
    """Seconds, for each connect and each silence; None for no limit."""
    tls: Tls


class Transfer(NamedTuple):
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


class Reply(NamedTuple):
    """The answer to a Transfer."""

    status: int
    head: bytes
    """The status line and header lines as they came, of all responses up to the final one."""
    chunks: tuple[bytes, ...]
    """The body as it came, in pieces."""
