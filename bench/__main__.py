"""`python -m bench [ROW ...]`: runs the rows' programs in turn, and prints the table of results.

Rules: a row's figures are written to ROW.json when the row ends, and the figures of all rows to
results.json at the end. The exit status is 1 if a program failed; a missed goal is a result.
"""

import subprocess
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.machine import describe
from bench.nginx import find_nginx
from bench.results import Results
from bench.row import ROUNDS, Figure, Scale, load
from bench.rows import ROWS
from bench.servers import PROJECT
from bench.table import show, write_into

_RESULTS: Final = PROJECT / "bench" / "results"
_PAGE: Final = 140
_QUICK: Final = Scale(rounds=3, size=0.1, free_only=True)
_NOT_QUICK: Final = {"instructions"}
"""Rows that `--quick` makes no faster, and leaves out unless named."""


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    scale = _QUICK if options.quick else Scale(options.rounds)
    left_out = _NOT_QUICK if options.quick else ()
    rows = options.rows or [row for row in ROWS if row not in left_out]
    find_nginx()  # now, so that each row finds the answer in the environment
    found = {row: _run(row, scale, options.output) for row in rows}
    failed = [row for row, figures in found.items() if figures is None]
    results = Results(
        describe(), scale, {row: figures for row, figures in found.items() if figures}
    )
    results.save(options.output / "results.json")
    show(Console(width=None if sys.stdout.isatty() else _PAGE), results)
    if options.markdown:
        write_into(options.markdown, results)
    if failed:
        print("Failed:", ", ".join(failed))
    return int(bool(failed))


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser("bench", description=f"The rows: {', '.join(ROWS)}.")
    parser.add_argument("rows", nargs="*", type=_row, metavar="ROW", help="default: all rows")
    parser.add_argument("--quick", action="store_true", help="small sizes: for daily use")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=Path, default=_RESULTS, help="a directory, for JSON")
    parser.add_argument("--markdown", type=Path, metavar="PAGE", help="a page to put the table in")
    return parser.parse_args(arguments)


def _row(text: str) -> str:
    if text in ROWS:
        return text
    raise ArgumentTypeError(f"{text} is no row; there are {', '.join(ROWS)}")


def _run(row: str, scale: Scale, directory: Path) -> list[Figure] | None:
    """Run a row's program. The result is the figures, or None if the program failed."""
    output = directory.resolve() / f"{row}.json"
    sizes = ["--rounds", str(scale.rounds), "--size", str(scale.size)]
    sizes += ["--free-only"] if scale.free_only else []
    command = [sys.executable, "-m", f"bench.rows.{row}", *sizes, "--output", str(output)]
    done = subprocess.run(command, cwd=PROJECT, check=False)
    return None if done.returncode else load(output)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
