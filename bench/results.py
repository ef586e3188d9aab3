"""What a run came to: its rows' figures, how much was measured, and on what."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.row import Figure, Scale


@dataclass(frozen=True)
class Results:
    """Of one run."""

    setting: Mapping[str, str]
    scale: Scale
    figures: Mapping[str, Sequence[Figure]]
    """By the name of the row."""

    def all_figures(self) -> list[Figure]:
        return [figure for figures in self.figures.values() for figure in figures]

    def described(self) -> Iterator[tuple[str, str]]:
        yield from self.setting.items()
        size = f", at {self.scale.size:.0%} of the full size" if self.scale.size != 1 else ""
        yield "rounds", f"{self.scale.rounds}{size}"

    def save(self, path: Path) -> None:
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")
