"""nginx as the server of all documents but late answers, in a single process.

Rules: the caller makes and removes the directory for all files. The small document is in nginx's
settings; the other documents are files, stored compressed if served as gzip.
"""

import gzip
import os
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from bench.certificate import Certificate
from bench.documents import CONTENT, GZIPPED, PATH, archive, archive_path

_SCRIPT: Final = Path(__file__).resolve().parent.parent / "scripts" / "nginx"
_VARIABLE: Final = "BENCH_NGINX"

_SETTINGS: Final = """
daemon off; master_process off; worker_processes 1; pid {directory}/pid; error_log stderr crit;
events {{ worker_connections 4096; }}
http {{
    access_log off; sendfile on; open_file_cache max=100;
    keepalive_requests 1000000000; keepalive_timeout 1h;
    client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    server {{
        listen 127.0.0.1:{port} {options} reuseport backlog=4096;
        {tls}
        root {directory}; default_type application/json;
        location = {path} {{ return 200 '{content}'; }}
        {gzipped}
    }}
}}
"""
_TLS: Final = """
        ssl_certificate {chain}; ssl_certificate_key {key}; ssl_protocols TLSv1.2 TLSv1.3;
"""
_GZIPPED: Final = """
        location = {path} {{ add_header Content-Encoding gzip; }}
"""


def find_nginx() -> str | None:
    """The path of nginx, after a download if necessary; or None if nginx is not available.

    The variable BENCH_NGINX keeps the result for child processes; empty if not available.
    """
    if _VARIABLE not in os.environ:
        done = subprocess.run(
            [_SCRIPT], cwd=_SCRIPT.parent.parent, stdout=subprocess.PIPE, text=True, check=False
        )
        os.environ[_VARIABLE] = "" if done.returncode else done.stdout.strip()
    return os.environ[_VARIABLE] or None


def nginx_version(nginx: str) -> str:
    """The version in nginx's own form: nginx/1.22.1."""
    printed = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True).stderr
    return printed.strip().removeprefix("nginx version: ")


def nginx_command(
    nginx: str,
    port: int,
    directory: Path,
    *,
    archives: Iterable[int] = (),
    certificate: Certificate | None = None,
    http2: bool = False,
) -> list[str]:
    """Write the settings and the files of a server, and return the command that starts it."""
    _write_files(directory, archives)
    settings = _SETTINGS.format(
        directory=directory,
        port=port,
        options=("ssl " if certificate else "") + ("http2" if http2 else ""),
        tls=_TLS.format(chain=certificate.chain, key=certificate.key) if certificate else "",
        path=PATH,
        content=CONTENT.decode(),
        gzipped="".join(_GZIPPED.format(path=path) for path in GZIPPED),
    )
    file = directory / "nginx.conf"
    file.write_text(settings, "utf-8")
    return [nginx, "-p", str(directory), "-c", str(file), "-e", "stderr"]


def _write_files(directory: Path, archives: Iterable[int]) -> None:
    files = {path: gzip.compress(content) for path, content in GZIPPED.items()}
    files |= {archive_path(size): archive(size) for size in archives}
    for path, content in files.items():
        file = directory / path.lstrip("/")
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
