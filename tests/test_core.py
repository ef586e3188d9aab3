"""The test programs of the core in C, without an interpreter, with sanitizers.

Small numbers here; `make sanitize` runs the programs at full size.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pycurl
import pytest

from tests.core.build import SANITIZERS, build
from tests.servers.web import WebServer

FULL = os.environ.get("SANITIZE") == "full"

pytestmark = [
    pytest.mark.skipif(shutil.which("cc") is None, reason="sanitizers come with a C compiler"),
    pytest.mark.timeout(7200 if FULL else 180),
]

# Options of the sanitizers, for each program
OPTIONS = {
    # Forked children start threads, on purpose.
    "test_loop": {"TSAN_OPTIONS": "die_after_fork=0"},
    # Children end during transfers, whose memory is never freed, and wait long enough themselves.
    "test_exit": {"ASAN_OPTIONS": "detect_leaks=0", "TSAN_OPTIONS": "atexit_sleep_ms=0"},
}


def libcurl_path() -> str:
    """The path of pycurl's libcurl, since pycurl's extension cannot be loaded alone."""
    assert pycurl.version_info()
    if sys.platform != "linux":
        pytest.skip("where a library is loaded from is known on Linux only")
    mapped = (line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines())
    return next(path for path in mapped if "libcurl" in Path(path).name)


def run_program(program: Path, *arguments: str) -> None:
    environment = {**os.environ, **OPTIONS.get(program.name, {})}
    command = [str(program), *arguments]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


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
def test_core_program_passes_under_sanitizer(
    program: str, small: tuple[str, ...], full: tuple[str, ...], sanitizer: str, tmp_path: Path
) -> None:
    if program in ("test_decode", "test_slots") and sanitizer == "thread":
        pytest.skip("the program has one thread")
    library = () if program in ("test_slots", "test_queue") else (libcurl_path(),)
    run_program(build(program, sanitizer, tmp_path), *library, *(full if FULL else small))


@pytest.mark.parametrize("sanitizer", SANITIZERS)
def test_core_exits_cleanly_during_tls(
    sanitizer: str,
    tmp_path: Path,
    authority_file: str,
    tls_server: WebServer,
    tls_h1_server: WebServer,
) -> None:
    program = build("test_exit", sanitizer, tmp_path)
    ends = "300" if FULL else "10"
    for server in tls_server, tls_h1_server:
        run_program(program, libcurl_path(), authority_file, server.url("/bytes/1000"), ends)
