"""The results as tables, for the terminal and as Markdown for the documentation.

Rule: figures with goals come first, then the clients' own figures.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench.results import Results
from bench.row import Figure, number

_BEGIN: Final = "<!-- results: written by python -m bench --markdown -->"
_END: Final = "<!-- end of the results -->"

_GOALS: Final = ("what", "goal", "result", "", "rounds", "pinned")
_DETAILS: Final = ("what", "result", "rounds", "pinned")


def show(console: Console, results: Results) -> None:
    for name, value in results.described():
        console.print(f"{name:>9}  {value}", soft_wrap=True, highlight=False)
    for headings, rows in _tables(results.all_figures()):
        table = Table(box=box.SIMPLE_HEAD)
        for heading in headings:
            table.add_column(heading)
        for row in rows:
            table.add_row(*row, style="red" if "missed" in row else None)
        console.print(table)


def write_into(page: Path, results: Results) -> None:
    """Replace the text between the page's two marks by the tables."""
    before, rest = page.read_text("utf-8").split(_BEGIN)
    after = rest.split(_END)[1]
    page.write_text(f"{before}{_BEGIN}\n\n{_markdown(results)}\n\n{_END}{after}", "utf-8")


def _markdown(results: Results) -> str:
    described = "\n".join(f"- {name}: {value}" for name, value in results.described())
    tables = (
        "\n".join(f"| {' | '.join(row)} |" for row in (headings, ["---"] * len(headings), *rows))
        for headings, rows in _tables(results.all_figures())
    )
    return "\n\n".join([described, *tables])


def _tables(
    figures: Sequence[Figure],
) -> Iterator[tuple[Sequence[str], Iterable[Sequence[str]]]]:
    end = None if any(figure.pinned for figure in figures) else -1  # no empty column
    yield _GOALS[:end], [_judged(figure)[:end] for figure in figures if figure.goal]
    yield _DETAILS[:end], [_plain(figure)[:end] for figure in figures if not figure.goal]


def _judged(figure: Figure) -> Sequence[str]:
    what, result, *others = _plain(figure)
    verdict = "met" if figure.met else "missed"
    return what, f"{figure.goal} {figure.unit}", result, verdict, *others


def _plain(figure: Figure) -> Sequence[str]:
    return figure.what, f"{number(figure.value)} {figure.unit}", figure.spread, figure.beside
