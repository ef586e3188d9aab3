"""The search for pycurl's libcurl, which the core uses: a single copy, kept current by pycurl.

The core needs no headers of libcurl and is not linked with libcurl. The core finds the functions
(dlsym) through the handle of pycurl's extension module, which depends on libcurl.
"""

from __future__ import annotations

import re
import sys

import pycurl

from .. import _core

LOWEST = (7, 80)  # the first with PREREQFUNCTION, which libcurl calls before it sends a request

_VERSION = re.compile(r"libcurl/(\d+)\.(\d+)")


def find_libcurl() -> None:
    """Load pycurl's libcurl into the core. Raises `ImportError` if no libcurl is found, or a wrong
    version.
    """
    path = sys.modules[pycurl.version_info.__module__].__file__
    sought = f"asynchttp looked for libcurl {LOWEST[0]}.{LOWEST[1]} or later through {path}"
    try:
        version = _core.load(path)
    except ImportError as error:
        raise ImportError(f"{sought}: {error}") from None
    if version not in pycurl.version:
        raise ImportError(f"{sought}, and found {version}, but pycurl uses {pycurl.version}")
    found = _VERSION.match(version)
    if found is None or (int(found[1]), int(found[2])) < LOWEST:
        raise ImportError(f"{sought}, and found {version}")
