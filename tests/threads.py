"""The threads of asynchttp: which threads there are, and the wait for the end of idle workers."""

import threading
import time

from asynchttp import _core
from asynchttp.dispatch.workers import workers
from tests.servers.event_log import PATIENCE


def asynchttp_threads() -> set[threading.Thread]:
    """The threads of asynchttp; the servers have other threads."""
    return {each for each in threading.enumerate() if each.name.startswith("asynchttp")}


def thread_kind(thread: threading.Thread | None = None) -> str:
    """The name of a thread, by default the current thread, without the number of a worker."""
    return (thread or threading.current_thread()).name.rstrip(" 0123456789")


def worker_threads() -> set[threading.Thread]:
    """The process's present workers, which serve all Https."""
    return set(workers._threads)


def threads_except_log() -> list[threading.Thread]:
    """All threads except the log's, which ends once the records of earlier tests are written."""
    return [each for each in threading.enumerate() if each.name != "asynchttp log"]


def wake_idle_workers() -> None:
    """Let every idle worker read the present value of IDLE."""
    while _core.call_waiting():
        pass


def wait_until_one_worker_is_left() -> None:
    """Wait for the end of the other workers; needs the fixture `idle_workers_end_soon`."""
    ends = time.monotonic() + PATIENCE
    while len(worker_threads()) > 1:
        assert time.monotonic() < ends, worker_threads()
        time.sleep(0.01)  # the end of a worker sets no event
    [last] = worker_threads()
    for thread in threading.enumerate():
        if thread_kind(thread) == thread_kind(last) and thread is not last:
            thread.join(PATIENCE)
            assert not thread.is_alive()
