"""`python -m bench`: the same small GET by all clients, in turn, against a server of its own.

Exits with 1 if a client failed.
"""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.progress import Progress

from bench.contenders import CONTENDERS
from bench.cores import share_out
from bench.machine import describe
from bench.report import save, show
from bench.rounds import Plan, play
from bench.servers import serving
from bench.summary import Failure, summarise

_RESULTS: Final = Path(__file__).parent / "results" / "small_get.json"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    plan = Plan(options.only, options.rounds, options.requests, options.concurrency)
    cores = share_out()
    with serving(cores.server) as server, Progress(transient=True) as progress:
        task = progress.add_task("Measuring", total=plan.rounds * len(plan.names))
        results = play(plan, server, cores.clients, lambda: progress.advance(task))
        setting = describe(server, cores)
    rows = summarise(results, plan.names[0])
    show(Console(), plan, rows, plan.names[0], setting)
    save(options.output, plan, results, rows, setting)
    return int(any(isinstance(row, Failure) for row in rows.values()))


def _options(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser("bench", description=__doc__)
    parser.add_argument("--only", type=_names, default=list(CONTENDERS), metavar="NAME,NAME")
    parser.add_argument("--rounds", type=_at_least_one, default=7)
    parser.add_argument("--requests", type=_at_least_one, default=20_000, help="in each round")
    parser.add_argument("--concurrency", type=_at_least_one, default=20, help="how many at once")
    parser.add_argument("--output", type=Path, default=_RESULTS, help="the results as JSON")
    return parser.parse_args(arguments)


def _at_least_one(text: str) -> int:
    if text.isdecimal() and int(text) >= 1:
        return int(text)
    raise ArgumentTypeError(f"expected a number of at least 1, not {text}")


def _names(text: str) -> list[str]:
    names = text.split(",")
    if unknown := set(names) - set(CONTENDERS):
        raise ArgumentTypeError(f"{', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    return names


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
