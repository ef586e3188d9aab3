"""Throughput: small GETs over keep-alive, so many at once, against a bare pycurl multi loop.

Rules: the same by processor time stands beside it. It has no goal, but it hardly changes when the
machine has other work, which slows the server and so, of the two, mostly the bare loop.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import share_out
from bench.race import Entry, details, race, speedup, thrift
from bench.row import Figure, Goal, Scale, at_least, main
from bench.servers import Server, serving

_REQUESTS: Final = 20_000

_GOALS: Final = {5: at_least(0.6), 20: at_least(0.75), 100: at_least(0.75), 1000: at_least(0.9)}
"""By how many are in flight at once."""


def measure(scale: Scale) -> Sequence[Figure]:
    with serving(share_out().server) as server:
        return [
            figure
            for concurrency, goal in _GOALS.items()
            for figure in _at(concurrency, goal, server, scale)
        ]


def _at(concurrency: int, goal: Goal, server: Server, scale: Scale) -> Iterator[Figure]:
    requests = scale.of(_REQUESTS, least=concurrency)
    entries = {name: Entry(name, concurrency, requests) for name in ("asynchttp", "bare")}
    trials = race(entries, server, scale.rounds)
    what = f"throughput against bare pycurl, {concurrency:,} at once"
    ours, bare = trials["asynchttp"], trials["bare"]
    yield speedup(what, ours, bare, goal)
    yield thrift(what, ours, bare)
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
