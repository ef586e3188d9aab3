"""The memory of a queued request, of a request in flight, and of an answered request.

Rules: few rounds, since the values hardly differ; no placements, which make no difference.
"""

from collections.abc import Sequence
from typing import Final

from bench.cores import free
from bench.process import measured
from bench.row import Figure, Scale, at_most, main
from bench.servers import Server, serving_late

_ROWS: Final = {
    "queued": ("a queued request", at_most(0.6), 100_000),
    "finished": ("a finished small one, looked at and kept", at_most(1.5), 20_000),
    "in_flight": ("a request in flight", at_most(8), 2_000),
}
"""The name of each state, the goal in kB, and how many requests share the memory."""

_ROUNDS: Final = 3
_SMALLEST: Final = 0.1
"""The least share of the requests: with fewer, free memory and the page size show in the result."""


def measure(scale: Scale) -> Sequence[Figure]:
    with serving_late(free()) as server:
        return [_figure(state, server, scale.with_at_most(_ROUNDS)) for state in _ROWS]


def _figure(state: str, server: Server, scale: Scale) -> Figure:
    what, goal, count = _ROWS[state]
    arguments = (state, server.url, scale.of(count, least=round(count * _SMALLEST)))
    found = [
        measured("bench.footprint", *arguments, cores=server.clients) for _ in range(scale.rounds)
    ]
    return Figure(f"memory of {what}", [figures[state] / 1e3 for figures in found], "kB", goal)


if __name__ == "__main__":
    main(measure)
