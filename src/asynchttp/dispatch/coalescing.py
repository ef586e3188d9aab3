"""Coalescer: which requests wait for the answer of another that is the same.

Rule: bookkeeping only. Whoever calls goes on with the work that `end` gives, outside the lock.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

from ..messages.step import Coalesce

W = TypeVar("W")


class Coalescer(Generic[W]):
    """The shared work of one Http."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._first: dict[tuple[str, Hashable], W] = {}  # by key, who others wait for
        self.waiting: dict[W, tuple[Coalesce, list[W]]] = {}
        """By who they wait for; empty when there is nothing to share."""

    def join(self, share: Coalesce, work: W) -> bool:
        """Whether `work` has to wait for another; else others wait for it from now on."""
        with self._lock:
            first = self._first.setdefault(share.key, work)
            if first is work:
                self.waiting[work] = share, []
                return False
            self.waiting[first][1].append(work)
            return True

    def end(self, work: W) -> tuple[Coalesce, list[W]] | None:
        """Nobody waits for `work` any more: who did, if others could."""
        if work not in self.waiting:  # so for most work: without the lock
            return None
        with self._lock:
            if (ended := self.waiting.pop(work, None)) is None:
                return None  # another thread has ended the share
            share, waiting = ended
            if self._first.get(share.key) is work:
                del self._first[share.key]
            return share, waiting

    def forget(self, url: str) -> None:
        """Nobody joins what is under way for `url`."""
        with self._lock:
            for key in [key for key in list(self._first) if key[0] == url]:
                self._first.pop(key, None)  # in the middle of it a finalizer may come back here

    def withdraw(self, work: W) -> bool:
        """It does not wait any more; False if it did not."""
        with self._lock:
            for _, waiting in list(self.waiting.values()):
                if work in waiting:
                    waiting.remove(work)
                    return True
            return False
