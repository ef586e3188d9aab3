"""The server that all clients are measured against: nginx where installed, else granian.

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
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import psutil

from bench.cores import on_cores
from bench.load import CONTENT, PATH

PROJECT: Final = Path(__file__).resolve().parent.parent

_LONGEST_START: Final = 20.0
_LONGEST_STOP: Final = 10.0

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

    def cpu_seconds(self) -> float:
        """What it has used so far, with its child processes."""
        processes = [self.process, *self.process.children(recursive=True)]
        times = [process.cpu_times() for process in processes]
        return sum(spent.user + spent.system for spent in times)


@contextmanager
def serving(cores: frozenset[int]) -> Iterator[Server]:
    with (
        _reserved_port() as port,
        TemporaryDirectory() as directory,
        _running(_command(port, Path(directory)), cores) as process,
    ):
        _wait_until_up(process, port)
        url = f"http://127.0.0.1:{port}{PATH}"
        yield Server(url, psutil.Process(process.pid))


@contextmanager
def _reserved_port() -> Iterator[int]:
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]


def _command(port: int, directory: Path) -> list[str]:
    nginx = find_nginx()
    return _nginx(nginx, port, directory) if nginx else _granian(port)


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


def _granian(port: int) -> list[str]:
    options = f"--interface rsgi --http 1 --no-ws --log-level warning --port {port}"
    return [sys.executable, "-m", "granian", *options.split(), "bench.answer:answer"]


@contextmanager
def _running(command: list[str], cores: frozenset[int]) -> Iterator[subprocess.Popen[bytes]]:
    with on_cores(cores):
        process = subprocess.Popen(command, cwd=PROJECT)
    try:
        yield process
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
