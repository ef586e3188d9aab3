"""A callback that decodes the JSON in the background: the throughput with it, against without."""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import share_out
from bench.race import Entry, details, race, speedup
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving

_AT_ONCE: Final = 20
_REQUESTS: Final = 20_000


def measure(scale: Scale) -> Sequence[Figure]:
    return list(_figures(scale))


def _figures(scale: Scale) -> Iterator[Figure]:
    count = scale.of(_REQUESTS)
    entries = {name: Entry(name, _AT_ONCE, count) for name in ("asynchttp_json", "asynchttp")}
    with serving(share_out().server) as server:
        trials = race(entries, server, scale.rounds)
    what = f"with a JSON callback, against without, {_AT_ONCE} at once"
    yield speedup(what, trials["asynchttp_json"], trials["asynchttp"], at_least(0.6))
    for name, entry in entries.items():
        yield from details(entry, trials[name])


if __name__ == "__main__":
    main(measure)
