"""asynchttp's build: setuptools, with a C compiler from PyPI where the machine has none.

pyproject.toml names this file; pip and other frontends call its hooks (PEP 517 and 660). The
extension is declared in setup.py.
"""

import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from setuptools import build_meta
from setuptools.build_meta import (
    build_sdist,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

Settings: TypeAlias = Mapping[str, str | list[str] | None] | None


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    _check_headers()
    compiler = [] if _find_compiler() else ["ziglang"]
    return [*build_meta.get_requires_for_build_wheel(config_settings), *compiler]


def build_wheel(
    wheel_directory: str,
    config_settings: Settings = None,
    metadata_directory: str | None = None,
) -> str:
    _check_headers()
    _choose_compiler()
    # setuptools puts modules of earlier builds into the wheel, even modules deleted since.
    shutil.rmtree("build", ignore_errors=True)
    return build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    return get_requires_for_build_wheel(config_settings)


def build_editable(
    wheel_directory: str,
    config_settings: Settings = None,
    metadata_directory: str | None = None,
) -> str:
    _check_headers()
    _choose_compiler()
    return build_meta.build_editable(wheel_directory, config_settings, metadata_directory)


def _check_headers() -> None:
    headers = Path(sysconfig.get_path("include"))
    if not (headers / "Python.h").exists():
        version = "{}.{}".format(*sys.version_info)
        sys.exit(
            f"asynchttp is compiled with Python.h, which is not in {headers}: install"
            f" python{version}-dev (Debian, Ubuntu), python3-devel (Fedora) or what your"
            f" distribution calls the development package of Python {version}."
        )


def _find_compiler() -> str | None:
    """The command of a C compiler: $CC, the compiler of Python itself, or another on the PATH."""
    if "CC" in os.environ:
        return os.environ["CC"]
    for command in sysconfig.get_config_var("CC"), "cc", "gcc", "clang":
        if command and shutil.which(shlex.split(command)[0]):
            return command
    return None


def _choose_compiler() -> None:
    """Name the compiler in the variables that setuptools reads."""
    command = _find_compiler()
    if command:
        os.environ["CC"] = command
        return
    # zig's default target is this machine: right for the C library and the headers (Debian's
    # pyconfig.h is below /usr/include), too narrow for the processor.
    zig = shlex.join([sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline"])
    os.environ["CC"] = zig
    os.environ["LDSHARED"] = f"{zig} -shared"  # Python's own may have options unknown to zig
