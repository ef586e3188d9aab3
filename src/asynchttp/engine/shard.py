"""Shard: one libcurl multi handle, its sockets, and the transfers under way on it.

Above some hundred connections to one host libcurl looks through them for every request. Several
multi handles on one poller, each with its share of the transfers, keep the cost of one flat.

Rule: this file alone calls `socket_action`, and adds and removes handles.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Generic, TypeVar

import pycurl

from .easy import Easy
from .job import Job
from .names import Host
from .poller import Poller

SIZE = 250  # transfers

Token = TypeVar("Token", bound=Hashable)


class Shard(Generic[Token]):
    """A multi handle with its part of the transfers.

    `owners` says which shard a descriptor belongs to; all shards of a loop share it.
    """

    def __init__(self, poller: Poller, owners: dict[int, Shard[Token]]) -> None:
        self._poller = poller
        self._owners = owners
        self._wanted: dict[int, int] = {}  # what to watch each descriptor for
        self._under_way: dict[pycurl.Curl, Job[Token]] = {}
        self._loaded: dict[Host, tuple[str, ...]] = {}
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._on_socket)
        self._multi.setopt(pycurl.M_MAXCONNECTS, SIZE)
        self._running = 0  # transfers that libcurl still works on, as it last said

    def __len__(self) -> int:
        return len(self._under_way)

    def _on_socket(self, what: int, fd: int, _multi: object, _assigned: object) -> None:
        if what == pycurl.POLL_REMOVE:
            self._owners.pop(fd, None)
            self._wanted.pop(fd, None)
        else:
            self._owners[fd] = self
            self._wanted[fd] = what
            self._poller.watch(fd, what)

    def watch_all(self, poller: Poller) -> None:
        """Go on with another poller."""
        self._poller = poller
        for fd, what in self._wanted.items():
            poller.watch(fd, what)

    def load(self, easy: Easy, host: Host, addresses: tuple[str, ...]) -> None:
        """Let libcurl know the addresses of `host`, unless it does."""
        if self._loaded.get(host) != addresses:
            self._loaded[host] = addresses
            easy.know(host.name, host.port, addresses)

    def add(self, job: Job[Token], easy: Easy) -> None:
        """Start a prepared transfer."""
        job.shard = self
        self._under_way[easy.curl] = job
        self._multi.add_handle(easy.curl)
        self._running += 1

    def remove(self, easy: Easy) -> None:
        """Stop a transfer; on HTTP/1 its connection closes, on HTTP/2 its stream is reset."""
        del self._under_way[easy.curl]
        self._multi.remove_handle(easy.curl)

    def pause(self) -> int:
        """Milliseconds until libcurl wants to act, -1 for never."""
        return self._multi.timeout()

    def act(self, fd: int, events: int) -> None:
        """Let libcurl read and write what it can."""
        _, self._running = self._multi.socket_action(fd, events)

    def act_on_timeout(self) -> None:
        """Let libcurl do what it wanted to do by now."""
        _, self._running = self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)

    def take_ended(self) -> Sequence[tuple[Job[Token], int, str]]:
        """Remove what has ended: each with libcurl's error code, 0 if all went well, and words."""
        if self._running == len(self._under_way):
            return ()
        _, done, failed = self._multi.info_read()
        ended = [(self._take(curl), 0, "") for curl in done]
        ended += [(self._take(curl), code, message) for curl, code, message in failed]
        self._running = len(self._under_way)
        return ended

    def _take(self, curl: pycurl.Curl) -> Job[Token]:
        self._multi.remove_handle(curl)
        job = self._under_way.pop(curl)
        job.shard = None
        return job

    def close(self) -> None:
        """Free the handle; with nothing under way, or libcurl crashes."""
        for job in list(self._under_way.values()):
            if job.easy is not None:
                self.remove(job.easy)
                job.easy.curl.close()
        self._multi.close()

    def handles(self) -> list[object]:
        """All of libcurl's that is in use here."""
        return [self._multi, *self._under_way]
