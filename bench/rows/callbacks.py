"""Callbacks that each compute for 1 ms in pure Python, 20 requests at once, with a server that
answers at once, and after 10 ms: the time for N requests, divided by N.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Final

from bench.cores import Placement
from bench.documents import late_path
from bench.placements import measure_both
from bench.process import measured
from bench.rounds import interleave
from bench.row import Figure, Scale, at_most, main
from bench.servers import Server, serving, serving_late

_AT_ONCE: Final = 20
_REQUESTS: Final = 1_000
_GOAL: Final = at_most(1.1)


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    with serving(placement) as prompt, serving_late(placement) as slow:
        servers = {"at once": prompt, "after 10 ms": slow.at(late_path(0.01))}
        sides = {when: partial(_each, server, scale) for when, server in servers.items()}
        found = interleave(sides, scale.rounds)
    for when, values in found.items():
        what = f"callbacks that compute 1 ms, {_AT_ONCE} at once, server answers {when}"
        yield Figure(f"{what}: time for N", values, "x N ms", _GOAL)


def _each(server: Server, scale: Scale) -> float:
    count = scale.of(_REQUESTS, least=_AT_ONCE)
    return measured("bench.callbacks", server.url, _AT_ONCE, count, cores=server.clients)["each"]


if __name__ == "__main__":
    main(measure)
