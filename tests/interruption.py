"""Ctrl-C at a given moment, so that a test can try every moment, and a check that nothing hangs.

Rule: interrupt only where Python runs signal handlers as well.
"""

import gc
import sys
import threading
from types import FrameType

from asynchttp import Http
from tests.servers.event_log import PATIENCE


class Interruption:
    """Raises KeyboardInterrupt in asynchttp's code, where Python checks for signals for the n-th
    time: when a function begins, and when a Python function or a C function returns.
    """

    def __init__(self, number: int) -> None:
        self._left = number

    @property
    def was_raised(self) -> bool:
        return self._left == 0

    def __enter__(self) -> None:
        gc.disable()  # Python only prints an exception raised in a collection
        sys.setprofile(self._count_down)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        sys.setprofile(None)
        gc.enable()
        return kind is KeyboardInterrupt and self.was_raised

    def _count_down(self, frame: FrameType, event: str, _: object) -> None:
        if event == "c_call" or not frame.f_globals["__name__"].startswith("asynchttp"):
            return
        self._left -= 1
        if self.was_raised:
            sys.setprofile(None)
            raise KeyboardInterrupt


def assert_close_returns(http: Http) -> None:
    """Close `http`; fail if `close` hangs."""
    closing = threading.Thread(target=http.close, daemon=True)
    closing.start()
    closing.join(PATIENCE)
    assert not closing.is_alive()
