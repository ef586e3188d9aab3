"""Origins (RFC 6454): to which of them a secret may go."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """The scheme, host and port of a URL."""

    scheme: str
    host: str
    port: int

    @classmethod
    def of(cls, scheme: str, authority: str) -> Origin:
        """The origin of a URL with this scheme and authority, both in normal form."""
        host, colon, port = authority.rpartition(":")
        if colon and not port.endswith("]"):  # a colon inside an IPv6 address is no port's
            return cls(scheme, host, int(port))
        return cls(scheme, authority, DEFAULT_PORTS[scheme])

    def includes(self, other: Origin) -> bool:
        """Whether `other` is this origin, or the same host upgraded from http to https, both on
        the default port.
        """
        upgraded = self._replace(scheme="https", port=DEFAULT_PORTS["https"])
        is_upgradable = (self.scheme, self.port) == ("http", DEFAULT_PORTS["http"])
        return other == self or (is_upgradable and other == upgraded)
