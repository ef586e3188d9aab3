"""`Http(blocking=True)` against httplib2: on one thread; and 20 threads that share an `Http`,
against 20 threads with an `Http` of httplib2 each.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import Placement
from bench.placements import measure_both
from bench.race import Entry, details, race, speedup
from bench.row import Figure, Scale, at_least, main
from bench.servers import Server, serving

_REQUESTS: Final = 5_000

_GOALS: Final = {1: at_least(2.2), 20: at_least(4)}
"""By the number of threads."""


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    with serving(placement) as server:
        for threads in _GOALS:
            yield from _on(threads, server, scale)


def _on(threads: int, server: Server, scale: Scale) -> Iterator[Figure]:
    count = scale.of(_REQUESTS)
    entries = {name: Entry(name, threads, count) for name in ("asynchttp_blocking", "httplib2")}
    trials = race(entries, server, scale.rounds)
    what = f"blocking=True against httplib2, threads: {threads}"
    yield speedup(what, trials["asynchttp_blocking"], trials["httplib2"], _GOALS[threads])
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
