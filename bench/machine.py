"""The machine, the server and the versions of everything, for the report."""

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
    """Whether `configure` was told to optimise: Python's speed depends on that, libcurl's does not.

    A distribution may optimise by other means.
    """
    option = "--enable-optimizations"
    given = option in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{'with' if given else 'without'} {option}"


def _packages() -> list[str]:
    """asynchttp, the packages that it needs, and the benchmark's own, by pyproject.toml."""
    needed = [line for line in requires("asynchttp") or [] if "extra" not in line]
    added = [line for line in requires("asynchttp") or [] if re.search(r"extra == .bench.", line)]
    # A set: a package whose requirement differs from system to system is named for each system.
    return ["asynchttp", *sorted({re.split(r"[^\w.-]", line)[0] for line in needed + added})]


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    return found[1] if found else platform.machine()
