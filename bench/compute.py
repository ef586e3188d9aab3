"""Work in pure Python that holds the GIL, as a program does that computes."""

import time
from typing import Final

_ROUGH: Final = 1000
_FINE: Final = 50
"""How often a loop counts before it looks at the clock: for 50 µs or so, and for 3."""


def compute(seconds: float) -> None:
    """Count until the time is over."""
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end:
        number = _count(number, _ROUGH)


def compute_on_cpu(seconds: float) -> None:
    """Count until this thread has used so much processor time, however long it waits for the GIL.

    By the clock of the wall several threads that wait for each other would share the time.
    """
    end = time.thread_time() + seconds
    number = 0
    while time.thread_time() < end:
        number = _count(number, _FINE)


def _count(number: int, times: int) -> int:
    for i in range(times):
        number += i * i % 7
    return number
