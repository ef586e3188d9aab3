"""Failure: why a future has no value, and whether user code has seen the reason.

Rules:
- Every look raises the same exception object, with the original traceback: a thousand looks do not
  make the traceback grow.
- A failure without a look is logged when the failure is dropped, or when the program ends.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NoReturn

from .. import log
from ..process.lifetime import at_exit, hold_during_forks
from ..process.native import threading

if TYPE_CHECKING:
    from ..messages.callsite import CallSite

# Failures to log at the end of the program, if the futures are still alive then.
_unseen: weakref.WeakSet[Failure] = weakref.WeakSet()
_unseen_lock = hold_during_forks(threading.RLock())  # an RLock: finalizers use `_unseen`


class Failure:
    """An exception to raise in the code that looks at a future.

    `skipped_frames`: how many of the outermost frames to cut from the traceback. Frames of this
    package tell the caller nothing, and would keep their variables alive.

    >>> failure = Failure(ValueError("no"))
    >>> failure.look()
    ValueError('no')
    """

    __slots__ = ("__weakref__", "_seen", "_traceback", "exception")

    def __init__(self, exception: BaseException, skipped_frames: int = 0) -> None:
        self.exception = exception
        self._traceback = _skip_frames(exception.__traceback__, skipped_frames)
        exception.with_traceback(self._traceback)
        self._seen = False
        with _unseen_lock:
            _unseen.add(self)

    def look(self) -> BaseException:
        """Return the exception, which counts as seen from now on."""
        self.mark_seen()
        return self.exception

    def throw(self) -> NoReturn:
        """Raise the exception with the original traceback."""
        self.mark_seen()
        raise self.exception.with_traceback(self._traceback)

    def mark_seen(self) -> None:
        """Do not log this failure."""
        if not self._seen:
            self._seen = True
            with _unseen_lock:
                _unseen.discard(self)

    def log_if_unseen(self) -> None:
        """Log the exception, unless user code has seen the exception."""
        if not self._seen:
            self.mark_seen()
            log.error("nobody looked at this failure: %r", self.exception, error=self.exception)

    def __del__(self) -> None:
        self.log_if_unseen()


@at_exit
def log_unseen_failures() -> None:
    """Log all failures that user code has not seen so far."""
    with _unseen_lock:
        unseen = list(_unseen)
    for failure in unseen:
        failure.log_if_unseen()


def _skip_frames(traceback: TracebackType | None, frames: int) -> TracebackType | None:
    while traceback is not None and frames:
        traceback, frames = traceback.tb_next, frames - 1
    return traceback


def annotate(error: BaseException, subject: str, site: CallSite, **attributes: object) -> None:
    """Note in `error` the `subject` (a request, say) and the place where the subject was made.

    `str(error)` stays as it is. An exception may pass through several requests (a callback that
    looks at the failure of another request); then `error` gets a note for each request, but keeps
    the attributes of the first.
    """
    note = f"{subject}, made here (most recent call last):\n{site}"
    if note in getattr(error, "__notes__", ()):
        return
    with suppress(Exception):  # some exceptions refuse attributes
        error.add_note(note)
        for name, value in attributes.items():
            if not hasattr(error, name):
                setattr(error, name, value)
