"""Work in pure Python, which holds the GIL."""

import time
from typing import Final

_ROUGH: Final = 1000
_FINE: Final = 50
"""Counts between two looks at the clock: about 50 µs and 3 µs."""


def compute(seconds: float) -> None:
    """Count for so many seconds on the wall clock."""
    end = time.perf_counter() + seconds
    number = 0
    while time.perf_counter() < end:
        number = _count(number, _ROUGH)


def compute_on_cpu(seconds: float) -> None:
    """Count until this thread has used so many seconds of processor time.

    On the wall clock, threads that wait for the GIL would share the time.
    """
    end = time.thread_time() + seconds
    number = 0
    while time.thread_time() < end:
        number = _count(number, _FINE)


def _count(number: int, times: int) -> int:
    for i in range(times):
        number += i * i % 7
    return number
