"""Digest authentication (RFC 7616) with MD5 and SHA-256; and HMACDigest.

Rules:
- Each use of a nonce is counted, in any number of requests at once (RFC 7616, 3.4).
- `nextnonce` and `stale` replace the nonce (3.5 and 3.3).
- Of several challenges the first with a known algorithm is answered (3.7).
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import time
from collections.abc import Callable
from typing import Any

import httplib2

from . import httplib2_rules

Fields = dict[str, str]
Headers = dict[str, str]

ALGORITHMS: dict[str, Callable[[bytes], Any]] = {  # Any: a hash, whose type hashlib hides
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
}
SESSION = "-SESS"
HMACS = {"HMAC-SHA-1": "sha1", "HMAC-MD5": "md5"}
PASSWORD_HASHES = {"SHA-1": hashlib.sha1, "MD5": hashlib.md5}


class Digest(httplib2.DigestAuthentication):
    """Answers a Digest challenge."""

    def __init__(
        self,
        credentials: tuple[str, str],
        host: str,
        request_uri: str,
        headers: Headers,
        response: httplib2.Response,
        content: bytes,
        http: object,
    ) -> None:
        httplib2.Authentication.__init__(
            self, credentials, host, request_uri, headers, response, content, http
        )
        self.challenge: Fields = self._choose_challenge(response, content)
        self._use(self.challenge["nonce"])

    def _choose_challenge(self, response: httplib2.Response, content: bytes) -> Fields:
        challenges = httplib2_rules.parse_digest_challenges(response)
        for challenge in challenges:
            algorithm = challenge.get("algorithm", "MD5").upper()
            qops = [qop.strip() for qop in challenge.get("qop", "auth").split(",")]
            if algorithm.removesuffix(SESSION) in ALGORITHMS and "auth" in qops:
                return challenge | {"algorithm": algorithm, "qop": "auth"}
        raise httplib2.UnimplementedDigestAuthOptionError(
            f"Digest: MD5 and SHA-256 with qop=auth are known, not {challenges}", response, content
        )

    def _use(self, nonce: str) -> None:
        # In a single tuple, since other threads read both; `next` of a counter is atomic.
        self._nonce = nonce, itertools.count(1)

    def request(
        self,
        method: str,
        request_uri: str,
        headers: Headers,
        content: bytes | None,
        cnonce: str | None = None,
    ) -> None:
        """Add the Authorization header."""
        nonce, counter = self._nonce
        count, cnonce = f"{next(counter):08x}", cnonce or httplib2_rules.cnonce()
        a2 = self._hash(f"{method}:{request_uri}")  # RFC 7616, 3.4.3
        proof = f"{self._hashed_a1(nonce, cnonce)}:{nonce}:{count}:{cnonce}:auth:{a2}"
        fields = {
            "username": f'"{self.credentials[0]}"',
            "realm": f'"{self.challenge["realm"]}"',
            "nonce": f'"{nonce}"',
            "uri": f'"{request_uri}"',
            "algorithm": self.challenge["algorithm"],
            "response": f'"{self._hash(proof)}"',
            "qop": "auth",
            "nc": count,
            "cnonce": f'"{cnonce}"',
        }
        if opaque := self.challenge.get("opaque"):
            fields["opaque"] = f'"{opaque}"'
        joined = ", ".join(f"{name}={value}" for name, value in fields.items())
        headers["authorization"] = f"Digest {joined}"

    def _hashed_a1(self, nonce: str, cnonce: str) -> str:
        """RFC 7616, 3.4.2."""
        name, password = self.credentials
        a1 = self._hash(f"{name}:{self.challenge['realm']}:{password}")
        if self.challenge["algorithm"].endswith(SESSION):
            return self._hash(f"{a1}:{nonce}:{cnonce}")
        return a1

    def _hash(self, text: str) -> str:
        kind = ALGORITHMS[self.challenge["algorithm"].removesuffix(SESSION)]
        digest: str = kind(text.encode("utf-8")).hexdigest()
        return digest

    def response(self, response: httplib2.Response, content: bytes | None) -> bool:
        """Use the server's new nonce, if given; True to send the request again."""
        if "authentication-info" in response:
            info = httplib2_rules.parse_authentication_info(response)
            if "nextnonce" in info:
                self._use(info["nextnonce"])
            return False
        challenges = httplib2_rules.parse_digest_challenges(response)
        stale = [each for each in challenges if each.get("stale", "").lower() == "true"]
        if stale:
            self._use(stale[0]["nonce"])
        return bool(stale)


class HmacDigest(httplib2.HmacDigestAuthentication):
    """Answers an HMACDigest challenge. httplib2's class means to, but fails on text."""

    def __init__(
        self,
        credentials: tuple[str, str],
        host: str,
        request_uri: str,
        headers: Headers,
        response: httplib2.Response,
        content: bytes,
        http: object,
    ) -> None:
        httplib2.Authentication.__init__(
            self, credentials, host, request_uri, headers, response, content, http
        )
        self.challenge: Fields = httplib2_rules.parse_challenges(response)["hmacdigest"]
        self._algorithm = HMACS.get(self.challenge.get("algorithm", "HMAC-SHA-1"), "")
        self._hash_password = PASSWORD_HASHES.get(self.challenge.get("pw-algorithm", "SHA-1"))
        if not (self.challenge.get("snonce") and self._algorithm and self._hash_password):
            raise httplib2.UnimplementedHmacDigestAuthOptionError(
                f"HMACDigest: it needs an snonce and known algorithms: {self.challenge}",
                response,
                content,
            )

    def _key(self) -> str:
        name, password = self.credentials
        hashed = self._hash(password + self.challenge.get("salt", ""))
        return self._hash(f"{name}:{hashed}:{self.challenge['realm']}")

    def _hash(self, text: str) -> str:
        assert self._hash_password is not None  # checked by __init__
        return self._hash_password(text.encode("utf-8")).hexdigest()

    def request(
        self, method: str, request_uri: str, headers: Headers, content: bytes | None
    ) -> None:
        """Add the Authorization header."""
        names = httplib2_rules.end_to_end(headers)
        values = "".join(headers[name] for name in names)
        created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        cnonce, snonce = httplib2_rules.cnonce(), self.challenge["snonce"]
        signed = f"{method}:{request_uri}:{cnonce}:{snonce}:{values}"
        proof = hmac.new(self._key().encode(), signed.encode("utf-8"), self._algorithm).hexdigest()
        headers["authorization"] = (
            f'HMACDigest username="{self.credentials[0]}", realm="{self.challenge["realm"]}",'
            f' snonce="{snonce}", cnonce="{cnonce}", uri="{request_uri}", created="{created}",'
            f' response="{proof}", headers="{"".join(f"{name} " for name in names)}"'
        )
