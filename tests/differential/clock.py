"""The clock of a scenario: only visits move the clock forward.

Rule: only httplib2's own name `time` is replaced, which decides about freshness and the dates of
digests; sockets and threads go by the real time.
"""

import email.utils
import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import struct_time

import httplib2
import pytest

START = 1_700_000_000
"""Any time other than now."""


class Clock:
    """Takes the place of the module `time`."""

    strftime = staticmethod(time.strftime)

    def __init__(self) -> None:
        self.now = START

    def time(self) -> float:
        return self.now

    def gmtime(self) -> struct_time:
        return time.gmtime(self.now)

    def ctime(self) -> str:
        return time.asctime(self.gmtime())

    def date(self, offset: int) -> str:
        """The date `offset` seconds from now, as in a header."""
        return email.utils.formatdate(self.now + offset, usegmt=True)


@contextmanager
def controlled_clock() -> Iterator[Clock]:
    """Give httplib2 and asynchttp a settable clock and a constant client nonce."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httplib2, "time", clock)
        patch.setattr(httplib2, "_cnonce", lambda: "cnonce")
        yield clock
