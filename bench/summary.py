"""What the rounds come to, client by client: plain values, ready for a table or for JSON.

Rules: a figure is the median of the rounds, with the lowest and the highest beside it; a ratio
is the median of the ratios within each round, which a slow spell of the machine cannot skew.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

from bench.rounds import Measured
from bench.trial import Trial


@dataclass(frozen=True)
class Figure:
    """One quantity over the rounds."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """A client that answered in every round."""

    rate: Figure
    cpu: Figure
    memory: Figure
    server_busy: float
    """The share of its core that the server needed at this rate."""
    ratio: float
    """How many times this client's rate the reference's is."""


@dataclass(frozen=True)
class Failure:
    """A client that did not."""

    error: str


Rows: TypeAlias = dict[str, Row | Failure]


def summarise(results: Mapping[str, Measured], reference: str) -> Rows:
    """The reference's own ratio is 1; where it failed, there is nothing to hold others to."""
    rates = _rates(results[reference].trials)
    return {name: _row(measured, rates) for name, measured in results.items()}


def _row(measured: Measured, reference: list[float]) -> Row | Failure:
    if measured.error is not None:
        return Failure(measured.error)
    rates = _rates(measured.trials)
    return Row(
        rate=_figure(rates),
        cpu=_figure(trial.cpu for trial in measured.trials),
        memory=_figure(trial.memory for trial in measured.trials),
        server_busy=median(
            cpu * rate / 1e6 for cpu, rate in zip(measured.server_cpu, rates, strict=True)
        ),
        ratio=_ratio(reference, rates),
    )


def _rates(trials: list[Trial]) -> list[float]:
    return [trial.rate for trial in trials]


def _ratio(reference: list[float], rates: list[float]) -> float:
    ratios = [theirs / ours for theirs, ours in zip(reference, rates, strict=False)]
    return median(ratios) if ratios else float("nan")


def _figure(values: Iterable[float]) -> Figure:
    ordered = sorted(values)
    return Figure(median(ordered), ordered[0], ordered[-1])
