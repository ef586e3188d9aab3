"""The rounds: each side once, then each again, so that what slows the machine slows them all.

Rules: a ratio is taken within a round, where a slow spell of the machine cannot skew it.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

Side = TypeVar("Side")
Trial = TypeVar("Trial")


def interleave(sides: Mapping[Side, Callable[[], Trial]], rounds: int) -> dict[Side, list[Trial]]:
    """What each side's trials gave, one for each round."""
    results: dict[Side, list[Trial]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, trial in sides.items():
            results[side].append(trial())
    return results


def ratios(these: Iterable[float], those: Iterable[float]) -> list[float]:
    """How many times those these are, round by round."""
    return [this / that for this, that in zip(these, those, strict=True)]
