"""Clients that fetch while the main thread sleeps or computes: each trial a process, in rounds.

Rules: ratios are taken within a round, as in a race.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Literal, TypeVar

from bench.contenders import CONTENDERS
from bench.process import measured
from bench.rounds import interleave
from bench.row import Figure, Scale
from bench.servers import Server

AT_ONCE: Final = 20
_SECONDS: Final = 0.5
_SHORTEST: Final = 0.1
"""Seconds in which Python's threads can take turns twenty times."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Pastime:
    """A client and a server, and what the main thread does meanwhile."""

    client: str
    server: Server
    main_thread: Literal["sleeps", "computes"]
    answers: str = "small GETs"
    """The requests, as the table names them."""

    def details(self, rates: Sequence[float]) -> Figure:
        """The client's own figure, without comparison."""
        who = CONTENDERS[self.client]
        return Figure(f"{who}, {self.answers}, main thread {self.main_thread}", rates, "requests/s")


def rates(pastimes: Mapping[Key, Pastime], scale: Scale) -> dict[Key, list[float]]:
    """Requests a second, 20 at once, in each round."""
    seconds = scale.seconds(_SECONDS, _SHORTEST)
    sides = {key: partial(_rate, pastime, seconds) for key, pastime in pastimes.items()}
    return interleave(sides, scale.rounds)


def _rate(pastime: Pastime, seconds: float) -> float:
    arguments = (pastime.client, pastime.server.url, AT_ONCE, pastime.main_thread, seconds)
    found = measured("bench.meanwhile", *arguments, cores=pastime.server.clients)
    return found["rate"]
