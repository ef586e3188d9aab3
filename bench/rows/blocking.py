"""`Http(blocking=True)` against httplib2: one thread, and 20 threads that share one `Http` against
20 threads with an httplib2 object each.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import share_out
from bench.race import Entry, details, race, speedup
from bench.row import Figure, Goal, Scale, at_least, main
from bench.servers import Server, serving

_REQUESTS: Final = 5_000

_GOALS: Final = {1: at_least(1), 20: at_least(3)}
"""By the number of threads."""


def measure(scale: Scale) -> Sequence[Figure]:
    with serving(share_out().server) as server:
        return [
            figure
            for threads, goal in _GOALS.items()
            for figure in _on(threads, goal, server, scale)
        ]


def _on(threads: int, goal: Goal, server: Server, scale: Scale) -> Iterator[Figure]:
    count = scale.of(_REQUESTS)
    entries = {name: Entry(name, threads, count) for name in ("asynchttp_blocking", "httplib2")}
    trials = race(entries, server, scale.rounds)
    what = f"blocking=True against httplib2, threads: {threads}"
    yield speedup(what, trials["asynchttp_blocking"], trials["httplib2"], goal)
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
