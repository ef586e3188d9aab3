"""Measurements in child processes: modules of `bench` that print figures as JSON."""

import json
import subprocess
import sys
from typing import Final

from bench.cores import on_cores
from bench.servers import PROJECT

_LONGEST: Final = 600.0


class MeasurementError(Exception):
    """A measurement's process failed; the message has the process's stderr."""


def measured(module: str, *arguments: str | float, cores: frozenset[int]) -> dict[str, float]:
    """The figures that `python -m module arguments` prints, run on these cores.

    Raises `MeasurementError` if the process fails.
    """
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with on_cores(cores):
        done = subprocess.run(
            command, cwd=PROJECT, capture_output=True, text=True, timeout=_LONGEST, check=False
        )
    if done.returncode:
        raise MeasurementError(f"{' '.join(command[2:])} failed:\n{done.stderr.strip()}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures
