"""The servers that all clients are measured against: nginx where installed, else granian, for the
small document; granian for all others, and for HTTPS.

Rules: one process on a core of its own, where there are two. The port is bound by us first and
kept, never listening, so that nobody else can take it; both servers share it by SO_REUSEPORT.
"""

import os
import shutil
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
from bench.cores import on_cores
from bench.documents import CONTENT, PATH

PROJECT: Final = Path(__file__).resolve().parent.parent

_LONGEST_START: Final = 20.0
_LONGEST_STOP: Final = 10.0

_PLAIN: Final = "--http 1"
_CROWD: Final = "--backlog 4096 --backpressure 20000"
"""Ten thousand connections that all wait for their answers."""

_NGINX: Final = """
daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} reuseport;
        location = {path} {{ default_type application/json; return 200 '{content}'; }}
    }}
}}
"""


@dataclass(frozen=True)
class Server:
    """A server that runs, and where it answers."""

    url: str
    process: psutil.Process
    ca_certs: str | None = None
    """The file with the authority of its certificate."""

    def at(self, path: str) -> "Server":
        """The same, at another of its documents."""
        return replace(self, url=urljoin(self.url, path))

    def cpu_seconds(self) -> float:
        """What it has used so far, with its child processes."""
        processes = [self.process, *self.process.children(recursive=True)]
        times = [process.cpu_times() for process in processes]
        return sum(spent.user + spent.system for spent in times)


@contextmanager
def serving(cores: frozenset[int]) -> Iterator[Server]:
    """The small document, by the fastest server that there is."""
    with _reserved_port() as port, TemporaryDirectory() as directory:
        nginx = find_nginx()
        command = _nginx(nginx, port, Path(directory)) if nginx else _granian(port, _PLAIN)
        with _running(command, port, cores) as process:
            yield Server(f"http://127.0.0.1:{port}{PATH}", process)


@contextmanager
def serving_all(cores: frozenset[int]) -> Iterator[Server]:
    """All documents."""
    with (
        _reserved_port() as port,
        _running(_granian(port, f"{_PLAIN} {_CROWD}"), port, cores) as process,
    ):
        yield Server(f"http://127.0.0.1:{port}{PATH}", process)


@contextmanager
def serving_https(cores: frozenset[int], http: Literal[1, 2]) -> Iterator[Server]:
    """All documents over TLS, by this version of HTTP."""
    with _reserved_port() as port, TemporaryDirectory() as directory:
        made = make_certificate(Path(directory))
        options = f"--http {http} --ssl-certificate {made.chain} --ssl-keyfile {made.key}"
        with _running(_granian(port, options), port, cores) as process:
            yield Server(f"https://127.0.0.1:{port}{PATH}", process, str(made.authority))


@contextmanager
def _reserved_port() -> Iterator[int]:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def find_nginx() -> str | None:
    """Where it is; the shells of plain users do not look into sbin."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")


def server_name() -> str:
    nginx = find_nginx()
    if not nginx:
        return f"granian/{version('granian')}"
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    return said.strip().removeprefix("nginx version: ")


def _nginx(nginx: str, port: int, directory: Path) -> list[str]:
    settings = directory / "nginx.conf"
    content = CONTENT.decode()
    settings.write_text(
        _NGINX.format(directory=directory, port=port, path=PATH, content=content), "utf-8"
    )
    return [nginx, "-p", str(directory), "-c", str(settings), "-e", "stderr"]


def _granian(port: int, options: str) -> list[str]:
    fixed = f"--interface rsgi --no-ws --log-level error --workers-kill-timeout 1 --port {port}"
    command = [sys.executable, "-m", "granian", *fixed.split(), *options.split()]
    return [*command, "bench.answer:answer"]


@contextmanager
def _running(command: list[str], port: int, cores: frozenset[int]) -> Iterator[psutil.Process]:
    with on_cores(cores):
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
