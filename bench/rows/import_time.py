"""How long `import asynchttp` takes, against what it stands on: `import httplib2, pycurl`.

Rules: each import is a process of its own, what the interpreter itself takes is not counted, nor is
compiling: all has been imported before, with leave to keep the bytecode.
"""

import os
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from statistics import median
from typing import Final

from bench.cores import on_cores, share_out
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
        Figure("import time against httplib2 and pycurl", ratios(ours, theirs), goal=at_most(1.3)),
        Figure(f"import {_OURS}", ours, "ms"),
        Figure(f"import {_THEIRS}", theirs, "ms"),
    ]


def _round(times: int) -> dict[str, float]:
    """The median milliseconds of each, in turn."""
    sides = {modules: partial(_import, modules) for modules in (_OURS, _THEIRS)}
    return {modules: median(found) for modules, found in interleave(sides, times).items()}


def _import(modules: str) -> float:
    command = [sys.executable, "-c", _PROGRAM.format(modules)]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    with on_cores(share_out().clients):
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return float(done.stdout) * 1e3


if __name__ == "__main__":
    main(measure)
