"""Entries of the cache in httplib2's format, so that each library reads the entries of the other.

httplib2 writes the header fields with `email`, which takes 0.1 ms for usual fields, and minutes for
a field of 300 kB, which a server may send. This file writes the lines. Text that is not printable
ASCII is an encoded word (RFC 2047), which httplib2 decodes.

An entry may have fields that only asynchttp reads; httplib2 keeps these fields. A server cannot
send such fields: the names of a response's fields never begin with "-".

-asynchttp-asked-by       a salt, and the salted digest of whose credentials the request had;
                          entries without the field, as httplib2 writes them, count as nobody's
-asynchttp-asked-at       the time of the request, if the response has an Age
-asynchttp-lengths-NAME   the lengths of the values of a field that came several times

httplib2 drops Content-Encoding of every content. The field stays where the content is stored as
encoded (RFC 9111, 3.1); the Response of a decoded content has no such field.
"""

from __future__ import annotations

import base64
import email
import email.header
import hashlib
import re
import secrets
from collections.abc import Iterator, Mapping
from email.message import Message
from typing import NamedTuple

from ..messages.response import Response
from ..messages.settings import Cache
from . import httplib2_rules

OWN = "-asynchttp-"
ASKED_BY, ASKED_AT, LENGTHS = f"{OWN}asked-by", f"{OWN}asked-at", f"{OWN}lengths-"

_NAME = re.compile(r"[!-9;-~]+")
_PLAIN = re.compile(r"[\t -~]*")
_NEVER_IN_VALUE = re.compile(r"[\r\n\0]")
_ABOUT_THE_COPY = frozenset(("status", "transfer-encoding"))


class Entry(NamedTuple):
    """A stored response."""

    info: httplib2_rules.Fields
    content: bytes
    asked_by: str
    """A salt and a digest; empty for nobody."""
    asked_at: int | None
    """Seconds since the epoch, if the response has an Age."""
    several: dict[str, list[str]]
    """The values of fields that came several times."""

    def is_for(self, asker: str) -> bool:
        """Whether the entry was asked for by `asker`, or is for everybody (RFC 9111, 3.5)."""
        directives = httplib2_rules.cache_control(self.info).keys()
        if directives & {"public", "s-maxage"} and "private" not in directives:
            return True
        salt = self.asked_by.partition(" ")[0]
        return self.asked_by == (_salted(asker, salt) if asker else "")

    def response(self) -> Response:
        """The stored response, as served from the cache."""
        response = Response(self.info)
        response._several = self.several
        response.fromcache = True
        return response


# Reading.


def read_entry(stored: bytes) -> Entry:
    """Read an entry; raises any exception if the bytes are no entry."""
    head, content = stored.split(b"\r\n\r\n", 1)
    info, own = Message(), {}
    for name, value in email.message_from_bytes(head).items():
        if name.startswith(OWN):
            own[name] = value
        else:
            info[name] = _decoded(value)
    if "-x-permanent-redirect-url" in info and info["status"] not in ("301", "308"):
        raise ValueError("a field of httplib2's, which a server has sent to httplib2")
    int(info["status"])
    asked_at = own.get(ASKED_AT)
    return Entry(
        info,
        content,
        own.get(ASKED_BY, ""),
        None if asked_at is None else int(asked_at),
        dict(_several(info, own)),
    )


def _decoded(value: str) -> str:
    """The text of a value that may be an encoded word."""
    if value.startswith("=?") and value.endswith("?="):
        part, charset = email.header.decode_header(value)[0]
        value = part if charset is None else str(part, charset)
    if _NEVER_IN_VALUE.search(value):
        raise ValueError("a value with a line break")
    value.encode("latin-1")  # raises a UnicodeEncodeError: a validator has to be sent
    return value


def _several(
    info: httplib2_rules.Fields, own: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    """The values that `_own_fields` tells apart."""
    for key, lengths in own.items():
        name = key.removeprefix(LENGTHS)
        if name != key:
            yield name, list(_split(info.get(name, ""), [int(each) for each in lengths.split()]))


def _split(joined: str, lengths: list[int]) -> Iterator[str]:
    start = 0
    for length in lengths:
        yield joined[start : start + length]
        start += length + len(", ")


# Writing.


def store_entry(
    headers: dict[str, str],
    response: Response,
    content: bytes,
    cache: Cache,
    key: str,
    asker: str = "",
    asked_at: float = 0.0,
) -> None:
    """Store the response to `asker` under `key`. Delete the entry where the request (whose fields
    are `headers`) or the response forbids storing (RFC 9111, 5.2.1.5 and 5.2.2.5), or has a field
    that no entry can have.
    """
    fields = [*_own_fields(response, asker, asked_at), *_fields(headers, response)]
    if _forbids(headers, response) or not all(_NAME.fullmatch(name) for name, _ in fields):
        cache.delete(key)
        return
    status = 200 if response.status == 304 else response.status
    lines = [f"status: {status}", *(f"{name}: {_encoded(value)}" for name, value in fields)]
    cache.set(key, "\r\n".join([*lines, "", ""]).encode("ascii") + content)


def _forbids(headers: Mapping[str, str], response: Response) -> bool:
    return any("no-store" in httplib2_rules.cache_control(fields) for fields in (headers, response))


def _encoded(value: str) -> str:
    """The value as ASCII. A value with the look of an encoded word would be decoded: encode it."""
    if _PLAIN.fullmatch(value) and not (value.startswith("=?") and value.endswith("?=")):
        return value
    return f"=?utf-8?b?{base64.b64encode(value.encode()).decode()}?="


def _own_fields(response: Response, asker: str, asked_at: float) -> Iterator[tuple[str, str]]:
    """The fields that only asynchttp reads, if any is needed."""
    if asker:
        yield ASKED_BY, _salted(asker, secrets.token_hex(16))
    if "age" in response:
        yield ASKED_AT, str(int(asked_at))
    for name in response.several:
        values = response.getall(name)
        if len(values) > 1:
            yield LENGTHS + name, " ".join(str(len(value)) for value in values)


def _salted(asker: str, salt: str) -> str:
    """The salt, and the digest of the asker with the salt."""
    text = f"{salt} {asker}".encode("utf-8", "surrogatepass")
    return f"{salt} {hashlib.blake2b(text, digest_size=16).hexdigest()}"


def _fields(headers: Mapping[str, str], response: Response) -> Iterator[tuple[str, str]]:
    """The fields of the response, and the request's fields named by Vary (RFC 9111, 4.1)."""
    yield from (item for item in response.items() if item[0] not in _ABOUT_THE_COPY)
    for name in response.get("vary", "").lower().replace(" ", "").split(","):
        if name in headers:
            yield f"-varied-{name}", headers[name]
