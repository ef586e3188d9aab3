"""EventLog: a list that a server's threads append to, and that a test can wait on.

Rule: a wait in vain fails the test, and shows the list.
"""

import threading
from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")

PATIENCE = 10.0
"""Seconds after which a wait has failed, far above what a passing test waits."""


class EventLog(Generic[T]):
    """Items in the order of their arrival."""

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
        return f"EventLog({self._items!r})"

    def add(self, item: T) -> None:
        with self._added:
            self._items.append(item)
            self._added.notify_all()

    def wait_for(self, count: int, timeout: float = PATIENCE) -> list[T]:
        """Wait for `count` items, and return the first `count` items."""
        with self._added:
            met = self._added.wait_for(lambda: len(self._items) >= count, timeout)
        assert met, f"waited for {count}, but saw {self!r}"
        return self._items[:count]
