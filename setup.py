"""The extension `asynchttp._core`. pyproject.toml describes the rest of the package."""

import os
import shlex
from pathlib import Path

from setuptools import Extension, setup

PACKAGE = Path("src/asynchttp")
CORE, BINDING = PACKAGE / "core", PACKAGE / "binding"

# More flags, for sanitizers and developers: the Makefile and scripts/sanitized set the variable.
flags = shlex.split(os.environ.get("ASYNCHTTP_CFLAGS", ""))

core = Extension(
    "asynchttp._core",
    sources=sorted(str(file) for folder in (CORE, BINDING) for file in folder.glob("*.c")),
    depends=sorted(str(file) for folder in (CORE, BINDING) for file in folder.glob("*.h")),
    include_dirs=[str(CORE)],
    define_macros=[("Py_LIMITED_API", "0x030B0000")],  # Python 3.11 and later
    py_limited_api=True,
    extra_compile_args=["-std=c11", "-O2", "-g0", "-fvisibility=hidden", *flags],
    extra_link_args=flags,
    libraries=["pthread", "dl"],  # separate libraries before glibc 2.34
)

setup(ext_modules=[core], options={"bdist_wheel": {"py_limited_api": "cp311"}})
