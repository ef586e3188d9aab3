"""The floor: a loop of libcurl's multi interface in Python.

The loop has a single URL and a single thread, follows no redirects, and does not parse headers.
Rules: as fast as possible. The options of an easy handle are set once. `CurlMulti.select` cannot
watch a descriptor above 1,023.

Measured, and slower at 20, 100 and 400 at once (as fast at 5 at once): `socket_action` for each
ready descriptor, with epoll, in any form. As fast: `perform` with an epoll of our own, and a
BytesIO for the body. At 1,000 at once a single multi is no longer the floor: ten multis with 100
transfers each, on a shared epoll, are 1.6 times as fast.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeAlias

import pycurl

from bench.load import Fetch, Load, WrongAnswerError

Received: TypeAlias = tuple[list[bytes], list[bytes]]
"""A handle's header lines and pieces of body, which libcurl appends."""

_HEADERS: Final = ["user-agent: bare", "accept-encoding: gzip, deflate"]
_LONGEST_WAIT: Final = 1.0


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    multi = pycurl.CurlMulti()
    received = dict(easy_handle(load.url, load.ca_certs) for _ in range(load.concurrency))

    def fetch(count: int) -> None:
        _drive(multi, received, count, load.content)

    try:
        yield fetch
    finally:
        for easy in received:
            easy.close()
        multi.close()


def easy_handle(url: str, ca_certs: str | None = None) -> tuple[pycurl.Curl, Received]:
    """A handle with all options set, and the lists for the received bytes."""
    easy = pycurl.Curl()
    lines: list[bytes] = []
    pieces: list[bytes] = []
    easy.setopt(pycurl.URL, url)
    easy.setopt(pycurl.PROXY, "")
    easy.setopt(pycurl.NOSIGNAL, 1)
    easy.setopt(pycurl.HTTPHEADER, _HEADERS)
    if ca_certs:
        easy.setopt(pycurl.CAINFO, ca_certs)
        easy.setopt(pycurl.PIPEWAIT, 1)  # with HTTP/2 all handles share a connection
    easy.setopt(pycurl.HEADERFUNCTION, lines.append)
    easy.setopt(pycurl.WRITEFUNCTION, pieces.append)
    return easy, (lines, pieces)


def _drive(
    multi: pycurl.CurlMulti, received: dict[pycurl.Curl, Received], count: int, expected: bytes
) -> None:
    # Bound methods in locals, and one long loop: each call and each lookup costs measurable time.
    perform, finished, select, timeout = (
        multi.perform,
        multi.info_read,
        multi.select,
        multi.timeout,
    )
    add, remove, join, code = multi.add_handle, multi.remove_handle, b"".join, pycurl.RESPONSE_CODE
    active = 0
    for easy in islice(received, count):
        add(easy)
        active += 1
    waiting = count - active
    while active:
        if perform()[1] == active:
            # The wake-up of another stream may have brought bytes that `select` cannot see.
            pause = timeout()
            select(pause / 1000 if pause >= 0 else _LONGEST_WAIT)
            continue
        _, succeeded, failed = finished()
        if failed:
            raise pycurl.error(*failed[0][1:])
        for easy in succeeded:
            lines, pieces = received[easy]
            if easy.getinfo(code) != 200 or join(pieces) != expected:
                raise WrongAnswerError(easy.getinfo(code), join(pieces))
            lines.clear()
            pieces.clear()
            remove(easy)
            if waiting:
                add(easy)
                waiting -= 1
            else:
                active -= 1
