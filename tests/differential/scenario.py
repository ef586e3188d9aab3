"""Scenarios: the servers' answers and the client's requests, as values that are short to read.

Rules:
- All classes are frozen and compare by value; a `repr` omits default values, and can be pasted into
  a test.
- URLs name one of three servers: "http://one", "http://two" and "https://three". Real addresses
  replace these names in everything sent (`tests.differential.server`).
- In a value of a header field, "@-60" is the date of a minute ago on the scenario's own clock.
"""

from dataclasses import dataclass, fields
from typing import Any

Fields = tuple[tuple[str, str], ...]
"""Header fields, in order; names may come more than once."""


class ReprWithoutDefaults:
    """A dataclass whose `repr` omits default values."""

    def __repr__(self) -> str:
        values = ((field, getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]  # dataclasses all
        said = (f"{field.name}={value!r}" for field, value in values if value != field.default)
        return f"{type(self).__name__}({', '.join(said)})"

    # Any: hypothesis's printer.
    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self))


@dataclass(frozen=True, repr=False)
class Answer(ReprWithoutDefaults):
    """An answer of a server."""

    status: int = 200
    """0: no head, only the content."""
    fields: Fields = ()
    content: bytes = b"content"
    coding: str = ""
    """The value of Content-Encoding."""
    packed: bool = True
    """Whether the content is really encoded by a known `coding`; if not, the header lies."""
    framing: str = "length"
    """How the content ends; see `tests.differential.server.FRAMINGS`."""
    reason: str = "Reason"
    version: str = "HTTP/1.1"


@dataclass(frozen=True, repr=False)
class RequiredCredentials(ReprWithoutDefaults):
    """The credentials that a request needs; other requests are answered with 401."""

    challenges: tuple[str, ...]
    """Values of WWW-Authenticate, in which NONCE stands for the current nonce."""
    user: str = ""
    """The accepted user name; empty to accept any name and password."""
    uses: int = 1000
    """The nonce changes after so many accepted requests."""
    stale: bool = True
    """Whether a 401 for an old nonce says `stale=true`."""


@dataclass(frozen=True, repr=False)
class Resource(ReprWithoutDefaults):
    """A URL and its answers, one for each request, in order; the last answer is repeated.

    If `validates`, a request that names the answer's ETag or Last-Modified gets 304.
    """

    url: str
    answers: tuple[Answer, ...] = (Answer(),)
    validates: bool = False
    guard: RequiredCredentials | None = None


@dataclass(frozen=True, repr=False)
class Visit(ReprWithoutDefaults):
    """A request of the client, with the settings and the time before the request."""

    url: str
    method: str = "GET"
    headers: Fields = ()
    body: bytes | None = None
    redirections: int = 5
    after: int = 0
    """Seconds that pass before the request."""
    settings: tuple[tuple[str, object], ...] = ()
    """Attributes of the client that are set before the request."""


@dataclass(frozen=True, repr=False)
class Scenario(ReprWithoutDefaults):
    """Servers, and a client that makes requests one by one."""

    resources: tuple[Resource, ...]
    visits: tuple[Visit, ...]
    cache: bool = False
    credentials: tuple[tuple[str, str, str], ...] = ()
    """Names, passwords and domains (as in a URL; empty for all domains)."""
