"""Rounds: each side runs once in each round, so that a slow spell of the machine slows all sides.

Rule: a ratio compares trials of the same round, so that a slow spell hardly changes the ratio.
"""

from collections.abc import Callable, Iterable, Mapping
from math import inf
from typing import TypeVar

Side = TypeVar("Side")
Trial = TypeVar("Trial")


def interleave(sides: Mapping[Side, Callable[[], Trial]], rounds: int) -> dict[Side, list[Trial]]:
    """The results of each side's trials, one for each round."""
    results: dict[Side, list[Trial]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, trial in sides.items():
            results[side].append(trial())
    return results


def ratios(values: Iterable[float], bases: Iterable[float]) -> list[float]:
    """Each value as a multiple of the base of the same round; infinite where the base is 0: in a
    short round, on a busy machine, a client of twenty threads may get no answer.
    """
    return [value / base if base else inf for value, base in zip(values, bases, strict=True)]
