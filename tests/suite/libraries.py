"""Libraries: where an installed library has its tests, and a run of zope.testrunner."""

import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.suite.run import environment

# The plugin replaces httplib2.Http before the library is imported.
ZOPE = """
import sys
import httplib2, plugin
httplib2.Http = plugin.FORMS["blocking"]
from zope.testrunner import run
run(args=[sys.argv[0], "--test-path", sys.argv[1], "-s", sys.argv[2], "--tests-pattern", "^tests$"])
"""


def folder_of(package: str) -> Path:
    """The directory of an installed package."""
    spec = find_spec(package)
    assert spec is not None, f"{package} is not installed: see the extras of pyproject.toml"
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations)))


def run_zope_tests(package: str) -> tuple[int, str]:
    """Run the tests of a package, documents included: how many tests passed, and the output."""
    folder = folder_of(package)
    for _ in package.split("."):
        folder = folder.parent
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ZOPE, str(folder), package],
        capture_output=True,
        text=True,
        check=False,
        env=environment(),
    )
    output = ended.stdout + ended.stderr
    ran = re.findall(r"Ran (\d+) tests with 0 failures, 0 errors", output)
    return sum(map(int, ran)) if ended.returncode == 0 else 0, output
