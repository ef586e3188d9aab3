"""The overhead of a single request: the time beyond libcurl's blocking `perform`; and the time
until `http.request` returns.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import Placement
from bench.placements import measure_both
from bench.process import measured
from bench.row import Figure, Scale, at_most, main
from bench.servers import serving

_REQUESTS: Final = 2_000


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    with serving(placement) as server:
        arguments = ("bench.latency", server.url, scale.of(_REQUESTS, least=20))
        rounds = [measured(*arguments, cores=server.clients) for _ in range(scale.rounds)]
    ours = [found["asynchttp"] * 1e3 for found in rounds]
    theirs = [found["perform"] * 1e3 for found in rounds]
    calls = [found["call"] * 1e6 for found in rounds]
    overhead = [our - their for our, their in zip(ours, theirs, strict=True)]
    yield Figure("overhead of one request over a blocking perform()", overhead, "ms", at_most(0.04))
    yield Figure("http.request returns (nothing else runs)", calls, "µs", at_most(6))
    yield Figure("one request by asynchttp", ours, "ms")
    yield Figure("one request by perform()", theirs, "ms")


if __name__ == "__main__":
    main(measure)
