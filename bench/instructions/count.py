"""Instructions per request: the slope between a short and a long run under callgrind.

The slope leaves out the start and the end of the interpreter, and the kernel's work is not counted.
The slope repeats to ±0.1 % on a busy machine, too, since the server answers in lockstep.

Rules: a client first runs once without callgrind, to compile the modules and to fail early. The
environment variables are fixed.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Final

from bench.servers import PROJECT

AT_ONCE: Final = 20
SHORT, LONG = 400, 1200
"""Numbers of requests: multiples of AT_ONCE, or the last requests would never be answered."""

_LONGEST_RUN: Final = 300.0
_ENVIRONMENT: Final = {"PATH": os.defpath, "LC_ALL": "C", "PYTHONHASHSEED": "0"}


def per_request(valgrind: Path, name: str, short: int = SHORT, long: int = LONG) -> float:
    """The client's instructions per request."""
    _fetch([], name, AT_ONCE)
    with ThreadPoolExecutor(2) as threads:
        fewer, more = threads.map(partial(_instructions, valgrind, name), (short, long))
    return (more - fewer) / (long - short)


def _instructions(valgrind: Path, name: str, count: int) -> int:
    callgrind = [str(valgrind), "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    printed = _fetch(callgrind, name, count)
    found = re.search(r"Collected : (\d+)", printed)
    if found is None:
        raise RuntimeError(f"callgrind did not say how many instructions there were: {printed}")
    return int(found[1])


def _fetch(wrapper: list[str], name: str, count: int) -> str:
    """Run a client, by the command `wrapper` if not empty, and return the stderr."""
    with _serving() as url:
        client = [sys.executable, "-m", "bench.instructions.client", name, url]
        done = subprocess.run(
            [*wrapper, *client, str(AT_ONCE), str(count)],
            cwd=PROJECT,
            env=_ENVIRONMENT,
            capture_output=True,
            text=True,
            timeout=_LONGEST_RUN,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr}")
    return done.stderr


@contextmanager
def _serving() -> Iterator[str]:
    command = [sys.executable, "-m", "bench.instructions.lockstep", str(AT_ONCE)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, text=True, stdin=pipe, stdout=pipe) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield server.stdout.readline().strip()
        server.stdin.close()
