"""Fields of responses, parsed as far as the server kept to the rules: no text is an error.

httplib2 raises MalformedHeader for a whole field of which it does not know a part.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

Parameters = dict[str, str]

_TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_SEPARATORS = re.compile(r"[\s,]*")
_PARAMETER = re.compile(rf"({_TOKEN})\s*+=\s*+({_QUOTED}|{_TOKEN})", re.DOTALL)
_SCHEME = re.compile(rf"({_TOKEN})(?=[\s,]|\Z)")
_TOKEN68 = re.compile(r"\s++[-._~+/0-9A-Za-z]+=*+\s*+(?=,|\Z)")
_NONSENSE = re.compile(rf'{_QUOTED}|".*|[^\s,"]+', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)


class Challenge(NamedTuple):
    """A challenge of WWW-Authenticate (RFC 9110, 11.6.1)."""

    scheme: str
    """In lower case."""
    parameters: Parameters
    """By names in lower case."""


def parse_challenges(response: Mapping[str, str]) -> list[Challenge]:
    """The challenges of WWW-Authenticate, in order."""
    challenges: list[Challenge] = []
    for found in _parts(response.get("www-authenticate", "")):
        if found.re is _SCHEME:
            challenges.append(Challenge(found[1].lower(), {}))
        elif found.re is _PARAMETER and challenges:
            challenges[-1].parameters[found[1].lower()] = _unquoted(found[2])
    return challenges


def parse_parameters(value: str) -> Parameters:
    """The parameters of a field such as Authentication-Info, by names in lower case."""
    parts = (found for found in _parts(value) if found.re is _PARAMETER)
    return {found[1].lower(): _unquoted(found[2]) for found in parts}


def _parts(value: str) -> Iterator[re.Match[str]]:
    """The schemes, parameters and other parts of a field, separated by commas or spaces."""
    at = _end_of(_SEPARATORS, value, 0)
    while at < len(value):
        found = (
            _PARAMETER.match(value, at) or _SCHEME.match(value, at) or _NONSENSE.match(value, at)
        )
        assert found is not None  # _NONSENSE is whatever is no separator
        yield found
        at = found.end()
        if found.re is _SCHEME:
            at = _end_of(_TOKEN68, value, at)
        at = _end_of(_SEPARATORS, value, at)


def _end_of(pattern: re.Pattern[str], value: str, at: int) -> int:
    """The end of the pattern's match at this place; the place itself without a match."""
    found = pattern.match(value, at)
    return at if found is None else found.end()


def _unquoted(value: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", value[1:-1]) if value[0] == '"' else value


def quoted(value: str) -> str:
    """The value as a quoted-string (RFC 9110, 5.6.4)."""
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


def text_of(value: str) -> str:
    """The text of a field value, whose bytes are UTF-8 if possible, or else latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
