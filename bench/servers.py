"""The servers of all measurements: nginx (granian if nginx is not available) for all documents over
HTTP and HTTPS, and `bench.late` for late answers.

Rules: a server is a single process. This process binds the port first, without listening, so that
no other program can take the port; the server shares the port by SO_REUSEPORT.
"""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal
from urllib.parse import urljoin

import psutil

from bench.certificate import make_certificate
from bench.cores import Placement, on_cores
from bench.documents import PATH
from bench.nginx import find_nginx, nginx_command, nginx_version

PROJECT: Final = Path(__file__).resolve().parent.parent

_LONGEST_START: Final = 20.0
_LONGEST_STOP: Final = 10.0


@dataclass(frozen=True)
class Server:
    """A running server, a URL, and the cores that the clients may use."""

    url: str
    process: psutil.Process
    clients: frozenset[int]
    ca_certs: str | None = None
    """The path of the certificate authority's file."""

    def at(self, path: str) -> "Server":
        """The server with the URL of another document."""
        return replace(self, url=urljoin(self.url, path))

    def cpu_seconds(self) -> float:
        """The processor time so far, with child processes."""
        processes = [self.process, *self.process.children(recursive=True)]
        times = [process.cpu_times() for process in processes]
        return sum(spent.user + spent.system for spent in times)


@contextmanager
def serving(placement: Placement, *archives: int) -> Iterator[Server]:
    """Serve all documents but late answers, and archives of these sizes."""
    with _reserved_port() as port, TemporaryDirectory() as directory:
        nginx = find_nginx()
        command = (
            nginx_command(nginx, port, Path(directory), archives=archives)
            if nginx
            else _granian(port, "--http 1")
        )
        with _running(command, port, placement) as process:
            yield Server(f"http://127.0.0.1:{port}{PATH}", process, placement.clients)


@contextmanager
def serving_late(placement: Placement) -> Iterator[Server]:
    """Serve the small document, at once or late."""
    with _reserved_port() as port:
        command = [sys.executable, "-m", "bench.late", str(port)]
        with _running(command, port, placement) as process:
            yield Server(f"http://127.0.0.1:{port}{PATH}", process, placement.clients)


@contextmanager
def serving_https(placement: Placement, http: Literal[1, 2]) -> Iterator[Server]:
    """Serve all documents but late answers over TLS, with this version of HTTP."""
    with _reserved_port() as port, TemporaryDirectory() as name:
        directory = Path(name)
        made = make_certificate(directory)
        nginx = find_nginx()
        command = (
            nginx_command(nginx, port, directory, certificate=made, http2=http == 2)
            if nginx
            else _granian(
                port, f"--http {http} --ssl-certificate {made.chain} --ssl-keyfile {made.key}"
            )
        )
        with _running(command, port, placement) as process:
            url = f"https://127.0.0.1:{port}{PATH}"
            yield Server(url, process, placement.clients, str(made.authority))


def server_name() -> str:
    nginx = find_nginx()
    return nginx_version(nginx) if nginx else f"granian/{version('granian')}"


@contextmanager
def _reserved_port() -> Iterator[int]:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def _granian(port: int, options: str) -> list[str]:
    fixed = f"--interface rsgi --no-ws --log-level error --workers-kill-timeout 1 --port {port}"
    command = [sys.executable, "-m", "granian", *fixed.split(), *options.split()]
    return [*command, "bench.answer:answer"]


@contextmanager
def _running(command: list[str], port: int, placement: Placement) -> Iterator[psutil.Process]:
    with on_cores(placement.server):
        process = subprocess.Popen(command, cwd=PROJECT)
    try:
        _wait_until_up(process, port)
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(_LONGEST_STOP)


def _wait_until_up(process: subprocess.Popen[bytes], port: int) -> None:
    give_up = time.monotonic() + _LONGEST_START
    while not _answers(port):
        if process.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"the server did not start: {process.args!r}")
        time.sleep(0.01)


def _answers(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
