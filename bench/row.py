"""A row of the table: a program that measures something and prints figures with their goals.

    python -m bench.rows.NAME [--rounds N] [--size SHARE] [--free-only] [--output FILE]

Rules: a figure is the median of the rounds; the values of all rounds are kept. A missed goal is a
result. If a measurement is impossible, the program ends with the exception.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Final, Literal, TypeAlias, TypedDict

ROUNDS: Final = 7


@dataclass(frozen=True)
class Goal:
    """The least or the most that a figure should be."""

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
    """A quantity, measured once in each round."""

    what: str
    values: Sequence[float]
    unit: str = "times"
    goal: Goal | None = None
    pinned: Sequence[float] | None = None
    """The values of the rounds with a core for the server and a core for the client."""

    @property
    def value(self) -> float:
        return median(self.values)

    @property
    def met(self) -> bool | None:
        return None if self.goal is None else self.goal.is_met_by(self.value)

    @property
    def spread(self) -> str:
        return f"{number(min(self.values))} to {number(max(self.values))}"

    @property
    def beside(self) -> str:
        """The median with pinned cores, as text."""
        return number(median(self.pinned)) if self.pinned else ""

    def __str__(self) -> str:
        pinned = f"; pinned {self.beside}" if self.pinned else ""
        result = f"{number(self.value)} {self.unit} ({self.spread})"
        return f"{self.what}: {result}{self._verdict()}{pinned}"

    def _verdict(self) -> str:
        return "" if self.goal is None else f"; goal {self.goal}: {'met' if self.met else 'missed'}"


@dataclass(frozen=True)
class Scale:
    """The number of rounds, and the share of the full size."""

    rounds: int = ROUNDS
    size: float = 1.0
    free_only: bool = False
    """Whether the pinned figures are left out."""

    def of(self, count: int, least: int = 1) -> int:
        """A number of requests or bytes, at this scale."""
        return max(least, round(count * self.size))

    def seconds(self, duration: float, least: float) -> float:
        """A duration, at this scale."""
        return max(least, duration * self.size)

    def with_at_most(self, rounds: int) -> "Scale":
        """Fewer rounds, for figures that hardly differ from round to round."""
        return replace(self, rounds=min(rounds, self.rounds))

    def with_half_the_rounds(self) -> "Scale":
        return replace(self, rounds=(self.rounds + 1) // 2)


class _GoalDocument(TypedDict):
    at: Literal["least", "most"]
    limit: float


class _FigureDocument(TypedDict):
    what: str
    values: list[float]
    unit: str
    goal: _GoalDocument | None
    pinned: list[float] | None


Measure: TypeAlias = Callable[[Scale], Sequence[Figure]]


def main(measure: Measure) -> None:
    """Run a row's program: print its figures, and write them as JSON if `--output` names a file."""
    parser = ArgumentParser()
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--size", type=float, default=1.0, help="of the full size, 1")
    parser.add_argument("--free-only", action="store_true", help="without the pinned figures")
    parser.add_argument("--output", type=Path, metavar="FILE", help="the figures as JSON")
    options = parser.parse_args()
    figures = measure(Scale(options.rounds, options.size, options.free_only))
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
    return Figure(document["what"], document["values"], document["unit"], goal, document["pinned"])


def number(value: float) -> str:
    """Three significant digits, and every digit before the point."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"
