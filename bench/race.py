"""Clients against each other at the same URL: each trial a process of its own, on the clients'
cores, while the server has its own.

Rules: every client is warm, its connections made, when its clock starts. A slow client is asked
for fewer requests: what counts is that a trial is long beside its start and its end.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from bench.contenders import CONTENDERS
from bench.cores import share_out
from bench.process import measured
from bench.rounds import interleave, ratios
from bench.row import Figure, Goal
from bench.servers import Server

_WARM_UPS_PER_SLOT: Final = 25

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Entry:
    """A client, and how much it is asked for: all requests of a batch at once."""

    client: str
    concurrency: int
    requests: int
    batches: int = 1


@dataclass(frozen=True)
class Trial:
    """What one process of a client came to."""

    rate: float
    """Requests a second."""
    cpu: float
    """Microseconds of processor time for a request."""
    busy: float
    """The share of its core that the server needed; near 1 it is the server that is measured."""


def race(entries: Mapping[Key, Entry], server: Server, rounds: int) -> dict[Key, list[Trial]]:
    """The trials of each, one a round."""
    sides = {key: partial(_trial, entry, server) for key, entry in entries.items()}
    return interleave(sides, rounds)


def _trial(entry: Entry, server: Server) -> Trial:
    before = server.cpu_seconds()
    warm_up = min(entry.requests, entry.concurrency * _WARM_UPS_PER_SLOT)
    numbers = (entry.concurrency, warm_up, entry.requests, entry.batches)
    where = (server.url, server.ca_certs or "")
    found = measured("bench.trial", entry.client, *where, *numbers, cores=share_out().clients)
    answered = warm_up + entry.requests * entry.batches
    busy = (server.cpu_seconds() - before) / answered * found["rate"]
    return Trial(found["rate"], found["cpu"], busy)


def speedup(what: str, ours: Iterable[Trial], theirs: Iterable[Trial], goal: Goal | None) -> Figure:
    """How many times their rate ours is."""
    values = ratios((trial.rate for trial in ours), (trial.rate for trial in theirs))
    return Figure(what, values, goal=goal)


def thrift(what: str, ours: Iterable[Trial], theirs: Iterable[Trial]) -> Figure:
    """The same by processor time, which other work on the machine disturbs less."""
    values = ratios((trial.cpu for trial in theirs), (trial.cpu for trial in ours))
    return Figure(f"{what}, by CPU", values)


def details(entry: Entry, trials: Iterable[Trial], what: str = "") -> list[Figure]:
    """What a client did, without comparison; `what` it fetched, if not the small document."""
    trials = list(trials)
    who = f"{CONTENDERS[entry.client]}, {what and f'{what}, '}{entry.concurrency:,} at once"
    return [
        Figure(who, [trial.rate for trial in trials], "requests/s"),
        Figure(f"{who}: CPU for each", [trial.cpu for trial in trials], "µs"),
        Figure(f"{who}: server busy", [trial.busy * 100 for trial in trials], "%"),
    ]
