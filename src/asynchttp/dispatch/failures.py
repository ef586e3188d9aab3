"""Failures that name the request or the call."""

from __future__ import annotations

import sys
from typing import Any

from ..messages.errors import LostInForkError
from ..promise.failure import Failure, annotate
from ..promise.promise import Promise
from ..promise.work import Work
from .submitted import Submitted

ALL_FRAMES = sys.maxsize
"""To cut from a traceback: each frame keeps the frames alive that called the function."""


def make_failure(
    promise: Promise, error: BaseException, subject: str, skipped_frames: int
) -> Failure:
    """The failure of `promise`, with a note about `subject`: the request or the callback."""
    annotate(error, subject, promise.request.site, request=promise.request)
    return Failure(error, skipped_frames)


def lost_in_fork(work: Work[Any]) -> Failure:  # Any: work with any value
    """The failure, in a forked child, of work that the parent does."""
    error = LostInForkError(f"{work}: it was pending when the process forked")
    if isinstance(work, Promise):
        failure = make_failure(work, error, str(work.request), 0)
    else:
        assert isinstance(work, Submitted)  # the only other kind of work
        failure = work.make_failure(error, 0)
    failure.mark_seen()  # not to be logged in each child
    return failure


def asked_too_late(work: Work[Any]) -> Failure:  # Any: as above
    """The failure of work that was asked for when no thread can run any more."""
    # Without the call site, since source files can no longer be read.
    return Failure(RuntimeError(f"{work}: asked for when the interpreter had ended"))
