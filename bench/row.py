"""A row of the table: a program that measures one thing, and says what it found and hoped for.

    python -m bench.rows.NAME [--rounds N] [--size SHARE] [--output FILE]

Rules: a figure is the median of the rounds, whose values are kept; a goal that is missed is a
result. Only what cannot be measured is a failure: the program ends with the exception then.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final, Literal, TypeAlias, TypedDict

ROUNDS: Final = 7


@dataclass(frozen=True)
class Goal:
    """What a figure has to be."""

    at: Literal["least", "most"]
    limit: float

    def is_met_by(self, value: float) -> bool:
        return value >= self.limit if self.at == "least" else value <= self.limit

    def __str__(self) -> str:
        return f"at {self.at} {number(self.limit)}"


def at_least(limit: float) -> Goal:
    return Goal("least", limit)


def at_most(limit: float) -> Goal:
    return Goal("most", limit)


@dataclass(frozen=True)
class Figure:
    """One quantity, measured once in each round."""

    what: str
    values: Sequence[float]
    unit: str = "times"
    goal: Goal | None = None

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.is_met_by(self.value)

    @property
    def spread(self) -> str:
        return f"{number(min(self.values))} to {number(max(self.values))}"

    def __str__(self) -> str:
        return f"{self.what}: {number(self.value)} {self.unit} ({self.spread}){self._verdict()}"

    def _verdict(self) -> str:
        return "" if self.goal is None else f"; goal {self.goal}: {'met' if self.met else 'missed'}"


@dataclass(frozen=True)
class Scale:
    """How much is measured: how often, and what share of the full size."""

    rounds: int = ROUNDS
    size: float = 1.0

    def of(self, count: int, least: int = 1) -> int:
        """A number of requests or bytes, at this scale."""
        return max(least, round(count * self.size))


class _GoalDocument(TypedDict):
    at: Literal["least", "most"]
    limit: float


class _FigureDocument(TypedDict):
    what: str
    values: list[float]
    unit: str
    goal: _GoalDocument | None


Measure: TypeAlias = Callable[[Scale], Sequence[Figure]]


def main(measure: Measure) -> None:
    """A row's program: prints its figures, and writes them as JSON if asked to."""
    parser = ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--size", type=float, default=1.0, help="of the full size, 1")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the figures as JSON")
    options = parser.parse_args()
    figures = measure(Scale(options.rounds, options.size))
    for figure in figures:
        print(figure, flush=True)
    if options.output:
        save(options.output, figures)


def save(path: Path, figures: Sequence[Figure]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n", "utf-8")


def load(path: Path) -> list[Figure]:
    documents: list[_FigureDocument] = json.loads(path.read_text("utf-8"))
    return [_figure(document) for document in documents]


def _figure(document: _FigureDocument) -> Figure:
    goal = document["goal"] and Goal(**document["goal"])
    return Figure(document["what"], document["values"], document["unit"], goal)


def number(value: float) -> str:
    """Three digits that count, and no fewer than there are before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
