"""A callback that decodes JSON: the throughput against pyreqwest on uvloop, whose tasks decode the
JSON, and against asynchttp without a callback.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import Placement
from bench.placements import measure_both
from bench.race import Entry, details, race, speedup
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving

_AT_ONCE: Final = 20
_REQUESTS: Final = {"asynchttp_json": 20_000, "pyreqwest_json": 8_000, "asynchttp": 20_000}


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    entries = {name: Entry(name, _AT_ONCE, scale.of(n)) for name, n in _REQUESTS.items()}
    with serving(placement) as server:
        trials = race(entries, server, scale.rounds)
    ours = trials["asynchttp_json"]
    for name, whom, goal in (
        ("pyreqwest_json", "pyreqwest decoding in its tasks", at_least(1)),
        ("asynchttp", "asynchttp without", None),
    ):
        what = f"with a JSON callback, against {whom}, {_AT_ONCE} at once"
        yield speedup(what, ours, trials[name], goal)
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
