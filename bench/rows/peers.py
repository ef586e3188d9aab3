"""The peers: asynchttp's throughput as a multiple of each peer's; small GETs, 20 at once."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.contenders import CONTENDERS
from bench.cores import Placement
from bench.placements import measure_both
from bench.race import Entry, details, race, speedup
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving

_AT_ONCE: Final = 20

_REQUESTS: Final = {
    "asynchttp": 20_000,
    "pyreqwest": 8_000,
    "pyreqwest_futures": 8_000,
    "aiohttp": 8_000,
    "httplib2": 4_000,
    "urllib3": 4_000,
    "httpx": 1_500,
    "niquests": 1_500,
    "requests_futures": 1_000,
}

_GOALS: Final = {
    "pyreqwest": at_least(2),
    "pyreqwest_futures": at_least(2.5),
    "aiohttp": at_least(4),
    "httplib2": at_least(8),
    "urllib3": at_least(8),
    "niquests": at_least(30),
    "requests_futures": at_least(40),
    "httpx": None,
}


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    entries = {name: Entry(name, _AT_ONCE, scale.of(n)) for name, n in _REQUESTS.items()}
    with serving(placement) as server:
        trials = race(entries, server, scale.rounds)
    for name, goal in _GOALS.items():
        what = f"against {CONTENDERS[name]}, {_AT_ONCE} at once"
        yield speedup(what, trials["asynchttp"], trials[name], goal)
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
