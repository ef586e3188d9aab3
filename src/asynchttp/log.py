"""The log of asynchttp: a logger, and a thread that writes the records in order.

Rules:
- Handlers are user code and may be slow. A record is therefore made where the event happens (with
  the time and the thread's name), and handled on the log thread, never on a worker.
- The log thread ends when no record is left. `flush` writes all records that are left.
- The logger has no NullHandler: errors show even where logging is not configured.
"""

from __future__ import annotations

import functools
import logging
import sys
from collections import deque
from collections.abc import Callable
from types import TracebackType

from .process.lifetime import after_fork, at_exit
from .process.native import threading
from .process.threads import OwnThread

logger = logging.getLogger("asynchttp")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


# Whether the steps of each request are logged (level DEBUG). A partial, not a function: called
# several times for each request.
debug_enabled = functools.partial(logger.isEnabledFor, logging.DEBUG)


def debug(message: str, *args: object) -> None:
    """Log one step of a request."""
    _write(logging.DEBUG, message, args, None)


def warning(message: str, *args: object) -> None:
    """Log a fault that loses no answer, or what is dangerous or probably not meant."""
    _write(logging.WARNING, message, args, None)


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning about the whole process, the first time only."""
    _write(logging.WARNING, message, (), None)


def error(message: str, *args: object, error: BaseException | None = None) -> None:
    """Log `error`, by default the exception being handled, with its traceback."""
    _write(logging.ERROR, message, args, error or sys.exc_info()[1])


def print_line(line: str) -> None:
    """Print `line` to stdout, on the log thread: for `httplib2.debuglevel`, which prints."""
    _writer.write(functools.partial(print, line))


@at_exit
def flush() -> None:
    """Wait until all records have been written."""
    _writer.flush()


def _write(level: int, message: str, args: tuple[object, ...], error: BaseException | None) -> None:
    if not logger.isEnabledFor(level):
        return
    caller = sys._getframe(2)
    exc_info: ExcInfo | None = (type(error), error, error.__traceback__) if error else None
    code = caller.f_code
    record = logger.makeRecord(
        logger.name,
        level,
        code.co_filename,
        caller.f_lineno,
        message,
        args,
        exc_info,
        code.co_name,
    )
    _writer.write(functools.partial(logger.handle, record))


class _Writer:
    """Runs output functions in order, on the log thread."""

    def __init__(self) -> None:
        self._queue: deque[Callable[[], object]] = deque()
        self._has_thread = False
        # RLocks: a finalizer or a handler that logs, or flushes, may come in the middle.
        self._lock = threading.RLock()
        self._write_lock = threading.RLock()

    def write(self, output: Callable[[], object]) -> None:
        self._queue.append(output)
        if self._has_thread:
            return  # the thread checks the queue once more before the thread ends
        try:
            OwnThread(self._run, "log").start()
        except RuntimeError:  # the interpreter is shutting down and starts no more threads
            self.flush()

    def _run(self) -> None:
        while self._try_begin():
            try:
                self.flush()
            finally:
                self._has_thread = False

    def _try_begin(self) -> bool:
        """Become the log thread; False if the queue is empty, or another thread is."""
        with self._lock:
            begins = bool(self._queue) and not self._has_thread
            self._has_thread = self._has_thread or begins
            return begins

    def flush(self) -> None:
        with self._write_lock:
            while self._queue:
                self._call(self._queue.popleft())

    def _call(self, output: Callable[[], object]) -> None:
        try:
            output()
        except Exception:  # noqa: BLE001  # from a filter or stdout: handlers catch their own
            sys.excepthook(*sys.exc_info())


_writer = _Writer()


def _drop_after_fork() -> None:
    """In a forked child the log thread is gone, and the lock may be held for ever."""
    global _writer  # noqa: PLW0603  # once in each process
    _writer = _Writer()


after_fork(_drop_after_fork)
