"""Clients against each other at the same URL: each trial is a process, on the clients' cores.

Rules: every client is warm, with its connections made, when the clock starts. A slow client is
asked for fewer requests: a trial only has to be long beside its start and its end.
"""

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from bench.contenders import CONTENDERS
from bench.process import measured
from bench.rounds import interleave, ratios
from bench.row import Figure, Goal
from bench.servers import Server

_WARM_UPS_PER_SLOT: Final = 25

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Entry:
    """A client, and its task: all requests of a batch are asked for at once."""

    client: str
    concurrency: int
    requests: int
    batches: int = 1


@dataclass(frozen=True)
class Trial:
    """The figures of one process of a client."""

    rate: float
    """Requests a second."""
    cpu: float
    """Microseconds of processor time for a request."""
    busy: float
    """The share of one core that the server needed; near 1 the server is measured, no client."""


def race(entries: Mapping[Key, Entry], server: Server, rounds: int) -> dict[Key, list[Trial]]:
    """The trials of each entry, one in each round."""
    sides = {key: partial(_trial, entry, server) for key, entry in entries.items()}
    return interleave(sides, rounds)


def _trial(entry: Entry, server: Server) -> Trial:
    before = server.cpu_seconds()
    warm_up = min(entry.requests, entry.concurrency * _WARM_UPS_PER_SLOT)
    numbers = (entry.concurrency, warm_up, entry.requests, entry.batches)
    where = (server.url, server.ca_certs or "")
    found = measured("bench.trial", entry.client, *where, *numbers, cores=server.clients)
    answered = warm_up + entry.requests * entry.batches
    busy = (server.cpu_seconds() - before) / answered * found["rate"]
    return Trial(found["rate"], found["cpu"], busy)


def speedup(what: str, ours: Iterable[Trial], theirs: Iterable[Trial], goal: Goal | None) -> Figure:
    """Our rate by theirs."""
    values = ratios((trial.rate for trial in ours), (trial.rate for trial in theirs))
    return Figure(what, values, goal=goal)


def cpu_ratio(
    what: str, ours: Iterable[Trial], theirs: Iterable[Trial], goal: Goal | None = None
) -> Figure:
    """Our processor time for a request by theirs; other work on the machine disturbs times less."""
    values = ratios((trial.cpu for trial in ours), (trial.cpu for trial in theirs))
    return Figure(f"CPU per request {what}", values, goal=goal)


def details(entry: Entry, trials: Iterable[Trial], what: str = "") -> list[Figure]:
    """A client's own figures; `what` names the documents, unless the small document was fetched."""
    trials = list(trials)
    who = f"{CONTENDERS[entry.client]}, {what and f'{what}, '}{entry.concurrency:,} at once"
    return [
        Figure(who, [trial.rate for trial in trials], "requests/s"),
        Figure(f"{who}: CPU for each", [trial.cpu for trial in trials], "µs"),
        Figure(f"{who}: server busy", [trial.busy * 100 for trial in trials], "%"),
    ]
