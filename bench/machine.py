"""What was measured on what: servers, versions and machine, for the report."""

import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pycurl

from bench.cores import Cores
from bench.servers import Server

_PACKAGES: Final = ("asynchttp", "pycurl", "aiohttp", "uvloop", "httplib2")


def describe(server: Server, cores: Cores) -> dict[str, str]:
    return {
        "server": f"{server.name}, one process",
        "cores": f"server on {sorted(cores.server)}, clients on {sorted(cores.clients)}",
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.platform()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "packages": ", ".join(f"{package} {version(package)}" for package in _PACKAGES),
        "libcurl": " ".join(pycurl.version.split()[1:3]),
    }


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    return found[1] if found else platform.machine()
