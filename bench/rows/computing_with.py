"""The main thread computes, and the requests are not the plainest: with credentials that the server
never asks for, answered as gzip, with callbacks that do nothing, with a cache that finds nothing.

Rules: requests with callbacks, and lookups in a cache, need Python, which takes turns with the main
thread every 5 ms: their goal is a rate, about 20 slots in each turn.
"""

from collections.abc import Iterator, Sequence

from bench.background import AT_ONCE, Pastime, rates
from bench.cores import Placement
from bench.documents import FEW_ROUTES_PATH
from bench.placements import measure_both
from bench.rounds import ratios
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    with serving(placement) as server:
        compressed, gzip = server.at(FEW_ROUTES_PATH), "JSON of 2 kB as gzip"
        pastimes = {
            "credentials asleep": Pastime("asynchttp_credentials", server, "sleeps"),
            "credentials": Pastime("asynchttp_credentials", server, "computes"),
            "gzip asleep": Pastime("asynchttp", compressed, "sleeps", gzip),
            "gzip": Pastime("asynchttp", compressed, "computes", gzip),
            "callbacks": Pastime("asynchttp_callback", server, "computes"),
            "cache": Pastime("asynchttp_cache", server, "computes"),
        }
        found = rates(pastimes, scale)
    kept = ratios(found["credentials"], found["credentials asleep"])
    yield Figure(
        "main thread computes, credentials never asked for: kept",
        kept,
        "of the rate",
        at_least(0.6),
    )
    kept_gzip = ratios(found["gzip"], found["gzip asleep"])
    yield Figure(f"main thread computes, {gzip}: kept", kept_gzip, "of the rate", at_least(0.5))
    for key, what in {
        "callbacks": f"callbacks that do nothing, {AT_ONCE} slots",
        "cache": f"a cache whose lookups find nothing, {AT_ONCE} slots",
    }.items():
        yield Figure(f"main thread computes, {what}", found[key], "requests/s", at_least(4000))
    for key in ("credentials asleep", "credentials", "gzip asleep", "gzip"):
        yield pastimes[key].details(found[key])


if __name__ == "__main__":
    main(measure)
