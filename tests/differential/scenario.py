"""What is played: what servers answer and what is asked of them, as values that are short to read.

Rules:
- Everything is frozen and compares by value; a `repr` leaves out what is as always, and can be
  pasted into a test.
- URLs name one of three servers: "http://one", "http://two" and "https://three". Their real
  addresses take these names' places in all that is sent (`tests.differential.server`).
- In a value of a header field, "@-60" is the date of a minute ago on the scenario's own clock.
"""

from dataclasses import dataclass, fields
from typing import Any

Fields = tuple[tuple[str, str], ...]
"""Header fields, in order; names may come more than once."""


class Terse:
    """Shown without what has its default value."""

    def __repr__(self) -> str:
        values = ((field, getattr(self, field.name)) for field in fields(self))  # type: ignore[arg-type]  # dataclasses all
        said = (f"{field.name}={value!r}" for field, value in values if value != field.default)
        return f"{type(self).__name__}({', '.join(said)})"

    # Any: hypothesis's printer.
    def _repr_pretty_(self, printer: Any, _: bool) -> None:
        printer.text(repr(self))


@dataclass(frozen=True, repr=False)
class Answer(Terse):
    """One answer of a server."""

    status: int = 200
    fields: Fields = ()
    content: bytes = b"content"
    coding: str = ""
    """What Content-Encoding says; what it means is done, too, where that is known."""
    packed: bool = True
    """False: it is not done, and Content-Encoding lies."""
    framing: str = "length"
    """How the content ends; see `tests.differential.server.FRAMINGS`."""
    reason: str = "Reason"
    version: str = "HTTP/1.1"


@dataclass(frozen=True, repr=False)
class Guard(Terse):
    """What a request has to know to get an answer other than 401."""

    challenges: tuple[str, ...]
    """Each a WWW-Authenticate. NONCE in it stands for the nonce that counts at the time."""
    user: str = ""
    """Who is let in; empty for everyone that has a name and password, whatever these are."""
    uses: int = 1000
    """After so many requests let in comes another nonce."""
    stale: bool = True
    """Whether it says that a nonce is stale."""


@dataclass(frozen=True, repr=False)
class Resource(Terse):
    """What is found at a URL: an answer for each request, in order; the last is given ever after.

    A request that names the answer's ETag or Last-Modified gets 304 if it `validates`.
    """

    url: str
    answers: tuple[Answer, ...] = (Answer(),)
    validates: bool = False
    guard: Guard | None = None


@dataclass(frozen=True, repr=False)
class Visit(Terse):
    """One request."""

    url: str
    method: str = "GET"
    headers: Fields = ()
    body: bytes | None = None
    redirections: int = 5
    after: int = 0
    """Seconds that pass before it."""
    settings: tuple[tuple[str, object], ...] = ()
    """Attributes of the client that are set before it."""


@dataclass(frozen=True, repr=False)
class Scenario(Terse):
    """Servers, and a client that makes requests one by one."""

    resources: tuple[Resource, ...]
    visits: tuple[Visit, ...]
    cache: bool = False
    credentials: tuple[tuple[str, str, str], ...] = ()
    """Names, passwords and the domains (as in a URL) that they are for; empty for all."""
