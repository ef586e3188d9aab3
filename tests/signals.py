"""Signals to the main thread, at moments that matter to asynchttp."""

import signal
import sys
import threading
import time

from asynchttp.promise.future import LeanFuture


def signal_main_thread() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def signal_waiting_main_thread() -> None:
    """Signal the main thread while waiting for a promise, in no other code of asynchttp."""
    main = threading.main_thread().ident or 0
    while sys._current_frames()[main].f_code is not LeanFuture._wait_once.__code__:
        time.sleep(0)  # no event says when the main thread waits
    signal_main_thread()
