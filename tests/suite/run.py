"""Run: a pytest process that runs a suite with one form of Http, and the report."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

HERE = Path(__file__).parent
PATIENCE = 17
"""Seconds after which a test of httplib2 hangs; the value is httplib2's own."""

# Without the options of the outer pytest and the variables that send httplib2 to other servers.
OPTIONS = (
    f"--noconftest -c {os.devnull} -p no:cacheprovider -p no:xdist -p no:socket --tb=short".split()
)
FOREIGN = ("PYTEST_", "HTTPLIB2_")


class Report(NamedTuple):
    """The outcomes of the tests, by name: `test_http.py::test_get_301`."""

    passed: list[str]
    failed: dict[str, str]
    """Failed tests with pytest's messages."""
    sources: dict[str, list[str]]
    """For each source the names of the requesting tests, one for each request.

    See `plugin.AnswerSources`.
    """


class Run:
    """A running pytest, started by the constructor and killed at the end of the `with` block."""

    def __init__(self, tests: Path, form: str, place: Path, *only: str) -> None:
        self._report = place / "report.json"
        self._output = place / "output"
        wanted = ["-p", "plugin", "--form", form, "--report", str(self._report), *only]
        root = tests if tests.is_dir() else tests.parent
        options = [*OPTIONS, "--timeout", str(PATIENCE), "--rootdir", str(root), str(tests)]
        with self._output.open("w") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "pytest", *options, *wanted],
                cwd=place,  # the tests' cache directory is relative
                env=environment(),
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()

    def report(self) -> Report:
        """Wait for the end of the pytest, and read the report."""
        self._process.wait()
        assert self._report.exists(), self._output.read_text()
        return Report(**json.loads(self._report.read_text()))


def environment() -> dict[str, str]:
    """The variables for a process with the plugin."""
    kept = {name: value for name, value in os.environ.items() if not _is_foreign(name.upper())}
    places = filter(None, [str(HERE), kept.get("PYTHONPATH")])
    return kept | {"PYTHONPATH": os.pathsep.join(places)}


def _is_foreign(name: str) -> bool:
    return name.startswith(FOREIGN) or name.endswith("_PROXY")
