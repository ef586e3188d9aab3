"""The resident memory of this process in bytes, from Linux's /proc.

Rule: the peak is VmHWM, since getrusage's peak is never below the parent process's.
"""

import re
from pathlib import Path


def resident() -> int:
    return _status("VmRSS")


def peak() -> int:
    return _status("VmHWM")


def _status(field: str) -> int:
    found = re.search(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
    if found is None:
        raise RuntimeError(f"/proc/self/status has no {field}")
    return int(found[1]) * 1024
