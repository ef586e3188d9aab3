"""10,000 requests in flight at the same time, against a server that answers after 1 s, cold."""

import resource
from collections.abc import Sequence
from typing import Final

from bench.cores import share_out
from bench.documents import late_path
from bench.process import measured
from bench.row import Figure, Scale, at_most, main
from bench.servers import serving_all

_IN_FLIGHT: Final = 10_000
_DELAY: Final = 1
_OTHER_DESCRIPTORS: Final = 200


def measure(scale: Scale) -> Sequence[Figure]:
    count = scale.of(_IN_FLIGHT)
    _allow_descriptors(count + _OTHER_DESCRIPTORS)
    cores = share_out()
    with serving_all(cores.server) as server:
        url = server.at(late_path(_DELAY)).url
        found = [
            measured("bench.crowd", url, count, cores=cores.clients) for _ in range(scale.rounds)
        ]
    what = f"{_IN_FLIGHT:,} in flight, answered after {_DELAY} s, cold"
    return [
        Figure(f"{what}: time", [figures["seconds"] for figures in found], "s", at_most(3.5)),
        Figure(f"{what}: memory", [figures["peak"] / 1e6 for figures in found], "MB", at_most(200)),
    ]


def _allow_descriptors(number: int) -> None:
    """To this process, and with it to the server and the client."""
    allowed, at_most_allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed < number:
        resource.setrlimit(resource.RLIMIT_NOFILE, (number, at_most_allowed))


if __name__ == "__main__":
    main(measure)
