"""Processor time per request, for batches of 1,000 to 1,000,000 requests. The goal is no growth.

Rules: the smaller batches are repeated up to 100,000 requests; the million is made in batches of
100,000. Few rounds, since a round takes half a minute.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.cores import Placement
from bench.placements import measure_both
from bench.race import Entry, Trial, race
from bench.rounds import ratios
from bench.row import Figure, Scale, at_most, main
from bench.servers import serving

_AT_ONCE: Final = 20
_SMALLEST: Final = 1_000
_LARGEST_BATCH: Final = 100_000
_NUMBERS: Final = (_SMALLEST, 10_000, 100_000, 1_000_000)
_FLAT: Final = at_most(1.1)
_ROUNDS: Final = 3


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale.with_at_most(_ROUNDS))


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    entries = {number: _entry(number, scale) for number in _NUMBERS}
    with serving(placement) as server:
        trials = race(entries, server, scale.rounds)
    cpu = {number: _cpu(found) for number, found in trials.items()}
    for number in _NUMBERS[1:]:
        what = f"CPU per request, {number:,} against {_SMALLEST:,}"
        yield Figure(what, ratios(cpu[number], cpu[_SMALLEST]), goal=_FLAT)
    for number, values in cpu.items():
        yield Figure(f"CPU per request, {number:,} asked for", values, "µs")


def _entry(number: int, scale: Scale) -> Entry:
    batch = min(number, _LARGEST_BATCH)
    total = max(number, _LARGEST_BATCH)
    return Entry("asynchttp", _AT_ONCE, scale.of(batch), total // batch)


def _cpu(trials: list[Trial]) -> list[float]:
    return [trial.cpu for trial in trials]


if __name__ == "__main__":
    main(measure)
