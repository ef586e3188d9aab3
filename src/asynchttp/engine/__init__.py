"""How bytes move: a Transfer goes in, a Reply or an exception comes out.

The seam is narrow, so that there can be other engines (clients on threads, executors, a scripted
one for tests) under the same decisions:

    start(token, transfer)   from any thread: do it, and deliver(token, Reply or exception)
    cancel(token)            from any thread: stop it; delivers a CancelledError, unless it is over
    close()                  from any thread: end the threads once nothing is under way

Files, from the outside in:

    curl.py       CurlEngine: what other threads call; the I/O thread's birth and end
    callers.py    Callers: a loop of his own for who waits for one request only
    loop.py       Loop: what the I/O thread owns and does, turn by turn
    shard.py      Shard: one libcurl multi handle and its sockets
    easy.py       Easy: one libcurl easy handle, preset and pooled
    upload.py     Upload: a file on its way to libcurl, read by workers
    pioneers.py   Pioneers: of many to one https origin, the first makes the connection
    names.py      Names: host names looked up without libcurl, so that none waits for another
    openssl.py    what OpenSSL keeps for each thread
    memory.py     what glibc keeps for bodies
    job.py        Job: a transfer on its way through the loop
    timers.py     Timers: the loop's timer heap
    poller.py     epoll, or select elsewhere
    trouble.py    the table from libcurl's error codes to the exceptions of httplib2's callers
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Protocol, TypeVar

from ..model import Reply, Transfer

Token = TypeVar("Token", bound=Hashable, contravariant=True)


class Receiver(Protocol[Token]):
    """Who an engine reports to; called on the engine's threads, so it must not block."""

    def deliver(self, token: Token, outcome: Reply | BaseException) -> None:
        """A transfer has ended."""

    def deliver_to_caller(self, token: Token, outcome: Reply | BaseException) -> None:
        """The same on the thread of a caller, where Ctrl-C may come at any moment."""

    def connected(
        self, token: Token, address: str, port: int, is_new: bool, seconds: float
    ) -> None:
        """A transfer has its connection; told only while `log.telling()`."""

    def about_to_block(self) -> None:
        """All that was delivered has been let go of: tell others, who were not told before.

        Said when there is nothing to do for the moment, or when they have waited for 2 ms.
        """


class Engine(Protocol[Token]):
    """Something that makes transfers."""

    def start(self, token: Token, transfer: Transfer) -> None:
        """Begin `transfer`; its end is delivered under `token`."""

    def cancel(self, token: Token) -> None:
        """Stop the transfer of `token`, if it is still under way."""

    def close(self) -> None:
        """Let the threads end when nothing is under way any more; `start` begins anew."""

    def join(self, timeout: float | None = None) -> None:
        """Wait for the threads that `close` lets end, at most `timeout` seconds."""
