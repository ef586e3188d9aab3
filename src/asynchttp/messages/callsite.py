"""CallSite: where in the caller's code a request was made, cheap enough to note for each.

Code objects and offsets are kept, not frames: those would keep the caller's variables alive. What
costs time, line numbers and source lines, is worked out only when somebody asks.
"""

from __future__ import annotations

import os
import traceback
from itertools import takewhile
from types import CodeType
from typing import NamedTuple

from .._core import frames_of_caller

__all__ = ("CallSite", "Frames", "frames_of_caller")

PACKAGE = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120 - what code objects have


class Place(NamedTuple):
    """What can be pickled of a frame's code: the line that was to be run, as if its first."""

    co_filename: str
    co_firstlineno: int
    co_name: str

    def co_lines(self) -> tuple[()]:
        """None but the first."""
        return ()


# Innermost first: code, offset, code, offset... A plain tuple, of what the garbage collector has
# nothing to do with: so it soon leaves it alone, which saves time where many requests are pending.
Frames = tuple[CodeType | Place | int, ...]


class CallSite:
    """Frames, to be read; as a string, they are printed the way a traceback prints them.

    >>> def here():
    ...     return CallSite(frames_of_caller())
    >>> "in <module>" in str(here())
    True
    """

    __slots__ = ("_frames",)

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def places(self) -> Frames:
        """The same, as it can be pickled."""
        summary = self.summary()[::-1]
        places = [Place(each.filename, each.lineno or 0, each.name) for each in summary]
        return tuple(part for place in places for part in (place, 0))

    def summary(self) -> list[traceback.FrameSummary]:
        """The frames, outermost first, as the `traceback` module has them; those of a worker that
        called the caller are left out.
        """
        frames = zip(self._frames[::2], self._frames[1::2], strict=True)
        pairs = takewhile(lambda frame: not _is_ours(frame[0]), frames)
        return [_summary(code, lasti) for code, lasti in pairs][::-1]  # type: ignore[arg-type]  # flat

    def __str__(self) -> str:
        return "".join(traceback.format_list(self.summary())).rstrip()


def _summary(code: CodeType | Place, lasti: int) -> traceback.FrameSummary:
    return traceback.FrameSummary(code.co_filename, _line(code, lasti), code.co_name)


def _is_ours(code: CodeType | Place | int) -> bool:
    return not isinstance(code, int) and code.co_filename.startswith(PACKAGE)


def _line(code: CodeType | Place, lasti: int) -> int:
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno
