"""Throughput and processor time per request: small GETs over kept connections, 5 to 1,000 at once,
against a bare pycurl multi loop.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import Placement
from bench.placements import measure_both
from bench.race import Entry, cpu_ratio, details, race, speedup
from bench.row import Figure, Scale, at_least, at_most, main
from bench.servers import Server, serving

_REQUESTS: Final = 20_000

_GOALS: Final = {5: at_least(0.7), 20: at_least(1), 100: at_least(1), 1000: at_least(1)}
_CPU_GOALS: Final = {20: at_most(1.4)}
"""By the number of requests in flight at once."""


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    with serving(placement) as server:
        for concurrency in _GOALS:
            yield from _at(concurrency, server, scale)


def _at(concurrency: int, server: Server, scale: Scale) -> Iterator[Figure]:
    requests = scale.of(_REQUESTS, least=concurrency)
    entries = {name: Entry(name, concurrency, requests) for name in ("asynchttp", "bare")}
    trials = race(entries, server, scale.rounds)
    what = f"against bare pycurl, {concurrency:,} at once"
    ours, bare = trials["asynchttp"], trials["bare"]
    yield speedup(f"throughput {what}", ours, bare, _GOALS[concurrency])
    yield cpu_ratio(what, ours, bare, _CPU_GOALS.get(concurrency))
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
