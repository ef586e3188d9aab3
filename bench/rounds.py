"""The rounds: each client once, then each again, so that what slows the machine slows them all.

Rules: a client that fails is reported and left out of further rounds; the others go on.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from bench.cores import on_cores
from bench.servers import PROJECT, Server
from bench.trial import Trial

_LONGEST_TRIAL: Final = 120.0
_WARM_UPS_PER_SLOT: Final = 25


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    names: Sequence[str]
    rounds: int
    requests: int
    concurrency: int

    @property
    def warm_up(self) -> int:
        return min(self.requests, self.concurrency * _WARM_UPS_PER_SLOT)


@dataclass
class Measured:
    """What a client's trials came to, one a round, or why they ended."""

    trials: list[Trial] = field(default_factory=list)
    server_cpu: list[float] = field(default_factory=list)
    """Microseconds of the server's processor time for a request."""
    error: str | None = None


def play(
    plan: Plan, server: Server, cores: frozenset[int], progress: Callable[[], None]
) -> dict[str, Measured]:
    """Measures all in turn, on these cores; says so after each trial."""
    results = {name: Measured() for name in plan.names}
    for _ in range(plan.rounds):
        for name, measured in results.items():
            if measured.error is None:
                _add_trial(name, measured, plan, server, cores)
            progress()
    return results


def _add_trial(
    name: str, measured: Measured, plan: Plan, server: Server, cores: frozenset[int]
) -> None:
    before = server.cpu_seconds()
    try:
        measured.trials.append(_run(name, plan, server.url, cores))
    except subprocess.SubprocessError as error:
        measured.error = _reason(error)
        return
    answered = plan.warm_up + plan.requests
    measured.server_cpu.append((server.cpu_seconds() - before) / answered * 1e6)


def _run(name: str, plan: Plan, url: str, cores: frozenset[int]) -> Trial:
    numbers = map(str, (plan.concurrency, plan.warm_up, plan.requests))
    command = [sys.executable, "-m", "bench.trial", name, url, *numbers]
    with on_cores(cores):
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, timeout=_LONGEST_TRIAL, check=True
        )
    return Trial(**json.loads(done.stdout))


def _reason(error: subprocess.SubprocessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        return f"{error.stderr.strip() or error}"
    return f"{error}"
