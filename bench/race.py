"""Races: clients compared at the same URL. Each trial is a process, on the clients' cores.

Rules: every client is warm, with all connections made, when the clock starts. A slow client makes
fewer requests: a trial only has to be long compared with its start and its end.
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
    """A client, and its task. All requests of a batch are made at once; at most `concurrency` are
    in flight.
    """

    client: str
    concurrency: int
    requests: int
    batches: int = 1


@dataclass(frozen=True)
class Trial:
    """The figures of one process of a client."""

    rate: float
    """Requests per second."""
    cpu: float
    """Microseconds of processor time per request."""
    busy: float
    """The server's share of a core. Near 1 the server is the limit, and not the client."""


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
    """Our rate as a multiple of the other client's."""
    values = ratios((trial.rate for trial in ours), (trial.rate for trial in theirs))
    return Figure(what, values, goal=goal)


def cpu_ratio(
    what: str, ours: Iterable[Trial], theirs: Iterable[Trial], goal: Goal | None = None
) -> Figure:
    """Our processor time per request as a multiple of the other client's. Other work on the machine
    disturbs processor time less than rates.
    """
    values = ratios((trial.cpu for trial in ours), (trial.cpu for trial in theirs))
    return Figure(f"CPU per request {what}", values, goal=goal)


def details(entry: Entry, trials: Iterable[Trial], what: str = "") -> list[Figure]:
    """A client's own figures. `what`: the name of the documents, if not the small document."""
    trials = list(trials)
    who = f"{CONTENDERS[entry.client]}, {what and f'{what}, '}{entry.concurrency:,} at once"
    return [
        Figure(who, [trial.rate for trial in trials], "requests/s"),
        Figure(f"{who}: CPU for each", [trial.cpu for trial in trials], "µs"),
        Figure(f"{who}: server busy", [trial.busy * 100 for trial in trials], "%"),
    ]
