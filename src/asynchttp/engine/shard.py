"""Shard: one libcurl multi handle, its sockets, and the transfers under way on it.

Whenever something happens, libcurl looks at every transfer of the handle (`perform`), and among all
its connections for each new one. Several handles, each with its share of the transfers, keep the
cost of one flat.

Rule: this file alone calls `perform`, and adds and removes handles.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

import pycurl

from .easy import Easy
from .job import Job
from .names import Host

SIZE = 100  # transfers

Token = TypeVar("Token", bound=Hashable)


class Shard(Generic[Token]):
    """A multi handle with its part of the transfers."""

    def __init__(self) -> None:
        self.under_way: dict[pycurl.Curl, Job[Token]] = {}
        """The transfers that libcurl has."""
        self._loaded: dict[Host, tuple[str, ...]] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_MAXCONNECTS, SIZE)
        self._sent: dict[Easy, int] = {}  # bytes, of each that has a body to send
        self.resolving: set[Easy] = set()
        """Those that libcurl's resolver works for."""
        self._running = 0  # transfers that libcurl still works on, as it last said
        self.fdset = self._multi.fdset
        self.is_ready = False
        """Whether there is something for `act` to do."""

    def load(self, easy: Easy, known: Sequence[tuple[Host, tuple[str, ...]]]) -> None:
        """Let libcurl know the addresses of hosts, unless it does."""
        news = [(host, found) for host, found in known if self._loaded.get(host) != found]
        if news:
            self._loaded.update(news)
            easy.know(news)

    def add(self, job: Job[Token], easy: Easy) -> None:
        """Start a prepared transfer."""
        job.shard = self
        body, proxy = job.transfer.body, job.transfer.proxy
        if body is not None:
            self._sent[easy] = 0
        if proxy is not None and proxy.wants_address:
            self.resolving.add(easy)
        self.under_way[easy.curl] = job
        self._multi.add_handle(easy.curl)
        self._running += 1
        self.is_ready = True

    def remove(self, easy: Easy) -> None:
        """Stop a transfer; on HTTP/1 its connection closes, on HTTP/2 its stream is reset."""
        del self.under_way[easy.curl]
        self._forget(easy)
        self._multi.remove_handle(easy.curl)

    def _forget(self, easy: Easy) -> None:
        self._sent.pop(easy, None)
        self.resolving.discard(easy)

    def pause(self) -> int:
        """Milliseconds until libcurl wants to act, -1 for never."""
        return 0 if self.is_ready else self._multi.timeout()

    def act(self) -> None:
        """Let libcurl do whatever it can."""
        self.is_ready = False
        _, self._running = self._multi.perform()
        for easy, sent in self._sent.items():
            # libcurl sends one piece at a time. Whether there is room for the next, only it can
            # say: the poller tells when there is room again.
            self._sent[easy] = easy.sent()
            self.is_ready |= self._sent[easy] != sent

    def resolver(self) -> Sequence[tuple[int, int]]:
        """What to watch while it works.

        It looks up even an address on a thread of its own, for SOCKS proxies.
        """
        return [(fd, 0) for fd in self._multi.fdset()[0]]

    def take_ended(self) -> Sequence[tuple[Job[Token], int, str]]:
        """Remove what has ended: each with libcurl's error code, 0 if all went well, and words."""
        if self._running == len(self.under_way):
            return ()
        _, done, failed = self._multi.info_read()
        ended = [(self._take(curl), 0, "") for curl in done]
        ended += [(self._take(curl), code, message) for curl, code, message in failed]
        self._running = len(self.under_way)
        return ended

    def _take(self, curl: pycurl.Curl) -> Job[Token]:
        self._multi.remove_handle(curl)
        job = self.under_way.pop(curl)
        job.shard = None
        if job.easy is not None and (self._sent or self.resolving):
            self._forget(job.easy)
        return job

    def close(self) -> None:
        """Free the handle; with nothing under way, or libcurl crashes."""
        for job in list(self.under_way.values()):
            if job.easy is not None:
                with suppress(pycurl.error):  # Ctrl-C came before it was in, or when it was out
                    self._multi.remove_handle(job.easy.curl)
                job.easy.curl.close()
        self._multi.close()

    def handles(self) -> list[object]:
        """All of libcurl's that is in use here."""
        return [self._multi, *self.under_way]
