"""Programs that a test runs in a Python process of their own, to test start, exit and fork.

Rules: warnings are errors; a hanging program ends by itself and prints its stacks, also while the
program only waits for the end of an idle thread; URLs and files are passed as arguments.
"""

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
from contextlib import suppress
from typing import NamedTuple, Self

PATIENCE = 20
"""Seconds after which a program counts as hanging, far above what a working program takes."""

PRELUDE = f"""\
import faulthandler, os, signal, sys, threading, time
import asynchttp.dispatch.workers
from asynchttp import Http

asynchttp.dispatch.workers.IDLE = 3600.0
faulthandler.register(signal.SIGALRM, chain=True)
signal.alarm({PATIENCE})

def print_line(what):  # one write, so that lines of several threads do not mix
    os.write(1, (str(what) + os.linesep).encode())

def signal_main_thread_repeatedly():  # a signal just before a system call does not end the call
    def send_signals():
        while True:
            time.sleep(0.1)
            signal.pthread_kill(threading.main_thread().ident, signal.SIGURG)

    signal.signal(signal.SIGURG, lambda *_: None)
    threading.Thread(target=send_signals, daemon=True).start()
"""

# asynchttp has threads, and programs fork nevertheless: the fork tests are about this.
FORK_WITH_THREADS = "ignore:This process:DeprecationWarning"
STRICT_OPTIONS = ("-X", "dev", "-W", "error", "-W", FORK_WITH_THREADS)


class ProgramResult(NamedTuple):
    """How a program ended."""

    code: int
    out: list[str]
    err: str

    def assert_clean(self) -> list[str]:
        """The printed lines, after asserting a clean exit without messages on standard error."""
        assert (self.code, self.err) == (0, ""), self.err
        return self.out


def python_command(source: str, *arguments: object, options: tuple[str, ...] = ()) -> list[str]:
    """The command line that runs the program `source`."""
    text = PRELUDE + textwrap.dedent(source)
    return [sys.executable, *STRICT_OPTIONS, *options, "-c", text, *map(str, arguments)]


class Program:
    """A running program; the end of the `with` block kills the program and its children."""

    def __init__(self, command: list[str]) -> None:
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the block
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        with self._process, self._errors:
            pass

    def read_line(self) -> str:
        """Wait for the next printed line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().rstrip("\n")

    def write_stdin(self, text: str) -> None:
        """Write to the program's standard input."""
        assert self._process.stdin is not None
        self._process.stdin.write(text)
        self._process.stdin.flush()

    def close_stdin(self) -> None:
        """Close the program's standard input."""
        assert self._process.stdin is not None
        self._process.stdin.close()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)

    def wait_for_end(self) -> ProgramResult:
        """Wait for the program's end."""
        assert self._process.stdout is not None
        out = self._process.stdout.read().splitlines()
        code = self._process.wait()
        self._errors.seek(0)
        return ProgramResult(code, out, self._errors.read())


def run_python(source: str, *arguments: object, options: tuple[str, ...] = ()) -> ProgramResult:
    """Run the program `source` to its end."""
    with Program(python_command(source, *arguments, options=options)) as program:
        return program.wait_for_end()
