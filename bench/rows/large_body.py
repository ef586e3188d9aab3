"""A body of 100 MB into memory, against the best form of plain pycurl: speed, and memory."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from bench.cores import Placement
from bench.documents import archive_path
from bench.placements import measure_both
from bench.process import measured
from bench.rounds import interleave, ratios
from bench.row import Figure, Scale, at_least, at_most, main
from bench.servers import Server, serving

_SIZE: Final = 100_000_000
_WHAT: Final = "100 MB into memory"

Found: TypeAlias = Sequence[Mapping[str, float]]
"""The figures of each round's download: `seconds`, and `memory` in bytes."""


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    size = scale.of(_SIZE)
    with serving(placement, size) as server:
        found = _downloads(server.at(archive_path(size)), size, scale.rounds)
    ours, theirs = found["asynchttp"], found["pycurl"]
    speed = ratios(_rates(size, ours), _rates(size, theirs))
    yield Figure(f"{_WHAT}, against plain pycurl", speed, goal=at_least(0.95))
    yield Figure(f"{_WHAT}: peak over the base", _bodies(size, ours), "bodies", at_most(1.1))
    yield Figure(f"{_WHAT} by asynchttp", _rates(size, ours), "MB/s")
    yield Figure(f"{_WHAT} by pycurl", _rates(size, theirs), "MB/s")
    yield Figure(f"{_WHAT} by pycurl: peak over the base", _bodies(size, theirs), "bodies")


def _downloads(server: Server, size: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    sides = {
        client: partial(measured, "bench.download", client, server.url, size, cores=server.clients)
        for client in ("asynchttp", "pycurl")
    }
    sides["pycurl"]()  # the server reads or makes the body at the first request
    return interleave(sides, rounds)


def _rates(size: int, found: Found) -> list[float]:
    return [size / 1e6 / figures["seconds"] for figures in found]


def _bodies(size: int, found: Found) -> list[float]:
    """The memory, as a multiple of the body's size."""
    return [figures["memory"] / size for figures in found]


if __name__ == "__main__":
    main(measure)
