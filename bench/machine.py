"""What was measured on what: servers, versions and machine, for the report."""

import os
import platform
import re
import sysconfig
from importlib.metadata import requires, version
from pathlib import Path

import pycurl

from bench.cores import share_out
from bench.servers import server_name


def describe() -> dict[str, str]:
    cores = share_out()
    return {
        "machine": f"{_processor()}, {os.cpu_count()} cores, {platform.platform()}",
        "cores": f"server on {sorted(cores.server)}, clients on {sorted(cores.clients)}",
        "server": f"{server_name()}, one process",
        "python": f"{platform.python_implementation()} {platform.python_version()}, {_build()}",
        "libcurl": pycurl.version.split("libcurl/")[1],
        "packages": ", ".join(f"{package} {version(package)}" for package in _packages()),
    }


def _build() -> str:
    """What its makers told `configure`; how fast it is depends on it, and libcurl does not.

    A distribution may optimise by other means.
    """
    option = "--enable-optimizations"
    given = option in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{'with' if given else 'without'} {option}"


def _packages() -> list[str]:
    """asynchttp, what it stands on, and what the benchmark adds, by pyproject.toml."""
    needed = [line for line in requires("asynchttp") or [] if "extra" not in line]
    added = [line for line in requires("asynchttp") or [] if re.search(r"extra == .bench.", line)]
    # A set: one that differs from system to system is named for each.
    return ["asynchttp", *sorted({re.split(r"[^\w.-]", line)[0] for line in needed + added})]


def _processor() -> str:
    found = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    return found[1] if found else platform.machine()
