"""The core in C, without an interpreter: its test programs, under sanitizers.

Reduced here; `make sanitize` runs the same at full size.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pycurl
import pytest

from tests.core.build import SANITIZERS, build

FULL = os.environ.get("SANITIZE") == "full"


def libcurl() -> str:
    """Where the libcurl is that pycurl has loaded: its extension cannot be loaded alone."""
    assert pycurl.version_info()
    if sys.platform != "linux":
        pytest.skip("where a library is loaded from is known on Linux only")
    mapped = (line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines())
    return next(path for path in mapped if "libcurl" in Path(path).name)


@pytest.mark.skipif(shutil.which("cc") is None, reason="sanitizers come with a C compiler")
@pytest.mark.parametrize("sanitizer", SANITIZERS)
@pytest.mark.parametrize(
    ("program", "small", "full"),
    [
        ("test_decode", (), ()),
        ("test_slots", ("1000",), ("100000",)),
        ("test_queue", ("2000",), ("1000000",)),
        ("test_loop", ("2000",), ("1000000",)),
    ],
)
@pytest.mark.timeout(7200 if FULL else 180)
def test_program(
    program: str, small: tuple[str, ...], full: tuple[str, ...], sanitizer: str, tmp_path: Path
) -> None:
    if program in ("test_decode", "test_slots") and sanitizer == "thread":
        pytest.skip("the program has one thread")
    built = build(program, sanitizer, tmp_path)
    library = () if program in ("test_slots", "test_queue") else (libcurl(),)
    # A forked child of a program with threads starts threads of its own, on purpose.
    environment = {**os.environ, "TSAN_OPTIONS": "die_after_fork=0"}
    arguments = [str(built), *library, *(full if FULL else small)]
    ended = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
