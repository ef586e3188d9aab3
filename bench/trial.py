"""One client, measured in a process of its own, which prints the figures as JSON:

    python -m bench.trial NAME URL AT_ONCE WARM_UP REQUESTS

Rules: the client is imported after the memory of the bare interpreter was noted; it is warm, its
connections made, when the clock starts.
"""

import json
import re
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.contenders import load_contender
from bench.load import Fetch, Load


@dataclass(frozen=True)
class Trial:
    """What one process of a client took for its requests."""

    rate: float
    """Requests a second."""
    cpu: float
    """Microseconds of processor time for a request, user and system."""
    memory: float
    """MB of resident memory at the peak, above what the interpreter had before the client."""


def measure(name: str, load: Load, warm_up: int, count: int) -> Trial:
    base = _memory("VmRSS")
    with load_contender(name)(load) as fetch:
        fetch(warm_up)
        seconds, cpu_seconds = _timed(fetch, count)
    memory = _memory("VmHWM") - base
    return Trial(count / seconds, cpu_seconds / count * 1e6, memory)


def _timed(fetch: Fetch, count: int) -> tuple[float, float]:
    began, cpu_began = time.perf_counter(), _cpu_seconds()
    fetch(count)
    return time.perf_counter() - began, _cpu_seconds() - cpu_began


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _memory(field: str) -> float:
    """A figure from Linux: its own, as getrusage's peak is at least that of the parent process."""
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    if found is None:
        raise RuntimeError(f"/proc/self/status has no {field}")
    return int(found[1]) * 1024 / 1e6


def main(name: str, url: str, *numbers: str) -> None:
    concurrency, warm_up, count = map(int, numbers)
    print(json.dumps(asdict(measure(name, Load(url, concurrency), warm_up, count))))


if __name__ == "__main__":
    main(*sys.argv[1:])
