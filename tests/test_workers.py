"""Workers: whatever comes between, no task is left behind."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from asynchttp.workers import Workers
from tests.interruption import Interruption
from tests.servers.seen import PATIENCE


@pytest.fixture
def workers() -> Iterator[Workers]:
    workers = Workers()
    yield workers
    workers.close()
    workers.join()


def run(workers: Workers, task: Callable[[], None]) -> None:
    workers.run(task)


def take_over(workers: Workers, task: Callable[[], None]) -> None:
    workers.take_over(deque([task]))


def wait_until_idle(workers: Workers) -> None:
    """There is a worker, and it waits."""
    workers.run(lambda: None)
    ends = time.monotonic() + PATIENCE
    while not workers._idle or workers._tasks:
        time.sleep(0)  # there is no event for it
        assert time.monotonic() < ends


@pytest.mark.parametrize("idle", [True, False])
@pytest.mark.parametrize("ask", [run, take_over])
def test_ctrl_c_wherever_it_comes_keeps_no_later_task_from_running(
    workers: Workers, ask: Callable[[Workers, Callable[[], None]], None], idle: bool
) -> None:
    for number in itertools.count(1):
        if idle:
            wait_until_idle(workers)
        with (interruption := Interruption(number)):
            ask(workers, lambda: None)
        later = threading.Event()
        ask(workers, later.set)
        assert later.wait(PATIENCE), number
        if not interruption.came:
            break
        workers.close()
        workers.join()
    assert number > 5
