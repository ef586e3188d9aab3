"""A measurement in a process of its own: a module of ours that prints its result as JSON.

Rules: if the process fails, an exception says so, with all that the process printed on stderr.
"""

import json
import subprocess
import sys
from typing import Final

from bench.cores import on_cores
from bench.servers import PROJECT

_LONGEST: Final = 600.0


class MeasurementError(Exception):
    """A measurement's process failed; the message is the process's stderr."""


def measured(module: str, *arguments: str | float, cores: frozenset[int]) -> dict[str, float]:
    """The figures that `python -m module arguments` prints, run on these cores."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with on_cores(cores):
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, timeout=_LONGEST, check=False
        )
    if done.returncode:
        raise MeasurementError(f"{' '.join(command[2:])} failed:\n{done.stderr.strip()}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
