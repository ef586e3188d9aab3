"""10,000 requests in flight at once, from a cold start; the server answers after 1 s."""

import resource
from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import Placement
from bench.documents import late_path
from bench.placements import measure_both
from bench.process import measured
from bench.row import Figure, Scale, at_most, main
from bench.servers import serving_late

_IN_FLIGHT: Final = 10_000
_DELAY: Final = 1
_OTHER_DESCRIPTORS: Final = 200


def measure(scale: Scale) -> Sequence[Figure]:
    _allow_descriptors(scale.of(_IN_FLIGHT) + _OTHER_DESCRIPTORS)
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    with serving_late(placement) as server:
        arguments = ("bench.crowd", server.at(late_path(_DELAY)).url, scale.of(_IN_FLIGHT))
        found = [measured(*arguments, cores=server.clients) for _ in range(scale.rounds)]
    what = f"{_IN_FLIGHT:,} in flight, answered after {_DELAY} s, cold"
    seconds = [figures["seconds"] for figures in found]
    yield Figure(f"{what}: time", seconds, "s", at_most(2))
    peaks = [figures["peak"] / 1e6 for figures in found]
    yield Figure(f"{what}: memory", peaks, "MB", at_most(110))


def _allow_descriptors(number: int) -> None:
    """Raise the limit of this process, which the server and the client inherit."""
    allowed, at_most_allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, at_most_allowed))


if __name__ == "__main__":
    main(measure)
