"""Threads, descriptors and memory of this process, which are to be where they were."""

import ctypes
import gc
import time
from typing import NamedTuple

import psutil

from tests.servers.event_log import PATIENCE

GROWTH = 50
"""MB by which memory may grow: allocators keep pages with a single object."""


_LIBC = ctypes.CDLL(None)


class Usage(NamedTuple):
    threads: int
    descriptors: int
    megabytes: int

    def has_returned_to(self, before: "Usage") -> bool:
        return (
            self.threads <= before.threads
            and self.descriptors <= before.descriptors
            and self.megabytes <= before.megabytes + GROWTH
        )


def usage() -> Usage:
    gc.collect()  # tracebacks make cycles
    if hasattr(_LIBC, "malloc_trim"):
        _LIBC.malloc_trim(0)  # glibc keeps freed memory
    process = psutil.Process()
    return Usage(process.num_threads(), process.num_fds(), process.memory_info().rss >> 20)


def usage_at_rest(before: Usage | None = None) -> Usage:
    """The usage when workers have ended and connections are closed: when nothing changes."""
    ends = time.monotonic() + PATIENCE
    last = usage()
    while time.monotonic() < ends and not (before and last.has_returned_to(before)):
        time.sleep(0.2)  # no event says when idle workers and dropped connections end
        now = usage()
        if before is None and now[:2] == last[:2]:
            break
        last = now
    return last
