"""Workers: no task is lost, not even at Ctrl-C, and a worker always waits for events."""

import itertools
import threading
import time
from functools import partial

import pytest

from asynchttp import Http, _core
from asynchttp.dispatch import workers as workers_module
from asynchttp.dispatch.workers import workers
from tests.interruption import Interruption
from tests.programs import run_python
from tests.servers.event_log import PATIENCE
from tests.servers.web import WebServer
from tests.threads import wait_until_one_worker_is_left, worker_threads

pytestmark = pytest.mark.usefixtures("started_core", "idle_workers_end_soon")


def wait_until_a_worker_waits() -> None:
    ends = time.monotonic() + PATIENCE
    while not _core.count_waiting():
        time.sleep(0)  # the beginning of a wait sets no event
        assert time.monotonic() < ends


def test_ctrl_c_during_run_loses_no_later_task() -> None:
    for number in itertools.count(1):
        wait_until_a_worker_waits()
        with (interruption := Interruption(number)):
            workers.run(lambda: None)
        later = threading.Event()
        workers.run(later.set)
        assert later.wait(PATIENCE), number
        if not interruption.was_raised:
            break
    assert number > 5


FIRST_TASK_INTERRUPTED = """
import itertools
from asynchttp.dispatch.workers import workers
from tests.interruption import Interruption

def use(number):
    with (interruption := Interruption(number)):
        workers.run(lambda: None)
    later = threading.Event()
    workers.run(later.set)
    assert later.wait(10), number
    return interruption.was_raised

for number in itertools.count(1):
    if not (pid := os.fork()):  # a child has no worker yet
        signal.alarm(20)
        os._exit(0 if use(number) else 7)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status == 7:
        break
    assert status == 0, (status, number)
assert number > 10
"""


def test_ctrl_c_during_first_worker_start_loses_no_task() -> None:
    assert run_python(FIRST_TASK_INTERRUPTED).assert_clean() == []


def test_events_are_handled_while_worker_is_busy(server: WebServer) -> None:
    """An idle worker does not end while all other workers are busy."""
    begun, may_end = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        assert may_end.wait(PATIENCE)

    wait_until_one_worker_is_left()
    workers.run(hold)
    assert begun.wait(PATIENCE)
    time.sleep(6 * workers_module.IDLE)
    try:
        assert Http().request(server.url("/status/404")).wait(PATIENCE)
        assert Http().submit(pow, 2, 3).result(PATIENCE) == 8
    finally:
        may_end.set()


def wait_at_barrier(barrier: threading.Barrier) -> None:
    barrier.wait(PATIENCE)


def test_last_idle_worker_stays() -> None:
    for _ in range(10):
        all_run = threading.Barrier(8)
        for _ in range(8):
            workers.run(partial(wait_at_barrier, all_run))
        wait_until_one_worker_is_left()
        [last] = worker_threads()
        assert last.is_alive()
        done = threading.Event()
        workers.run(done.set)
        assert done.wait(PATIENCE)
