"""A certificate for the server, from a new authority."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from trustme import CA


@dataclass(frozen=True)
class Certificate:
    """The files for a server, and the authority's file for the clients."""

    chain: Path
    key: Path
    authority: Path


def make_certificate(directory: Path) -> Certificate:
    made = Certificate(directory / "chain.pem", directory / "key.pem", directory / "ca.pem")
    authority = CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(made.authority)
    made.chain.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    made.key.write_bytes(_as_pkcs8(issued.private_key_pem.bytes()))
    return made


def _as_pkcs8(pem: bytes) -> bytes:
    """PKCS #8, the only format that granian reads."""
    key = load_pem_private_key(pem, password=None)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
