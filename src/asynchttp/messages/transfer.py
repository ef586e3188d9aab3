"""Transfer: one request on the wire, for an engine to make; and Reply: the answer, before policy
decides what the answer means.

Rule: what is made for each request has slots, and no attribute is set afterwards. To make and to
read a NamedTuple, or a frozen dataclass, would take 4 % more instructions for each request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .body import Body
from .settings import USUAL_LIMITS, DecodeLimits, Tls


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
