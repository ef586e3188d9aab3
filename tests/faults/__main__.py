"""Play the whole matrix and all loads, and print the table and the figures.

    python -m tests.faults [--only TEXT]

Rules: a tenth of each load comes first, and fills pools and caches. The exit status is 1 if a cell
is wrong, a load fails, or threads, descriptors or memory do not return to where they were.
"""

import logging
import resource
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import partial
from pathlib import Path
from typing import NamedTuple

from asynchttp.dispatch import workers
from tests.faults.load import LOADS
from tests.faults.measure import Usage, usage_at_rest
from tests.faults.play import Outcome, Stage, play
from tests.faults.report import Result, lines, problems
from tests.faults.table import TABLE, Cell, all_cells

AT_ONCE = 16
"""Cells at once: most of a cell's time is waiting."""
DESCRIPTORS = 20_000
"""Files that this process opens at most: connections, most of them."""


class Figures(NamedTuple):
    name: str
    size: int
    seconds: float
    before: Usage
    after: Usage
    error: str = ""

    @property
    def is_right(self) -> bool:
        return not self.error and self.after.has_returned_to(self.before)


def main() -> int:
    parser = ArgumentParser("tests.faults")
    parser.add_argument(
        "--only", metavar="TEXT", help="no loads, and only the faults whose names have this text"
    )
    only: str | None = parser.parse_args().only
    logging.disable()  # the report tells the failures
    workers.IDLE = 0.05
    _allow_descriptors()
    with tempfile.TemporaryDirectory() as directory:
        stage = Stage(Path(directory))
        is_right, figures = _play_matrix(stage, only or "")
        loads = [] if only else list(_play_loads(stage))
    for each in (figures, *loads):
        _print_figures(each)
    return int(not is_right or not all(each.is_right for each in (figures, *loads)))


def _allow_descriptors() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _play_matrix(stage: Stage, only: str) -> tuple[bool, Figures]:
    """Print the matrix; return whether all cells are right."""
    faults = [fault for fault in TABLE if only in fault.name]
    cells = [cell for cell in all_cells() if cell.fault in faults]
    results: dict[str, Result] = {}
    play_all([cell for cell in all_cells() if cell.fault.name == "TLS: good"], stage)
    name = f"{len(faults)} faults, cells"
    figures = _measure(name, len(cells), lambda: results.update(play_all(cells, stage)))
    wrong = list(_wrong(cells, results))
    print(*lines(results), *wrong, f"{len(wrong)} cells are wrong.", sep="\n")
    return not wrong, figures


def play_all(cells: list[Cell], stage: Stage) -> dict[str, Result]:
    """Play the cells, several at once."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = {cell.name: pool.submit(play, cell, stage) for cell in cells}
        wait(futures.values())
    return {name: _result(future) for name, future in futures.items()}


def _result(future: Future[Outcome]) -> Result:
    error = future.exception()
    if error is None:
        return future.result()
    if not isinstance(error, Exception):
        raise error
    return error.with_traceback(None)


def _wrong(cells: list[Cell], results: dict[str, Result]) -> Iterator[str]:
    for cell in cells:
        if found := problems(cell, results[cell.name]):
            yield f"! {cell.name}: {'; '.join(found)}\n      wanted: {cell.wanted}"


def _play_loads(stage: Stage) -> Iterator[Figures]:
    for load in LOADS:
        small = _measure(load.name, load.size // 10, partial(load.run, stage, load.size // 10))
        whole = partial(load.run, stage, load.size)
        yield small if small.error else _measure(load.name, load.size, whole)


def _measure(name: str, size: int, run: Callable[[], object]) -> Figures:
    before = usage_at_rest()
    began = time.monotonic()
    error = ""
    try:
        run()
    except Exception as raised:  # noqa: BLE001 - printed
        error = repr(raised)
    seconds = time.monotonic() - began
    return Figures(name, size, seconds, before, usage_at_rest(before), error)


def _print_figures(figures: Figures) -> None:
    usage = ", ".join(
        f"{what} {getattr(figures.before, what)} -> {getattr(figures.after, what)}"
        for what in Usage._fields
    )
    mark = "" if figures.is_right else "! "
    print(f"{mark}{figures.name}: {figures.size} in {figures.seconds:.0f} s; {usage}")
    if figures.error:
        print(f"      {figures.error}")


if __name__ == "__main__":
    sys.exit(main())
