"""Measures many requests in flight at once, from a cold start. Prints the seconds, and the peak of
resident memory in bytes, as JSON:

    python -m bench.crowd URL REQUESTS

Rules: the clock starts before the client is made and stops after the look at the last answer. The
memory is that of the whole process, with the interpreter and all modules.
"""

import json
import sys
import time

from bench.contenders.asynchttp import contender
from bench.documents import CONTENT
from bench.load import Load
from bench.resident import peak


def measure(url: str, count: int) -> dict[str, float]:
    began = time.perf_counter()
    with contender(Load(url, count, CONTENT)) as fetch:
        fetch(count)
        return {"seconds": time.perf_counter() - began, "peak": peak()}


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], int(sys.argv[2]))))
