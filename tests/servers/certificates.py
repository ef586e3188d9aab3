"""A certificate authority of the tests' own, and what it signs.

Rule: nothing is trusted by default. A client has to be given `Authority.pem`.
"""

import itertools
import ssl
from datetime import UTC, datetime
from pathlib import Path

import trustme


class Authority:
    """Signs certificates; `pem` is the file that makes a client trust them."""

    def __init__(self, directory: Path) -> None:
        self._ca = trustme.CA()
        self._directory = directory
        self._numbers = itertools.count(1)
        self.pem = directory / "authority.pem"
        self._ca.cert_pem.write_to_path(str(self.pem))

    def sign(self, *names: str, expires: datetime | None = None) -> Path:
        """A PEM file with a new key and the certificate of `names`."""
        signed = self._ca.issue_cert(*names, not_after=expires)
        pem = self._directory / f"{names[0]}-{next(self._numbers)}.pem"
        signed.private_key_and_cert_chain_pem.write_to_path(str(pem))
        return pem


def local(authority: Authority) -> Path:
    """A good certificate for the names under which a test reaches this machine."""
    return authority.sign("localhost", "127.0.0.1", "::1")


def expired(authority: Authority) -> Path:
    """Local, but of a time long gone."""
    return authority.sign("localhost", "127.0.0.1", expires=datetime(2011, 1, 1, tzinfo=UTC))


def elsewhere(authority: Authority) -> Path:
    """For a name that is not this machine's."""
    return authority.sign("elsewhere.test")


def server_context(pem: Path) -> ssl.SSLContext:
    """The server's side of TLS, with the key and certificate of `pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
