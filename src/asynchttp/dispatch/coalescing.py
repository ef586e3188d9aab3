"""Coalescer: requests that wait for the answer of an equal request, the leader.

Rule: bookkeeping only. The caller of `take_followers` goes on with the followers, outside the lock.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from ..messages.step import Coalesce
from ..process.native import threading

W = TypeVar("W")


class Coalescer(Generic[W]):
    """The leaders and followers of one Http."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._leaders: dict[tuple[str, Hashable], W] = {}
        self.followers: dict[W, tuple[Coalesce, list[W]]] = {}
        """By leader; empty when no request has asked for coalescing."""

    def join(self, step: Coalesce, work: W) -> bool:
        """Make `work` a follower, if the key has a leader, otherwise a leader; returns which:
        True for a follower.
        """
        with self._lock:
            leader = self._leaders.setdefault(step.key, work)
            if leader is work:
                self.followers[work] = step, []
                return False
            self.followers[leader][1].append(work)
            return True

    def take_followers(self, work: W) -> tuple[Coalesce, list[W]] | None:
        """End the lead of `work`, and return the followers, or None if `work` is no leader."""
        if work not in self.followers:  # the usual case, without the lock
            return None
        with self._lock:
            if (taken := self.followers.pop(work, None)) is None:
                return None  # taken by another thread meanwhile
            step, followers = taken
            if self._leaders.get(step.key) is work:
                del self._leaders[step.key]
            return step, followers

    def stop_coalescing(self, url: str) -> None:
        """Let no more requests join the leaders for `url`."""
        with self._lock:
            for key in [key for key in list(self._leaders) if key[0] == url]:
                self._leaders.pop(key, None)  # a finalizer may have removed `key` meanwhile

    def remove_follower(self, work: W) -> bool:
        """End the wait of `work` for a leader; False if `work` is no follower."""
        with self._lock:
            for _, followers in list(self.followers.values()):
                if work in followers:
                    followers.remove(work)
                    return True
            return False
