"""Programs that a test runs in a Python of their own: how they begin, end and fork is theirs.

Rules: warnings are errors; a program that hangs ends by itself and shows where it hung; what it is
told (URLs, files) comes as its arguments.
"""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

PATIENCE = 30
"""Seconds after which a program hangs; none that works comes near it."""

PRELUDE = f"""\
import faulthandler, os, sys, threading
faulthandler.dump_traceback_later({PATIENCE}, exit=True)
from asynchttp import Http
"""

# It is what the fork tests are about: asynchttp runs threads, and forks all the same.
FORK_WITH_THREADS = "ignore:This process:DeprecationWarning"


class Ended(NamedTuple):
    """How a program ended."""

    code: int
    out: str
    err: str

    def fine(self) -> list[str]:
        """The lines that it printed, if it ended well and had nothing to complain of."""
        assert (self.code, self.err) == (0, ""), self.err
        return self.out.splitlines()


def command(source: str, *arguments: object, options: tuple[str, ...] = ()) -> list[str]:
    """The command line of the program `source`."""
    text = PRELUDE + textwrap.dedent(source)
    return [*python(*options), "-c", text, *map(str, arguments)]


def python(*options: str) -> list[str]:
    """This Python, at its strictest."""
    return [sys.executable, "-X", "dev", "-W", "error", "-W", FORK_WITH_THREADS, *options]


def run(source: str, *arguments: object, stdin: str = "", options: tuple[str, ...] = ()) -> Ended:
    """Run the program `source` to its end."""
    with started(source, *arguments, options=options) as program:
        return ended(program, stdin)


def ended(program: subprocess.Popen[str], stdin: str = "") -> Ended:
    """Wait for the end of `program`."""
    out, err = program.communicate(stdin, timeout=PATIENCE + 5)
    return Ended(program.returncode, out, err)


@contextmanager
def started(
    source: str, *arguments: object, options: tuple[str, ...] = ()
) -> Iterator[subprocess.Popen[str]]:
    """The program `source`, running; it ends at the latest with the block."""
    line = command(source, *arguments, options=options)
    with subprocess.Popen(line, text=True, **_PIPES) as program:
        try:
            yield program
        finally:
            program.kill()


def interrupt(program: subprocess.Popen[str]) -> None:
    """Ctrl-C."""
    program.send_signal(signal.SIGINT)


_PIPES = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
