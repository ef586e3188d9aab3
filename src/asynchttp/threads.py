"""OwnThread: a thread of asynchttp's, recognizable as such.

All are daemons: an idle Http keeps no process alive. What is pending when a program ends is
finished all the same (lifetime.py).
"""

from __future__ import annotations

import threading
from collections.abc import Callable


class OwnThread(threading.Thread):
    """A daemon thread that runs `target`."""

    def __init__(self, target: Callable[[], None], purpose: str) -> None:
        super().__init__(target=target, name=f"asynchttp {purpose}", daemon=True)


def on_own_thread() -> bool:
    """Whether this is one of them."""
    return isinstance(threading.current_thread(), OwnThread)
