"""What every contender fetches, and how it says that an answer is wrong.

Rules:
- Every contender looks at the status and the content of every answer, in its own loop: a call of
  ours for each would cost the fast ones more than it costs the slow ones.
- None keeps an answer that it has looked at: that is for the program that asks, not for the client.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from bench.documents import CONTENT

T = TypeVar("T")


@dataclass(frozen=True)
class Load:
    """One URL, fetched so many at once."""

    url: str
    concurrency: int
    content: bytes = CONTENT
    ca_certs: str | None = None
    """A file with the certificates that are to be trusted."""


Fetch: TypeAlias = Callable[[int], None]
"""Fetches the load's URL so many times; raises if an answer is not right."""

Contender: TypeAlias = Callable[[Load], AbstractContextManager[Fetch]]
"""Sets a client up, ready to fetch, and closes it in the end."""


def one_by_one(pending: list[T]) -> Iterator[T]:
    """Each in its turn, which nobody keeps after that."""
    pending.reverse()
    while pending:
        yield pending.pop()


class WrongAnswerError(Exception):
    """An answer is not the one that the server gives."""

    def __init__(self, status: int | None, content: object) -> None:
        super().__init__(f"status {status}, content {content!r}")
