"""Distribution: httplib2's tests, fetched from the package index on demand.

Only the source distribution contains the tests. The version is the installed httplib2's, so that
the tests fit the code under asynchttp; a fetched suite is kept for the next time.
"""

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

NAME = "httplib2"
MISSING = """\
{name} {version}: the source distribution, which contains the tests, could not be fetched.
Fetching needs pip and a reachable package index; a fetched distribution is kept in {kept}.
{reason}"""


class NotFetchedError(Exception):
    """The tests are neither kept nor fetchable."""


def fetched_suite(kept: Path) -> Path:
    """The directory of the tests, in the directory `kept`; fetched if missing."""
    unpacked = kept / f"{NAME}-{version(NAME)}"
    if not unpacked.exists():
        with tempfile.TemporaryDirectory(dir=kept) as fresh:
            _unpack(_fetch(Path(fresh), kept), Path(fresh))
            (Path(fresh) / unpacked.name).rename(unpacked)  # atomic
    return unpacked / "tests"


def _fetch(into: Path, kept: Path) -> Path:
    fetched = subprocess.run(_pip_download(into), capture_output=True, text=True, check=False)
    for archive in into.glob("*.tar.gz"):
        return archive
    reason = (fetched.stdout + fetched.stderr).strip()
    raise NotFetchedError(
        MISSING.format(name=NAME, version=version(NAME), kept=kept, reason=reason)
    )


def _pip_download(into: Path) -> list[str]:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    wanted = ["--no-deps", "--no-binary", NAME, f"{NAME}=={version(NAME)}"]
    return [*pip, "download", "--quiet", "--dest", str(into), *wanted]


def _unpack(archive: Path, into: Path) -> None:
    with tarfile.open(archive) as opened:
        opened.extractall(into, _tests(opened), filter="data")  # "data" stays inside of `into`


def _tests(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """The tests of Python 3, without httplib2, which would hide the installed httplib2."""
    return [
        member
        for member in archive
        if member.name.split("/")[1:2] == ["tests"] and "_TODO_legacy" not in member.name
    ]
