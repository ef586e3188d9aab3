"""The time of `import asynchttp`, against `import httplib2, pycurl`, its dependencies.

Rules: each import is a process. The start of the interpreter and compiling are not counted: all
modules are imported before, and bytecode may be written. An import has a single thread, so that the
row has no placements.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Final

from bench.rounds import interleave, ratios
from bench.row import Figure, Scale, at_most, main

_TIMES: Final = 15
_OURS, _THEIRS = "asynchttp", "httplib2, pycurl"
_PROGRAM: Final = """
from time import perf_counter
began = perf_counter()
import {}
print(perf_counter() - began)
"""


def measure(scale: Scale) -> Sequence[Figure]:
    times = scale.of(_TIMES)
    for modules in (_OURS, _THEIRS):
        _import(modules)
    found = [_round(times) for _ in range(scale.rounds)]
    ours, theirs = ([figures[modules] for figures in found] for modules in (_OURS, _THEIRS))
    return [
        Figure("import time against httplib2 and pycurl", ratios(ours, theirs), goal=at_most(1.25)),
        Figure(f"import {_OURS}", ours, "ms"),
        Figure(f"import {_THEIRS}", theirs, "ms"),
    ]


def _round(times: int) -> dict[str, float]:
    """The median milliseconds of both imports, made in turn."""
    sides = {modules: partial(_import, modules) for modules in (_OURS, _THEIRS)}
    return {modules: median(found) for modules, found in interleave(sides, times).items()}


def _import(modules: str) -> float:
    command = [sys.executable, "-c", _PROGRAM.format(modules)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout) * 1e3


if __name__ == "__main__":
    main(measure)
