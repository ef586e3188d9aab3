"""`python -m bench [ROW ...]`: the rows' programs, one after another, and the table of results.

Exits with 1 if a program failed; a goal that is missed is a result.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console

from bench.machine import describe
from bench.row import ROUNDS, Scale, load
from bench.rows import ROWS
from bench.servers import PROJECT
from bench.table import show

_RESULTS: Final = PROJECT / "bench" / "results"
_QUICK: Final = Scale(rounds=3, size=0.05)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    scale = _QUICK if options.quick else Scale(options.rounds)
    done = {name: _run(name, scale, options.output / f"{name}.json") for name in options.rows}
    figures = [f for name, ok in done.items() if ok for f in load(options.output / f"{name}.json")]
    setting = describe()
    show(Console(), setting, figures)
    (options.output / "setting.json").write_text(json.dumps(setting, indent=2) + "\n", "utf-8")
    return int(not all(done.values()))


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser("bench", description=__doc__)
    parser.add_argument("rows", nargs="*", default=ROWS, choices=ROWS, metavar="ROW")
    parser.add_argument("--quick", action="store_true", help="small sizes: for daily use")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--output", type=Path, default=_RESULTS, help="a directory, for JSON")
    return parser.parse_args(arguments)


def _run(name: str, scale: Scale, output: Path) -> bool:
    """A row's program, and whether it succeeded; it prints its figures as it goes."""
    command = [sys.executable, "-m", f"bench.rows.{name}", "--output", str(output.resolve())]
    command += ["--rounds", str(scale.rounds), "--size", str(scale.size)]
    return subprocess.run(command, cwd=PROJECT, check=False).returncode == 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
