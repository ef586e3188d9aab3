"""JSON of 100 kB as gzip, decoded, 20 at once, against aiohttp: with isal, and as installed."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import Placement
from bench.documents import ROUTES_PATH
from bench.placements import measure_both
from bench.race import Entry, cpu_ratio, details, race, speedup
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving

_AT_ONCE: Final = 20
_REQUESTS: Final = 3_000
_WHAT: Final = "gzip JSON of 100 kB"
_AGAINST: Final = {
    "aiohttp_isal": ("aiohttp told to use isal", at_least(2)),
    "aiohttp": ("aiohttp", None),
}


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    clients = ("asynchttp", *_AGAINST)
    entries = {name: Entry(name, _AT_ONCE, scale.of(_REQUESTS)) for name in clients}
    with serving(placement) as server:
        trials = race(entries, server.at(ROUTES_PATH), scale.rounds)
    for name, (whom, goal) in _AGAINST.items():
        what = f"{_WHAT}, decoded, against {whom}"
        yield speedup(what, trials["asynchttp"], trials[name], goal)
        yield cpu_ratio(f"of {what}", trials["asynchttp"], trials[name])
    for name, entry in entries.items():
        yield from details(entry, trials[name], _WHAT)


if __name__ == "__main__":
    main(measure)
