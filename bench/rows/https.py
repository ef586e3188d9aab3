"""HTTPS, and HTTP/2 with all requests on a single connection, against a bare pycurl loop with the
same protocol.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from bench.cores import Placement
from bench.placements import measure_both
from bench.race import Entry, cpu_ratio, details, race, speedup
from bench.row import Figure, Scale, at_least, main
from bench.servers import Server, serving_https

_AT_ONCE: Final = (20, 100)
_REQUESTS: Final = 10_000
_VERSIONS: Final[dict[Literal[1, 2], str]] = {1: "HTTPS", 2: "HTTP/2"}


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    for version, protocol in _VERSIONS.items():
        with serving_https(placement, version) as server:
            for concurrency in _AT_ONCE:
                yield from _at(concurrency, protocol, server, scale)


def _at(concurrency: int, protocol: str, server: Server, scale: Scale) -> Iterator[Figure]:
    requests = scale.of(_REQUESTS, least=concurrency)
    entries = {name: Entry(name, concurrency, requests) for name in ("asynchttp", "bare")}
    trials = race(entries, server, scale.rounds)
    what = f"against bare pycurl, {concurrency} at once"
    ours, theirs = trials["asynchttp"], trials["bare"]
    yield speedup(f"{protocol} {what}", ours, theirs, at_least(0.9))
    yield cpu_ratio(f"by {protocol} {what}", ours, theirs)
    for name, entry in entries.items():
        yield from details(entry, trials[name], protocol)


if __name__ == "__main__":
    main(measure)
