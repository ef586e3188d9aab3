"""Looks at promises: ways to look, a wait for looking threads, a check of cancelled promises."""

import sys
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

import pytest

from asynchttp import Promise
from asynchttp.promise.future import LeanFuture

LOOKS: list[Callable[[Promise], object]] = [
    lambda promise: promise.result(),
    lambda promise: promise.exception(),
    lambda promise: promise.response.status,
    lambda promise: len(promise.content),
]


def wait_until_threads_wait(count: int) -> None:
    """Wait until so many threads wait for promises."""
    wait = LeanFuture._wait_once.__code__
    while sum(frame.f_code is wait for frame in sys._current_frames().values()) < count:
        time.sleep(0)  # the beginning of a wait sets no event


def assert_cancelled(promise: Promise) -> None:
    assert (promise.done(), promise.cancelled(), promise.running()) == (True, True, False)
    assert promise.cancel()  # a second time
    for look in LOOKS * 2:
        with pytest.raises(CancelledError):
            look(promise)
