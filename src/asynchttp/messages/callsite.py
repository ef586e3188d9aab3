"""CallSite: the place in the caller's code where a request was made, cheap enough for each request.

A call site has code objects and offsets, since frames would keep the caller's variables alive. Line
numbers and source lines, which cost time, are found when first needed.
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


class PickledCode(NamedTuple):
    """A replacement for a frame's code object, which cannot be pickled. `co_firstlineno` is the
    line of the call.
    """

    co_filename: str
    co_firstlineno: int
    co_name: str

    def co_lines(self) -> tuple[()]:
        """No line but `co_firstlineno`."""
        return ()


# Innermost first: code, offset, code, offset... The garbage collector tracks neither codes nor
# numbers, and so untracks the flat tuple: collections with many pending requests take less time.
Frames = tuple[CodeType | PickledCode | int, ...]


class CallSite:
    """The frames of a call, for reading. `str` prints the frames as a traceback does.

    >>> def here():
    ...     return CallSite(frames_of_caller())
    >>> "in <module>" in str(here())
    True
    """

    __slots__ = ("_frames",)

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def picklable(self) -> Frames:
        """The frames in a form that can be pickled."""
        summary = self.summary()[::-1]
        codes = [PickledCode(each.filename, each.lineno or 0, each.name) for each in summary]
        return tuple(part for code in codes for part in (code, 0))

    def summary(self) -> list[traceback.FrameSummary]:
        """The frames, outermost first, as the `traceback` module has them, without the frames of
        asynchttp: a callback's caller is a worker.
        """
        frames = zip(self._frames[::2], self._frames[1::2], strict=True)
        pairs = takewhile(lambda frame: not _is_ours(frame[0]), frames)
        return [_summary(code, lasti) for code, lasti in pairs][::-1]  # type: ignore[arg-type]  # flat

    def __str__(self) -> str:
        return "".join(traceback.format_list(self.summary())).rstrip()


def _summary(code: CodeType | PickledCode, lasti: int) -> traceback.FrameSummary:
    return traceback.FrameSummary(code.co_filename, _line(code, lasti), code.co_name)


def _is_ours(code: CodeType | PickledCode | int) -> bool:
    return not isinstance(code, int) and code.co_filename.startswith(PACKAGE)


def _line(code: CodeType | PickledCode, lasti: int) -> int:
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno
