"""A certificate authority of the tests' own, and the signed certificates.

Rule: no client trusts the authority by default. A client has to be given `Authority.pem`.
"""

import itertools
import ssl
from datetime import UTC, datetime
from pathlib import Path

import trustme


class Authority:
    """Signs certificates; a client that is given the file `pem` trusts the certificates."""

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


def sign_for_this_machine(authority: Authority) -> Path:
    """A good certificate for the names under which a test reaches this machine."""
    return authority.sign("localhost", "127.0.0.1", "::1")


def sign_expired(authority: Authority) -> Path:
    """A certificate for this machine that expired long ago."""
    return authority.sign("localhost", "127.0.0.1", expires=datetime(2011, 1, 1, tzinfo=UTC))


def sign_for_other_host(authority: Authority) -> Path:
    """A certificate for a host other than this machine."""
    return authority.sign("elsewhere.test")


def tls_server_context(pem: Path) -> ssl.SSLContext:
    """The server's side of TLS, with the key and certificate of `pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context
