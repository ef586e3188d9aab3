"""Other GETs while the main thread computes: with credentials (which the server never asks for),
with gzip, with callbacks that do nothing, with a cache that finds no entry.

Rules: callbacks and lookups in a cache need Python, whose threads take turns with the main thread
every 5 ms. The goal of these rows is a rate: about 20 requests (the slots) in each turn.
"""

from collections.abc import Iterator, Sequence

from bench.background import AT_ONCE, Scenario, rates
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
        scenarios = {
            "credentials asleep": Scenario("asynchttp_credentials", server, "sleeps"),
            "credentials": Scenario("asynchttp_credentials", server, "computes"),
            "gzip asleep": Scenario("asynchttp", compressed, "sleeps", gzip),
            "gzip": Scenario("asynchttp", compressed, "computes", gzip),
            "callbacks": Scenario("asynchttp_callback", server, "computes"),
            "cache": Scenario("asynchttp_cache", server, "computes"),
        }
        found = rates(scenarios, scale)
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
        yield scenarios[key].details(found[key])


if __name__ == "__main__":
    main(measure)
