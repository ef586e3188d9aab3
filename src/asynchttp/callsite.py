"""CallSite: where in the caller's code a request was made, cheap enough to note for each.

Code objects and offsets are kept, not frames: those would keep the caller's variables alive. What
costs time, line numbers and source lines, is worked out only when somebody asks.
"""

from __future__ import annotations

import sys
import traceback
from types import CodeType

DEPTH = 4  # frames: enough to see who called the function that made the request


class CallSite(tuple[CodeType | int, ...]):
    """A few frames of a stack: code, offset, code, offset...: flat, to be small.

    As a string, they are printed the way a traceback prints them.

    >>> "in <module>" in str(CallSite.of_caller(0))
    True
    """

    __slots__ = ()

    @classmethod
    def of_caller(cls, above: int) -> CallSite:
        """The stack from `above` frames over the function that calls this."""
        frame = sys._getframe(above + 1)
        frames: list[CodeType | int] = []
        for _ in range(DEPTH):
            frames += (frame.f_code, frame.f_lasti)
            if frame.f_back is None:
                break
            frame = frame.f_back
        return cls(frames)

    def summary(self) -> list[traceback.FrameSummary]:
        """The frames, outermost first, as the `traceback` module has them."""
        pairs = zip(self[::2], self[1::2], strict=True)
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
