"""The results as a table: on the terminal for people, and as Markdown for the documentation."""

from collections.abc import Mapping, Sequence
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench.row import Figure, number

_HEADINGS: Final = ("what", "goal", "result", "", "rounds")


def show(console: Console, setting: Mapping[str, str], figures: Sequence[Figure]) -> None:
    for name, value in setting.items():
        console.print(f"{name:>9}  {value}", soft_wrap=True, highlight=False)
    table = Table(box=box.SIMPLE_HEAD)
    for heading in _HEADINGS:
        table.add_column(heading)
    for figure in figures:
        table.add_row(*_cells(figure), style="red" if figure.met is False else None)
    console.print(table)


def markdown(setting: Mapping[str, str], figures: Sequence[Figure]) -> str:
    described = [f"- {name}: {value}" for name, value in setting.items()]
    rows = [_HEADINGS, ("---",) * len(_HEADINGS), *map(_cells, figures)]
    return "\n".join([*described, "", *(f"| {' | '.join(cells)} |" for cells in rows)])


def _cells(figure: Figure) -> tuple[str, ...]:
    return (
        figure.what,
        str(figure.goal or ""),
        f"{number(figure.value)} {figure.unit}",
        {True: "met", False: "missed", None: ""}[figure.met],
        figure.spread,
    )
