"""Digest authentication (RFC 7616, 2617 and 2069); and HMACDigest.

Rules:
- Each use of a nonce is counted, in any number of requests at once (RFC 7616, 3.4).
- `nextnonce` and `stale` replace the nonce (3.5 and 3.3).
- Of several challenges the first with a known algorithm is answered (3.7).
- A challenge without a realm counts as one with an empty realm, as in curl.
"""

from __future__ import annotations

import hashlib
import hmac
import itertools
import time
import urllib.parse
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import httplib2

from . import httplib2_rules
from .fields import Parameters, parse_challenges, parse_parameters, quoted, text_of

Headers = dict[str, str]

ALGORITHMS: dict[str, Callable[[bytes], Any]] = {  # Any: a hash, whose type hashlib hides
    "MD5": hashlib.md5,
    "SHA-256": hashlib.sha256,
    "SHA-512-256": partial(hashlib.new, "sha512_256"),
}
SESSION = "-SESS"
HMACS = {"HMAC-SHA-1": "sha1", "HMAC-MD5": "md5"}
PASSWORD_HASHES = {"SHA-1": hashlib.sha1, "MD5": hashlib.md5}


class Session(NamedTuple):
    """A challenge with the state of its nonce. All is one object, which threads replace at once."""

    challenge: Parameters
    cnonce: str
    """The same for the whole session: the key of a "-sess" algorithm is made with the first."""
    counter: itertools.count[int]
    """Counts the uses of the nonce; `next` is atomic."""

    @classmethod
    def of(cls, challenge: Parameters) -> Session:
        """A new session."""
        return cls(challenge, httplib2_rules.cnonce(), itertools.count(1))


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
        challenge = _choose_challenge(response)
        if challenge is None:
            raise httplib2.UnimplementedDigestAuthOptionError(
                f"Digest: {', '.join(ALGORITHMS)} with qop=auth are known, and a nonce is needed",
                response,
                content,
            )
        self._session = Session.of(challenge)

    def request(
        self,
        method: str,
        request_uri: str,
        headers: Headers,
        content: bytes | None,
        cnonce: str | None = None,
    ) -> None:
        """Add the Authorization header."""
        challenge, cnonce_of_session, counter = self._session
        cnonce, count = cnonce or cnonce_of_session, f"{next(counter):08x}"
        algorithm, nonce = challenge["algorithm"], challenge["nonce"]
        key = self._key(challenge, cnonce)
        uses = f"{nonce}:{count}:{cnonce}:auth" if challenge["qop"] else nonce
        a2 = _hash(algorithm, f"{method}:{request_uri}")  # RFC 7616, 3.4.3
        fields = {
            "realm": quoted(challenge["realm"]),
            "nonce": quoted(nonce),
            "uri": quoted(request_uri),
            "algorithm": algorithm,
            "response": quoted(_hash(algorithm, f"{key}:{uses}:{a2}")),
        }
        if challenge["qop"]:
            fields |= {"qop": "auth", "nc": count}
        if challenge["qop"] or _is_session(algorithm):  # a session's key is made with the cnonce
            fields["cnonce"] = quoted(cnonce)
        if opaque := challenge.get("opaque"):
            fields["opaque"] = quoted(opaque)
        joined = ", ".join(f"{name}={value}" for name, value in fields.items())
        headers["authorization"] = f"Digest {self._username(challenge)}, {joined}"

    def _username(self, challenge: Parameters) -> str:
        """The user name (RFC 7616, 3.4.4): as UTF-8 with `charset=UTF-8`, and if not latin-1."""
        name, _ = self.credentials
        is_utf_8 = challenge.get("charset", "").upper() == "UTF-8"
        try:
            name.encode("ascii" if is_utf_8 else "latin-1")
        except UnicodeEncodeError:
            return f"username*=UTF-8''{urllib.parse.quote(name, safe='')}"
        return f"username={quoted(name)}"

    def _key(self, challenge: Parameters, cnonce: str) -> str:
        """RFC 7616, 3.4.2."""
        name, password = self.credentials
        algorithm = challenge["algorithm"]
        key = _hash(algorithm, f"{name}:{text_of(challenge['realm'])}:{password}")
        if _is_session(algorithm):
            return _hash(algorithm, f"{key}:{challenge['nonce']}:{cnonce}")
        return key

    def response(self, response: httplib2.Response, content: bytes | None) -> bool:
        """Use the server's new nonce, if given; True to send the request again."""
        if "authentication-info" in response:
            info = parse_parameters(response["authentication-info"])
            if "nextnonce" in info:
                self._session = Session.of(self._session.challenge | {"nonce": info["nextnonce"]})
            return False
        challenge = _choose_challenge(response)
        if challenge is None or challenge.get("stale", "").lower() != "true":
            return False
        self._session = Session.of(challenge)
        return True


def _choose_challenge(response: httplib2.Response) -> Parameters | None:
    """The first Digest challenge that can be answered. `qop` is "auth", or empty if the server
    offers none (RFC 2069).
    """
    for scheme, challenge in parse_challenges(response):
        algorithm = challenge.get("algorithm", "MD5")
        is_known = algorithm.upper().removesuffix(SESSION) in ALGORITHMS
        qops = challenge.get("qop", "").lower().replace(",", " ").split()
        if scheme != "digest" or "nonce" not in challenge or not is_known:
            continue
        if not qops or "auth" in qops:
            qop = "auth" if qops else ""
            return {"realm": ""} | challenge | {"algorithm": algorithm, "qop": qop}
    return None


def _is_session(algorithm: str) -> bool:
    return algorithm.upper().endswith(SESSION)


def _hash(algorithm: str, text: str) -> str:
    digest: str = ALGORITHMS[algorithm.upper().removesuffix(SESSION)](text.encode()).hexdigest()
    return digest


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
        self.challenge = {"realm": ""} | _hmac_challenge(response)
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
            f"HMACDigest username={quoted(self.credentials[0])},"
            f" realm={quoted(self.challenge['realm'])}, snonce={quoted(snonce)},"
            f' cnonce="{cnonce}", uri={quoted(request_uri)}, created="{created}",'
            f' response="{proof}", headers="{"".join(f"{name} " for name in names)}"'
        )

    def response(self, response: httplib2.Response, content: bytes | None) -> bool:
        """True to send the request again, with the server's new nonce."""
        challenge = _hmac_challenge(response)
        if not challenge.get("snonce") or challenge.get("reason") not in ("integrity", "stale"):
            return False
        self.challenge = self.challenge | {"snonce": challenge["snonce"]}
        return True


def _hmac_challenge(response: httplib2.Response) -> Parameters:
    found = (each.parameters for each in parse_challenges(response) if each.scheme == "hmacdigest")
    return next(found, {})
