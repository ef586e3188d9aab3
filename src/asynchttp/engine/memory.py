"""Memory: how much of what is free the C library keeps, for the bodies to come.

glibc returns what is free at the end of its heap to the system as soon as that is twice the largest
block that the program has ever freed, and 128 kB to begin with (mallopt(3), M_MMAP_THRESHOLD). Each
body of some size would then be written to memory that is new, at 1 us for 4 kB: a seventh of what a
body of 100 kB costs that comes as gzip. A program that has had one large body is spared that.

Half of it was too little for 20 bodies of 100 kB at once, and twice as much brought no more.
"""

from __future__ import annotations

from functools import cache

LARGE = 2 << 20  # bytes, so that at most 4 MB are kept


@cache
def keep_for_bodies() -> None:
    """Free a large block, which has never been written to."""
    bytearray(LARGE)
