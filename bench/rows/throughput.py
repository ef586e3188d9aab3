"""Throughput: small GETs over keep-alive, so many at once, against a bare pycurl multi loop."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import share_out
from bench.race import race, rates
from bench.rounds import ratios
from bench.row import Figure, Goal, Scale, at_least, main
from bench.servers import Server, serving

_REQUESTS: Final = 20_000

GOALS: Final = {5: at_least(0.6), 20: at_least(0.75), 100: at_least(0.75), 1000: at_least(0.9)}
"""By how many are in flight at once."""


def measure(scale: Scale) -> Sequence[Figure]:
    with serving(share_out().server) as server:
        return [
            figure
            for concurrency, goal in GOALS.items()
            for figure in _at(concurrency, goal, server, scale)
        ]


def _at(concurrency: int, goal: Goal, server: Server, scale: Scale) -> Iterator[Figure]:
    trials = race({"asynchttp": _REQUESTS, "bare": _REQUESTS}, concurrency, server, scale)
    ours, bare = rates(trials["asynchttp"]), rates(trials["bare"])
    at_once = f"{concurrency:,} at once"
    yield Figure(f"throughput against bare pycurl, {at_once}", ratios(ours, bare), goal=goal)
    yield Figure(f"asynchttp, {at_once}", ours, "requests/s")
    yield Figure(f"bare pycurl, {at_once}", bare, "requests/s")


if __name__ == "__main__":
    main(measure)
