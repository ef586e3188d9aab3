"""The load that every contender fetches, and the error for a wrong answer.

Rules:
- Every contender looks at the status and the content of every answer, in its own loop: a call of
  ours for each answer would cost fast contenders more than slow ones.
- No contender keeps an answer after the look: keeping is the program's business, not the client's.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from bench.documents import CONTENT

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """A URL, with so many requests at once."""

    url: str
    concurrency: int
    content: bytes = CONTENT
    ca_certs: str | None = None
    """A file with the trusted certificates."""


Fetch: TypeAlias = Callable[[int], None]
"""Fetches the load's URL so many times; raises if an answer is not right."""

Contender: TypeAlias = Callable[[Load], AbstractContextManager[Fetch]]
"""Sets a client up, ready to fetch, and closes it in the end."""


class Pending(Protocol):
    """A request in the background."""

    def done(self) -> bool: ...


P = TypeVar("P", bound=Pending)


@dataclass(frozen=True)
class Background(Generic[P]):
    """A client that fetches while the main thread does other work."""

    ask: Callable[[int], list[P]]
    """Asks for the load's URL so many times, and returns at once."""
    look: Callable[[P], None]
    """Looks at one answer; raises if the answer is not right."""


BackgroundContender: TypeAlias = Callable[[Load], AbstractContextManager[Background[Any]]]
"""Sets a client up, ready to be asked; in the end cancels what is still pending."""


def one_by_one(pending: list[T]) -> Iterator[T]:
    """Each of these in its turn, and no reference to any of them after its turn."""
    pending.reverse()
    while pending:
        yield pending.pop()


class WrongAnswerError(Exception):
    """An answer is not the one that the server gives."""

    def __init__(self, status: int | None, content: object) -> None:
        super().__init__(f"status {status}, content {content!r}")
