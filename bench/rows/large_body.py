"""A body of 100 MB into memory, against the best form of plain pycurl: speed, and memory."""

from collections.abc import Sequence
from functools import partial
from typing import Final

from bench.cores import share_out
from bench.documents import archive_path
from bench.process import measured
from bench.rounds import interleave, ratios
from bench.row import Figure, Scale, at_least, at_most, main
from bench.servers import serving_all

_SIZE: Final = 100_000_000
_WHAT: Final = "100 MB into memory"


def measure(scale: Scale) -> Sequence[Figure]:
    size = scale.of(_SIZE)
    cores = share_out()
    with serving_all(cores.server) as server:
        url = server.at(archive_path(size)).url
        found = interleave(
            {
                client: partial(measured, "bench.download", client, url, size, cores=cores.clients)
                for client in ("asynchttp", "pycurl")
            },
            scale.rounds,
        )
    rates = {
        client: [size / figures["seconds"] / 1e6 for figures in rounds]
        for client, rounds in found.items()
    }
    memory = {
        client: [figures["memory"] / size for figures in rounds] for client, rounds in found.items()
    }
    speed = ratios(rates["asynchttp"], rates["pycurl"])
    return [
        Figure(f"{_WHAT}, against plain pycurl", speed, goal=at_least(0.9)),
        Figure(f"{_WHAT}: peak over the base", memory["asynchttp"], "bodies", at_most(1.1)),
        Figure(f"{_WHAT} by asynchttp", rates["asynchttp"], "MB/s"),
        Figure(f"{_WHAT} by pycurl", rates["pycurl"], "MB/s"),
        Figure(f"{_WHAT} by pycurl: peak over the base", memory["pycurl"], "bodies"),
    ]


if __name__ == "__main__":
    main(measure)
