"""A row in both placements: the figures with all cores free, and the pinned figures beside them."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

from bench.cores import Placement, free, pinned
from bench.row import Figure, Scale

MeasurePlaced: TypeAlias = Callable[[Placement, Scale], Iterable[Figure]]
"""Measures the same figures, in the same order, in any placement."""


def measure_both(measure: MeasurePlaced, scale: Scale) -> list[Figure]:
    """The figures of both placements. Goals are for free cores; pinned runs have fewer rounds."""
    figures = list(measure(free(), scale))
    if scale.free_only or free() == pinned():
        return figures
    beside = measure(pinned(), scale.with_half_the_rounds())
    return [replace(figure, pinned=other.values) for figure, other in _pairs(figures, beside)]


def _pairs(figures: list[Figure], beside: Iterable[Figure]) -> Iterable[tuple[Figure, Figure]]:
    for figure, other in zip(figures, beside, strict=True):
        if figure.what != other.what:
            raise ValueError(f"{other.what!r} does not belong beside {figure.what!r}")
        yield figure, other
