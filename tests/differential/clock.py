"""The time of a scenario: it stands still but for what a visit says.

Rule: only httplib2's own name `time` is replaced, which decides what is fresh and when a password
was digested; sockets and threads go by the real time.
"""

import email.utils
import time
from collections.abc import Iterator
from contextlib import contextmanager
from time import struct_time

import httplib2
import pytest

START = 1_700_000_000
"""Any time that is not now."""


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
        """The date of so many seconds from now, as in a header."""
        return email.utils.formatdate(self.now + offset, usegmt=True)


@contextmanager
def standing_still() -> Iterator[Clock]:
    """A clock for httplib2 and what is built on it; and nonces that are no surprise."""
    clock = Clock()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(httplib2, "time", clock)
        patch.setattr(httplib2, "_cnonce", lambda: "cnonce")
        yield clock
