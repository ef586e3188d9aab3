"""A body of 100 MB into memory, against the best form of plain pycurl: speed, and memory."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Final, TypeAlias

from bench.cores import share_out
from bench.documents import archive_path
from bench.process import measured
from bench.rounds import interleave, ratios
from bench.row import Figure, Scale, at_least, at_most, main
from bench.servers import Server, serving_all

_SIZE: Final = 100_000_000
_WHAT: Final = "100 MB into memory"

Found: TypeAlias = Sequence[Mapping[str, float]]
"""What each round's download came to: `seconds`, and `memory` in bytes."""


def measure(scale: Scale) -> Sequence[Figure]:
    size = scale.of(_SIZE)
    with serving_all(share_out().server) as server:
        found = _downloads(server.at(archive_path(size)), size, scale.rounds)
    return list(_figures(size, found["asynchttp"], found["pycurl"]))


def _downloads(server: Server, size: int, rounds: int) -> dict[str, list[dict[str, float]]]:
    cores = share_out().clients
    sides = {
        client: partial(measured, "bench.download", client, server.url, size, cores=cores)
        for client in ("asynchttp", "pycurl")
    }
    sides["pycurl"]()  # the server makes the body when it is first asked for it
    return interleave(sides, rounds)


def _figures(size: int, ours: Found, theirs: Found) -> Iterator[Figure]:
    speed = ratios(_rates(size, ours), _rates(size, theirs))
    yield Figure(f"{_WHAT}, against plain pycurl", speed, goal=at_least(0.9))
    yield Figure(f"{_WHAT}: peak over the base", _bodies(size, ours), "bodies", at_most(1.1))
    yield Figure(f"{_WHAT} by asynchttp", _rates(size, ours), "MB/s")
    yield Figure(f"{_WHAT} by pycurl", _rates(size, theirs), "MB/s")
    yield Figure(f"{_WHAT} by pycurl: peak over the base", _bodies(size, theirs), "bodies")


def _rates(size: int, found: Found) -> list[float]:
    return [size / 1e6 / figures["seconds"] for figures in found]


def _bodies(size: int, found: Found) -> list[float]:
    """The memory, by the size of the body."""
    return [figures["memory"] / size for figures in found]


if __name__ == "__main__":
    main(measure)
