"""Measures requests whose callbacks each compute for a millisecond. Prints the milliseconds per
request as JSON, from the first request to the look at the last answer:

    python -m bench.callbacks URL AT_ONCE REQUESTS

Rules: the client is warm. A callback uses a millisecond of processor time of its thread. Callbacks
cannot share processor time, so that 1 is the least possible; the client and the looks add to this.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Final

from asynchttp import Http, Promise
from bench.compute import compute_on_cpu
from bench.load import Load, WrongAnswerError, one_by_one

_COMPUTED: Final = 0.001
_WARM_UPS_PER_SLOT: Final = 25


def measure(load: Load, count: int) -> dict[str, float]:
    with Http(max_workers=load.concurrency) as http:
        _fetch(http, load, load.concurrency * _WARM_UPS_PER_SLOT, lambda _: None)
        began = time.perf_counter()
        _fetch(http, load, count, lambda _: compute_on_cpu(_COMPUTED))
        return {"each": (time.perf_counter() - began) / count * 1e3}


def _fetch(http: Http, load: Load, count: int, callback: Callable[[Promise], None]) -> None:
    promises = [http.request(load.url, callback=callback) for _ in range(count)]
    for response, content in one_by_one(promises):
        if response.status != 200 or content != load.content:
            raise WrongAnswerError(response.status, bytes(content))


if __name__ == "__main__":
    print(json.dumps(measure(Load(sys.argv[1], int(sys.argv[2])), int(sys.argv[3]))))
