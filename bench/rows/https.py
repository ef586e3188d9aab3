"""HTTPS, and HTTP/2 with all requests on one connection, against a bare pycurl loop that does the
same.
"""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from bench.cores import share_out
from bench.race import Entry, details, race, speedup, thrift
from bench.row import Figure, Scale, at_least, main
from bench.servers import Server, serving_https

_AT_ONCE: Final = (20, 100)
_REQUESTS: Final = 10_000


def measure(scale: Scale) -> Sequence[Figure]:
    return [*_by("HTTPS", 1, scale), *_by("HTTP/2", 2, scale)]


def _by(protocol: str, http: Literal[1, 2], scale: Scale) -> Iterator[Figure]:
    with serving_https(share_out().server, http) as server:
        for concurrency in _AT_ONCE:
            yield from _at(concurrency, protocol, server, scale)


def _at(concurrency: int, protocol: str, server: Server, scale: Scale) -> Iterator[Figure]:
    requests = scale.of(_REQUESTS, least=concurrency)
    entries = {name: Entry(name, concurrency, requests) for name in ("asynchttp", "bare")}
    trials = race(entries, server, scale.rounds)
    what = f"{protocol} against bare pycurl, {concurrency} at once"
    ours, theirs = trials["asynchttp"], trials["bare"]
    yield speedup(what, ours, theirs, at_least(0.75))
    yield thrift(what, ours, theirs)
    for name, entry in entries.items():
        yield from details(entry, trials[name], protocol)


if __name__ == "__main__":
    main(measure)
