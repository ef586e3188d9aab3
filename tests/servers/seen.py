"""What a server saw: a list that its threads add to and that a test can wait on.

Rule: a wait that is not met fails the test that waits, and shows what was seen instead.
"""

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds after which a wait has failed; no test that passes comes near it."""


class Seen(Generic[T]):
    """Things in the order in which they were seen."""

    def __init__(self) -> None:
        self._items: list[T] = []
        self._added = threading.Condition()

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return iter(list(self._items))

    def __getitem__(self, index: int) -> T:
        return self._items[index]

    def __repr__(self) -> str:
        return f"Seen({self._items!r})"

    def add(self, item: T) -> None:
        with self._added:
            self._items.append(item)
            self._added.notify_all()

    def wait_for(self, count: int, timeout: float = PATIENCE) -> list[T]:
        """Waits until `count` things were seen and returns these."""
        with self._added:
            met = self._added.wait_for(lambda: len(self._items) >= count, timeout)
        assert met, f"waited for {count}, but saw {self!r}"
        return self._items[:count]
