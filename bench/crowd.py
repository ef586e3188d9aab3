"""Many requests in flight at the same time, from a cold start, in a process of its own, which
prints the seconds and the bytes of resident memory at the peak as JSON:

    python -m bench.crowd URL REQUESTS

Rules: the clock starts before the client is made and stops when every answer has been looked at.
The memory is all memory of the process, the interpreter and the modules included.
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
