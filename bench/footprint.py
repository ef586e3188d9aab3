"""Measures the resident memory of a request in a given state. Prints the bytes per request as JSON:

    python -m bench.footprint STATE URL REQUESTS

Rules: the client is warm, and so has all memory that does not depend on the number of requests. The
promises are kept, as in a program that looks at the answers later; the promises and their list are
counted.
"""

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from asynchttp import Http, Promise
from bench.documents import CONTENT, PATH, late_path
from bench.load import WrongAnswerError
from bench.resident import resident

_AT_ONCE: Final = 20
_WARM_UP: Final = 2_000
_LATE: Final = late_path(60)
_LONGEST_WAIT: Final = 60.0


def queued(url: str, count: int) -> float:
    """Requests queued behind a request without an answer."""
    with _client(url, 1) as http:
        asked = _ask(http, urljoin(url, _LATE), 2)
        return _growth(lambda: asked.extend(_ask(http, urljoin(url, _LATE), count))) / count


def finished(url: str, count: int) -> float:
    """Answered requests, with response and content looked at."""
    with _client(url, _AT_ONCE) as http:
        asked: list[Promise] = []
        return _growth(lambda: asked.extend(_look(_ask(http, urljoin(url, PATH), count)))) / count


def in_flight(url: str, count: int) -> float:
    """Requests sent, each on a connection of its own, and not yet answered."""
    connected = _descriptors() + count
    with _client(url, count) as http:
        asked: list[Promise] = []

        def ask() -> None:
            asked.extend(_ask(http, urljoin(url, _LATE), count))
            _wait_until(lambda: _descriptors() >= connected)

        return _growth(ask) / count


STATES: Final = {"queued": queued, "finished": finished, "in_flight": in_flight}


@contextmanager
def _client(url: str, max_workers: int) -> Iterator[Http]:
    """A warm client; at the end, pending requests are cancelled."""
    http = Http(max_workers=max_workers)
    for _ in range(_WARM_UP // _AT_ONCE):
        _look(_ask(http, urljoin(url, PATH), min(_AT_ONCE, max_workers)))
    yield http
    http.close(cancel_futures=True)


def _ask(http: Http, url: str, count: int) -> list[Promise]:
    return [http.request(url) for _ in range(count)]


def _look(promises: list[Promise]) -> list[Promise]:
    for response, content in promises:
        if response.status != 200 or content != CONTENT:
            raise WrongAnswerError(response.status, bytes(content))
    return promises


def _growth(act: Callable[[], None]) -> int:
    gc.collect()
    before = resident()
    act()
    gc.collect()
    return resident() - before


def _descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _wait_until(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + _LONGEST_WAIT
    while not done():
        if time.monotonic() > give_up:
            raise TimeoutError("not all requests came to be in flight")
        time.sleep(0.05)


if __name__ == "__main__":
    state, server, number = sys.argv[1:]
    print(json.dumps({state: STATES[state](server, int(number))}))
