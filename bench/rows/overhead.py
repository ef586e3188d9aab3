"""The overhead of a single request: what it takes longer than libcurl's blocking `perform`; and how
soon `http.request` returns.

Rules: the goal holds where waking a sleeping processor is not counted: the client's threads have
one core, and the server the other. The raw figure, all on all cores, is reported beside it.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import share_out
from bench.process import measured
from bench.row import Figure, Goal, Scale, at_most, main
from bench.servers import serving

_REQUESTS: Final = 2_000


def measure(scale: Scale) -> Sequence[Figure]:
    cores = share_out()
    pinned = _figures("pinned to one core", at_most(0.1), cores.server, cores.clients, scale)
    raw = _figures("on all cores", None, cores.all, cores.all, scale)
    return [*pinned, *raw]


def _figures(
    where: str, goal: Goal | None, server: frozenset[int], client: frozenset[int], scale: Scale
) -> Iterator[Figure]:
    with serving(server) as running:
        arguments = ("bench.latency", running.url, scale.of(_REQUESTS, least=20))
        rounds = [measured(*arguments, cores=client) for _ in range(scale.rounds)]
    ours = [found["asynchttp"] * 1e3 for found in rounds]
    theirs = [found["perform"] * 1e3 for found in rounds]
    calls = [found["call"] * 1e3 for found in rounds]
    overhead = [this - that for this, that in zip(ours, theirs, strict=True)]
    yield Figure(f"overhead of a single request, {where}", overhead, "ms", goal)
    yield Figure(f"until http.request returns, {where}", calls, "ms", goal)
    yield Figure(f"a single request by asynchttp, {where}", ours, "ms")
    yield Figure(f"a single request by perform(), {where}", theirs, "ms")


if __name__ == "__main__":
    main(measure)
