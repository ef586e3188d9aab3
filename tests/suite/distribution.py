"""Distribution: httplib2's tests, fetched from the package index when they are wanted.

They are in the source distribution alone. It is of the version that is installed, so that its tests
are those of the code that asynchttp is built on; what was fetched once is there the next time.
"""

import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

NAME = "httplib2"
MISSING = """\
{name} {version}: its tests are in its source distribution, which could not be fetched.
It takes pip and a package index that can be reached; once fetched, it is kept in {kept}.
{reason}"""


class NotFetchedError(Exception):
    """The tests are not there, and cannot be had."""


def fetched_suite(kept: Path) -> Path:
    """The directory of the tests, in the directory `kept`; fetched, unless it is there already."""
    unpacked = kept / f"{NAME}-{version(NAME)}"
    if not unpacked.exists():
        with tempfile.TemporaryDirectory(dir=kept) as fresh:
            _unpack(_fetch(Path(fresh), kept), Path(fresh))
            (Path(fresh) / unpacked.name).rename(unpacked)  # whole, or not at all
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
        opened.extractall(into, _tests(opened), filter="data")  # which refuses to leave `into`


def _tests(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    """All but those of Python 2; not httplib2 itself, which would hide the one installed."""
    return [
        member
        for member in archive
        if member.name.split("/")[1:2] == ["tests"] and "_TODO_legacy" not in member.name
    ]
