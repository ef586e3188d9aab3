"""The log of asynchttp: one logger, and one thread that writes its records in their order.

Rules:
- Handlers are user code and may be slow: records are made where things happen (with that time
  and that thread's name) and handled on a thread of their own, never on a worker.
- That thread lives while there is something to write. `flush` writes what it has not written yet.
- There is no NullHandler: errors show even where nobody configured logging.
"""

from __future__ import annotations

import functools
import logging
import sys
import threading
from collections import deque
from collections.abc import Callable
from types import TracebackType

from .process.lifetime import after_fork, at_end
from .process.threads import OwnThread

logger = logging.getLogger("asynchttp")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


# Whether anybody listens to the story of each request (level DEBUG). Asked for several times in
# each, hence no function around it.
debug_enabled = functools.partial(logger.isEnabledFor, logging.DEBUG)


def debug(message: str, *args: object) -> None:
    """One line of a request's story."""
    _write(logging.DEBUG, message, args, None)


def error(message: str, *args: object, error: BaseException | None = None) -> None:
    """Something that must not go unseen: `error`, or else the exception being handled."""
    _write(logging.ERROR, message, args, error or sys.exc_info()[1])


def say(line: str) -> None:
    """Print `line`: for `httplib2.debuglevel`, which prints."""
    _scribe.write(functools.partial(print, line))


@at_end
def flush() -> None:
    """Wait until all that was logged has been written."""
    _scribe.flush()


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
    _scribe.write(functools.partial(logger.handle, record))


class _Scribe:
    """Writes what was told, one thing after another, on a thread of its own."""

    def __init__(self) -> None:
        self._told: deque[Callable[[], object]] = deque()
        self._has_writer = False  # a thread for it
        # RLocks: a finalizer or a handler that logs, or flushes, may come in the middle.
        self._lock = threading.RLock()
        self._writing = threading.RLock()

    def write(self, tell: Callable[[], object]) -> None:
        self._told.append(tell)
        if self._has_writer:
            return  # who looks again before he ends
        try:
            OwnThread(self._run, "log").start()
        except RuntimeError:  # the interpreter is shutting down and starts no more threads
            self.flush()

    def _run(self) -> None:
        while self._begin():
            try:
                self.flush()
            finally:
                self._has_writer = False

    def _begin(self) -> bool:
        """Whether there is something to write, and nobody else to do it."""
        with self._lock:
            begins = bool(self._told) and not self._has_writer
            self._has_writer = self._has_writer or begins
            return begins

    def flush(self) -> None:
        with self._writing:
            while self._told:
                self._tell(self._told.popleft())

    def _tell(self, tell: Callable[[], object]) -> None:
        try:
            tell()
        except Exception:  # noqa: BLE001  # of a filter, or stdout; handlers catch their own
            sys.excepthook(*sys.exc_info())


_scribe = _Scribe()


def _start_afresh() -> None:
    """In a forked child the thread is gone and its lock may be held for ever."""
    global _scribe  # noqa: PLW0603  # once in each process
    _scribe = _Scribe()


after_fork(_start_afresh)
