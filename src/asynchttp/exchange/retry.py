"""Retries: transfers that failed before they had an effect, as far as anybody can tell.

Rules:
- What was answered by nothing, or by what is not HTTP, is tried once more, as httplib2 does (RFC
  9112, 9.3.1, on connections that close).
- One that had been used before, and fails before a byte of the answer came, was closed meanwhile:
  another is used until a new one fails.
- While the network is unreachable, or out of ports: `httplib2.RETRIES` times in all.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from http.client import BadStatusLine

import httplib2

from ..errors import MalformedAnswerError, StaleConnectionError
from ..model import Reply, Transfer

FAILURES = (OSError, BadStatusLine)  # those that may be worth it
PASSING = (errno.ENETUNREACH, errno.EADDRNOTAVAIL)


def attempt(transfer: Transfer) -> Generator[Transfer, Reply, Reply]:
    """The reply to `transfer`, tried again where that is worth it."""
    try:
        return (yield transfer)
    except FAILURES as error:
        return (yield from try_again(transfer, error))


def try_again(transfer: Transfer, error: Exception) -> Generator[Transfer, Reply, Reply]:
    """The same after the first time has failed with `error`; raises what is not worth it."""
    tries, closed = 1, 0
    while True:
        closed += isinstance(error, BadStatusLine)
        if not _is_worth_it(error, tries, closed):
            raise error from None  # the one before was the same, or it would not have been tried
        try:
            return (yield transfer)
        except FAILURES as another:
            # Its traceback has this very frame, which has the error.
            error, tries = another.with_traceback(None), tries + 1


def _is_worth_it(error: Exception, tries: int, closed: int) -> bool:
    if isinstance(error, StaleConnectionError):
        return True
    if isinstance(error, BadStatusLine):
        return closed == 1 and not isinstance(error, MalformedAnswerError)
    return getattr(error, "errno", None) in PASSING and tries < httplib2.RETRIES
