"""Measures single requests, in turn by asynchttp and by libcurl's blocking `perform`. Prints the
median seconds of both, and the median seconds until the call `http.request` returns while nothing
else runs, as JSON:

    python -m bench.latency URL REQUESTS

Rules: the clock of a request stops after the look at the answer. All clients are warm, with
connections kept open.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from statistics import median
from typing import Final, TypeAlias

import pycurl

from asynchttp import Http
from bench.contenders.bare import easy_handle
from bench.documents import CONTENT
from bench.load import WrongAnswerError
from bench.rounds import interleave

Get: TypeAlias = Callable[[], None]

_WARM_UP: Final = 50


@contextmanager
def through_asynchttp(url: str) -> Iterator[Get]:
    with Http() as http:

        def get() -> None:
            response, content = http.request(url)
            if response.status != 200 or content != CONTENT:
                raise WrongAnswerError(response.status, bytes(content))

        yield get


def until_request_returns(url: str, count: int) -> Iterator[float]:
    """The seconds of each call of `http.request`, without the look."""
    with Http() as http:
        for _ in range(count):
            began = time.perf_counter()
            response, content = http.request(url)
            yield time.perf_counter() - began
            if response.status != 200 or content != CONTENT:
                raise WrongAnswerError(response.status, bytes(content))


@contextmanager
def through_perform(url: str) -> Iterator[Get]:
    """The floor: an easy handle whose options are set once."""
    easy, (lines, pieces) = easy_handle(url)
    with closing(easy):

        def get() -> None:
            lines.clear()
            pieces.clear()
            easy.perform()
            status, content = easy.getinfo(pycurl.RESPONSE_CODE), b"".join(pieces)
            if status != 200 or content != CONTENT:
                raise WrongAnswerError(status, content)

        yield get


def measure(url: str, count: int) -> dict[str, float]:
    with through_asynchttp(url) as ours, through_perform(url) as theirs:
        interleave({"asynchttp": ours, "perform": theirs}, _WARM_UP)
        sides = {"asynchttp": lambda: _seconds(ours), "perform": lambda: _seconds(theirs)}
        taken = interleave(sides, count)
    _, *calls = until_request_returns(url, count + 1)
    return {side: median(seconds) for side, seconds in (*taken.items(), ("call", calls))}


def _seconds(get: Get) -> float:
    began = time.perf_counter()
    get()
    return time.perf_counter() - began


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
