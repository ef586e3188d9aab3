"""The results of a run: the machine, the scale, and the figures of the rows."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.row import Figure, Scale


@dataclass(frozen=True)
class Results:
    """The results of one run."""

    setting: Mapping[str, str]
    scale: Scale
    figures: Mapping[str, Sequence[Figure]]
    """By the name of the row."""

    def all_figures(self) -> list[Figure]:
        return [figure for figures in self.figures.values() for figure in figures]

    def described(self) -> Iterator[tuple[str, str]]:
        yield from self.setting.items()
        size = f", at {self.scale.size:.0%} of the full size" if self.scale.size != 1 else ""
        half = self.scale.with_half_the_rounds().rounds
        pinned = "no pinned figures" if self.scale.free_only else f"{half} with pinned cores"
        yield "rounds", f"{self.scale.rounds}, {pinned}{size}"

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")
