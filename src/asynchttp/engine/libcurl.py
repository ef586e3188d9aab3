"""The libcurl that pycurl brings, found for the core: one copy, kept current by others.

The core needs no headers of libcurl's and is not linked with libcurl. The functions are found
through the handle of pycurl's extension module, whose dependency libcurl is.
"""

from __future__ import annotations

import re
import sys

import pycurl

from .. import _core

LOWEST = (7, 80)  # PREREQFUNCTION: the last word before each sending

_VERSION = re.compile(r"libcurl/(\d+)\.(\d+)")


def find_libcurl() -> None:
    """Have the core use pycurl's libcurl; raises `ImportError` that says what was looked for."""
    place = sys.modules[pycurl.version_info.__module__].__file__
    sought = f"asynchttp looked for libcurl {LOWEST[0]}.{LOWEST[1]} or later through {place}"
    try:
        version = _core.load(place)
    except ImportError as error:
        raise ImportError(f"{sought}: {error}") from None
    if version not in pycurl.version:
        raise ImportError(f"{sought}, and found {version}, but pycurl uses {pycurl.version}")
    found = _VERSION.match(version)
    if found is None or (int(found[1]), int(found[2])) < LOWEST:
        raise ImportError(f"{sought}, and found {version}")
