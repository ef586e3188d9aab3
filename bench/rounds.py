"""The rounds: each side once, then each again, so that a slow spell of the machine slows all sides.

Rules: a ratio is taken within a round, where a slow spell skews no ratio.
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


def ratios(these: Iterable[float], those: Iterable[float]) -> list[float]:
    """The first by the second, round by round; infinite where the second got nothing done, as
    happens to twenty threads in a short round on a busy machine.
    """
    return [this / that if that else inf for this, that in zip(these, those, strict=True)]
