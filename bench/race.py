"""Clients against each other at the same URL: each trial a process of its own.

Rules: every client is warm, its connections made, when its clock starts. A slow client is asked
for fewer requests: what counts is that a trial is long beside its start and its end.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final

from bench.cores import Cores, share_out
from bench.process import measured
from bench.rounds import interleave
from bench.row import Scale
from bench.servers import Server
from bench.trial import Trial

_WARM_UPS_PER_SLOT: Final = 25


def race(
    requests: Mapping[str, int], concurrency: int, server: Server, scale: Scale
) -> dict[str, list[Trial]]:
    """The trials of each client, by its name, with so many requests each at the full scale."""
    cores = share_out()
    sides = {
        name: partial(_trial, name, concurrency, scale.of(count), server, cores)
        for name, count in requests.items()
    }
    return interleave(sides, scale.rounds)


def _trial(name: str, concurrency: int, count: int, server: Server, cores: Cores) -> Trial:
    warm_up = min(count, concurrency * _WARM_UPS_PER_SLOT)
    numbers = (concurrency, warm_up, count)
    return Trial(**measured("bench.trial", name, server.url, *numbers, cores=cores.clients))


def rates(trials: list[Trial]) -> list[float]:
    return [trial.rate for trial in trials]
