"""Pioneers: of many transfers to an https origin at once, the first makes the connection.

Before that nobody knows whether the origin speaks HTTP/2, where one connection carries them all.
The others wait until the first has its connection, no longer: then they share it or, on HTTP/1, get
connections of their own.

libcurl can do the former (PIPEWAIT), but on HTTP/1 has them wait until the first transfer is over.
So it is told to only where HTTP/2 was spoken before, for when that connection has been closed.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

from .job import Job

Token = TypeVar("Token", bound=Hashable)


class Pioneers(Generic[Token]):
    """Who goes first to which origin, and who waits for that."""

    def __init__(self) -> None:
        self._speaks_http2: dict[str, bool] = {}
        self._others: dict[str, list[Job[Token]]] = {}  # of each origin that has a pioneer

    def admit(self, job: Job[Token]) -> bool:
        """Whether `job` may go now; if not, `release` says when."""
        origin = job.transfer.authority
        if job.admitted or origin in self._speaks_http2:
            return True
        if origin not in self._others:
            self._others[origin] = []
            job.is_pioneer = True
        elif not job.is_pioneer:
            self._others[origin].append(job)
        return job.is_pioneer

    def release(self, job: Job[Token]) -> list[Job[Token]]:
        """Who waited for `job`, which has its connection now, or will never have one."""
        if not job.is_pioneer:
            return []
        job.is_pioneer = False
        others = self._others.pop(job.transfer.authority)
        for other in others:
            other.admitted = True
        return others

    def learn(self, job: Job[Token], speaks_http2: bool) -> None:
        """`job` was answered."""
        self._speaks_http2[job.transfer.authority] = speaks_http2

    def is_known_without(self, origin: str) -> bool:
        """Whether the origin is known to speak HTTP/1 only."""
        return not self._speaks_http2.get(origin, True)

    def may_share(self, job: Job[Token]) -> bool:
        """Whether it is worth waiting for a connection that another is making."""
        return self._speaks_http2.get(job.transfer.authority, False)
