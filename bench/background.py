"""Clients that fetch while the main thread sleeps or computes. Each trial is a process.

Rule: a ratio compares two trials of the same round, as in a race.
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
"""Seconds: enough for Python's threads to take twenty turns."""

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Scenario:
    """A client, a server, and the work of the main thread meanwhile."""

    client: str
    server: Server
    main_thread: Literal["sleeps", "computes"]
    answers: str = "small GETs"
    """The requests, as the table names them."""

    def details(self, rates: Sequence[float]) -> Figure:
        """The client's own figure, without comparison."""
        who = CONTENDERS[self.client]
        return Figure(f"{who}, {self.answers}, main thread {self.main_thread}", rates, "requests/s")


def rates(scenarios: Mapping[Key, Scenario], scale: Scale) -> dict[Key, list[float]]:
    """Requests per second in each round, 20 at once."""
    seconds = scale.seconds(_SECONDS, _SHORTEST)
    sides = {key: partial(_rate, scenario, seconds) for key, scenario in scenarios.items()}
    return interleave(sides, scale.rounds)


def _rate(scenario: Scenario, seconds: float) -> float:
    arguments = (scenario.client, scenario.server.url, AT_ONCE, scenario.main_thread, seconds)
    found = measured("bench.meanwhile", *arguments, cores=scenario.server.clients)
    return found["rate"]
