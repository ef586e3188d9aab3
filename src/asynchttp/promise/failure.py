"""Failure: why a future has no value, and whether anybody ever looked.

Rules:
- The same exception object is raised at every look, with the traceback that it came with: looking
  a thousand times does not make it grow.
- A failure that nobody looked at is logged when it is forgotten, or when the program ends.
"""

from __future__ import annotations

import threading
import weakref
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from .. import log
from ..process.lifetime import at_exit, hold_during_forks

if TYPE_CHECKING:
    from ..messages.callsite import CallSite

# Those that may have to be reported when the program ends with their futures still alive.
_unseen: weakref.WeakSet[Failure] = weakref.WeakSet()
lock = hold_during_forks(threading.RLock())  # an RLock: a finalizer may come back here


class Failure:
    """An exception on its way to whoever looks.

    `beneath`: so many of our own frames, the outermost of its traceback, are left out. They would
    keep alive what they worked on, and tell the caller nothing.

    >>> failure = Failure(ValueError("no"))
    >>> failure.look()
    ValueError('no')
    """

    __slots__ = ("__weakref__", "_seen", "_traceback", "exception")

    def __init__(self, exception: BaseException, beneath: int = 0) -> None:
        self.exception = exception
        self._traceback = _beneath(exception.__traceback__, beneath)
        exception.with_traceback(self._traceback)
        self._seen = False
        with lock:
            _unseen.add(self)

    def look(self) -> BaseException:
        """The exception; from now on it counts as seen."""
        self.mark_seen()
        return self.exception

    def throw(self) -> NoReturn:
        """Raise the exception as it was when it came."""
        self.mark_seen()
        raise self.exception.with_traceback(self._traceback)

    def mark_seen(self) -> None:
        """It needs no report any more."""
        if not self._seen:
            self._seen = True
            with lock:
                _unseen.discard(self)

    def report(self) -> None:
        """Log it, unless somebody looked."""
        if not self._seen:
            self.mark_seen()
            log.error("nobody looked at this failure: %r", self.exception, error=self.exception)

    def __del__(self) -> None:
        self.report()


@at_exit
def report_unseen() -> None:
    """Log the failures that nobody has looked at so far."""
    with lock:
        unseen = list(_unseen)
    for failure in unseen:
        failure.report()


def _beneath(traceback: TracebackType | None, frames: int) -> TracebackType | None:
    while traceback is not None and frames:
        traceback, frames = traceback.tb_next, frames - 1
    return traceback


def annotate(error: BaseException, what: str, site: CallSite, **attributes: object) -> None:
    """Write into `error` which request it was and where that was made; `str(error)` stays.

    An exception that passes through several requests (a callback that looks at another one's
    failure) is told each once, and keeps the attributes of the first.
    """
    note = f"{what}, made here (most recent call last):\n{site}"
    if note in getattr(error, "__notes__", ()):
        return
    with suppress(Exception):  # there are some that let nobody write to them
        error.add_note(note)
        for name, value in attributes.items():
            if not hasattr(error, name):
                setattr(error, name, value)
