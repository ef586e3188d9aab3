"""The load that every contender fetches, and the error for a wrong answer.

Rules:
- Every contender looks at the status and content of every answer in its own loop: a shared function
  for the look would cost a fast contender a larger share of the time.
- No contender keeps an answer after the look: keeping answers is the program's cost, not the
  client's.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from bench.documents import CONTENT

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """A URL, and the number of requests at once."""

    url: str
    concurrency: int
    content: bytes = CONTENT
    ca_certs: str | None = None
    """The path of a file with trusted certificates."""


Fetch: TypeAlias = Callable[[int], None]
"""Fetches the load's URL so many times. Raises `WrongAnswerError`."""

Contender: TypeAlias = Callable[[Load], AbstractContextManager[Fetch]]
"""Makes a client that is ready to fetch; closes the client at the end."""


class Pending(Protocol):
    """A request in the background."""

    def done(self) -> bool: ...


P = TypeVar("P", bound=Pending)


@dataclass(frozen=True)
class Background(Generic[P]):
    """A client that fetches while the main thread does other work."""

    ask: Callable[[int], list[P]]
    """Requests the load's URL so many times, and returns at once."""
    look: Callable[[P], None]
    """Looks at an answer. Raises `WrongAnswerError`."""


BackgroundContender: TypeAlias = Callable[[Load], AbstractContextManager[Background[Any]]]
"""Makes a client that is ready to fetch; cancels pending requests at the end."""


def one_by_one(pending: list[T]) -> Iterator[T]:
    """Yield the items in order, each without keeping a reference."""
    pending.reverse()
    while pending:
        yield pending.pop()


class WrongAnswerError(Exception):
    """A client's answer is not the server's."""

    def __init__(self, status: int | None, content: object) -> None:
        super().__init__(f"status {status}, content {content!r}")
