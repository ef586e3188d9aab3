"""Transfer: a request on the wire, for an engine to make; and Reply: the server's response, before
policy decides what the response means.

Rule: a class with an instance for each request has slots, and attributes are set only once. Making
and reading a NamedTuple, or a frozen dataclass, would take 4 % more instructions for each request.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from .body import Body
from .settings import USUAL_LIMITS, DecodeLimits, Tls


class Proxy(NamedTuple):
    """A proxy, for all kinds of connections."""

    scheme: str
    """libcurl's name: http, socks4, socks4a, socks5, socks5h."""
    host: str
    port: int
    user: str | None
    password: str | None

    @property
    def needs_address(self) -> bool:
        """Whether the client has to resolve the server's name."""
        return self.scheme in ("socks4", "socks5")


@dataclass(slots=True)
class Transfer:
    """A request on the wire."""

    method: str
    url: str
    """Absolute, ASCII, without a fragment."""
    authority: str
    """host or host:port of the URL, in lower case."""
    headers: tuple[bytes, ...]
    """Lines for libcurl: `name: value`, `name;` for an empty field, `name:` to suppress a field."""
    body: Body | None
    timeout: float | None
    """Seconds for the connect and for each silence, or None for no limit."""
    tls: Tls | None
    """The TLS settings, or None for a plain connection."""
    proxy: Proxy | None = None
    decode_limits: DecodeLimits = USUAL_LIMITS
    on_new_connection: bool = False
    """Whether the transfer needs a connection that has not been used before."""
    delay: float = 0
    """Seconds before the transfer begins."""


@dataclass(slots=True)
class Reply:
    """The server's response to a Transfer."""

    status: int
    head: bytes
    """The received status and header lines of all responses, up to the final response."""
    content: bytes
    """The content, decoded if the coding is known."""
    is_decoded: bool = False
    """Whether `content` was decoded."""
