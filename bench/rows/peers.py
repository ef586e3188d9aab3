"""The peers: how many times their throughput asynchttp's is, small GETs, 20 at once."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.contenders import CONTENDERS
from bench.cores import share_out
from bench.race import Entry, details, race, speedup
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving

_AT_ONCE: Final = 20

_REQUESTS: Final = {
    "asynchttp": 20_000,
    "aiohttp": 8_000,
    "pyreqwest": 8_000,
    "httplib2": 4_000,
    "httpx": 1_500,
    "niquests": 1_500,
    "requests_futures": 1_000,
    "urllib3": 4_000,
}

_GOALS: Final = {
    "aiohttp": at_least(3.5),
    "pyreqwest": at_least(2),
    "httplib2": at_least(6),
    "httpx": at_least(15),
    "niquests": at_least(15),
    "requests_futures": at_least(25),
    "urllib3": None,
}


def measure(scale: Scale) -> Sequence[Figure]:
    return list(_figures(scale))


def _figures(scale: Scale) -> Iterator[Figure]:
    entries = {name: Entry(name, _AT_ONCE, scale.of(n)) for name, n in _REQUESTS.items()}
    with serving(share_out().server) as server:
        trials = race(entries, server, scale.rounds)
    for name, goal in _GOALS.items():
        what = f"against {CONTENDERS[name]}, {_AT_ONCE} at once"
        yield speedup(what, trials["asynchttp"], trials[name], goal)
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
