"""Measures a client, and prints the figures as JSON:

    python -m bench.trial NAME URL CA_CERTS AT_ONCE WARM_UP REQUESTS BATCHES

Rules: CA_CERTS is empty without TLS. The client is warm, with all connections made, when the clock
starts. Processor time is user and system time of all threads.
"""

import json
import sys
import time

from bench.contenders import load_contender
from bench.documents import content_at
from bench.load import Fetch, Load


def measure(name: str, load: Load, warm_up: int, count: int, batches: int) -> dict[str, float]:
    """Requests per second, and microseconds of processor time per request."""
    with load_contender(name)(load) as fetch:
        fetch(warm_up)
        seconds, cpu_seconds = _timed(fetch, count, batches)
    total = count * batches
    return {"rate": total / seconds, "cpu": cpu_seconds / total * 1e6}


def _timed(fetch: Fetch, count: int, batches: int) -> tuple[float, float]:
    began, cpu_began = time.perf_counter(), time.process_time()
    for _ in range(batches):
        fetch(count)
    return time.perf_counter() - began, time.process_time() - cpu_began


def main(name: str, url: str, ca_certs: str, *numbers: str) -> None:
    concurrency, warm_up, count, batches = map(int, numbers)
    load = Load(url, concurrency, content_at(url), ca_certs or None)
    print(json.dumps(measure(name, load, warm_up, count, batches)))


if __name__ == "__main__":
    main(*sys.argv[1:])
