"""CallSite: where in the caller's code a request was made, cheap enough to note for each.

Code objects and offsets are kept, not frames: those would keep the caller's variables alive. What
costs time, line numbers and source lines, is worked out only when somebody asks.
"""

from __future__ import annotations

import sys
import traceback
from types import CodeType, FrameType

DEPTH = 4  # frames: enough to see who called the function that made the request

# Innermost first: code, offset, code, offset... A plain tuple, of what the garbage collector has
# nothing to do with: so it soon leaves it alone, which saves time where many requests are pending.
Frames = tuple[CodeType | int, ...]


def frames_of_caller(above: int) -> Frames:
    """The stack from `above` frames over the function that calls this."""
    frame: FrameType | None = sys._getframe(above).f_back  # None: C code called it
    noted: list[CodeType | int] = []
    left = DEPTH
    while frame is not None and left:
        noted.append(frame.f_code)
        noted.append(frame.f_lasti)
        frame, left = frame.f_back, left - 1
    return tuple(noted)


class CallSite:
    """Frames, to be read; as a string, they are printed the way a traceback prints them.

    >>> "in <module>" in str(CallSite(frames_of_caller(0)))
    True
    """

    __slots__ = ("_frames",)

    def __init__(self, frames: Frames) -> None:
        self._frames = frames

    def summary(self) -> list[traceback.FrameSummary]:
        """The frames, outermost first, as the `traceback` module has them."""
        pairs = zip(self._frames[::2], self._frames[1::2], strict=True)
        return [_summary(code, lasti) for code, lasti in pairs][::-1]  # type: ignore[arg-type]  # flat

    def __str__(self) -> str:
        return "".join(traceback.format_list(self.summary())).rstrip()


def _summary(code: CodeType, lasti: int) -> traceback.FrameSummary:
    return traceback.FrameSummary(code.co_filename, _line(code, lasti), code.co_name)


def _line(code: CodeType, lasti: int) -> int:
    for start, end, line in code.co_lines():
        if start <= lasti < end and line is not None:
            return line
    return code.co_firstlineno
