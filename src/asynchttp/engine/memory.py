"""Memory: the free memory that glibc keeps for later bodies.

glibc returns free memory at the end of its heap to the system if there is more than twice the
largest block ever freed, at first 128 kB (mallopt(3), M_MMAP_THRESHOLD). Each large body would then
be written to new pages, at 1 us for 4 kB: a seventh of the cost of a body of 100 kB that comes as
gzip. A program that has freed a large block before does not pay this cost.

Measured with 20 bodies of 100 kB at once: half of LARGE is too little, twice LARGE brings no more.
"""

from __future__ import annotations

from functools import cache

LARGE = 2 << 20  # bytes, so that at most 4 MB are kept


@cache
def raise_trim_threshold() -> None:
    """Free a large block, which is never written to."""
    bytearray(LARGE)
