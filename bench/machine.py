"""The machine, the server and all versions, for the report."""

import os
import platform
import re
import sysconfig
from importlib.metadata import requires, version
from pathlib import Path

import pycurl

from bench.cores import free, pinned
from bench.servers import server_name


def describe() -> dict[str, str]:
    alone = pinned()
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.platform()}",
        "cores": f"all of {sorted(free().server)} for server and clients; pinned: the server on"
        f" {sorted(alone.server)}, clients on {sorted(alone.clients)}",
        "server": f"{server_name()}, one process",
        "python": f"{platform.python_implementation()} {platform.python_version()}, {_build()}",
        "libcurl": pycurl.version.split("libcurl/")[1],
        "packages": ", ".join(f"{package} {version(package)}" for package in _packages()),
    }


def _build() -> str:
    """Whether Python was built with --enable-optimizations, which changes Python's speed but not
    libcurl's. A distribution may optimise by other means.
    """
    option = "--enable-optimizations"
    given = option in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{'with' if given else 'without'} {option}"


def _packages() -> list[str]:
    """asynchttp, its dependencies, and the benchmark's dependencies, by pyproject.toml."""
    needed = [line for line in requires("asynchttp") or [] if "extra" not in line]
    added = [line for line in requires("asynchttp") or [] if re.search(r"extra == .bench.", line)]
    # A set, since a package has an entry for each system if its requirement depends on the system.
    return ["asynchttp", *sorted({re.split(r"[^\w.-]", line)[0] for line in needed + added})]


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    return found[1] if found else platform.machine()
