"""JSON of 100 kB that is sent as gzip, and decoded by the client, 20 at once, against aiohttp: as
it is installed, and told to decode with isal, as asynchttp does.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import share_out
from bench.documents import ROUTES_PATH
from bench.race import Entry, details, race, speedup, thrift
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving_all

_AT_ONCE: Final = 20
_REQUESTS: Final = 3_000
_WHAT: Final = "gzip JSON of 100 kB"
_AGAINST: Final = {"aiohttp": "aiohttp", "aiohttp_isal": "aiohttp with isal"}


def measure(scale: Scale) -> Sequence[Figure]:
    return list(_figures(scale))


def _figures(scale: Scale) -> Iterator[Figure]:
    clients = ("asynchttp", *_AGAINST)
    entries = {name: Entry(name, _AT_ONCE, scale.of(_REQUESTS)) for name in clients}
    with serving_all(share_out().server) as server:
        trials = race(entries, server.at(ROUTES_PATH), scale.rounds)
    for name, whom in _AGAINST.items():
        what = f"{_WHAT}, decoded, against {whom}"
        yield speedup(what, trials["asynchttp"], trials[name], at_least(1.5))
        yield thrift(what, trials["asynchttp"], trials[name])
    for name, entry in entries.items():
        yield from details(entry, trials[name], _WHAT)


if __name__ == "__main__":
    main(measure)
