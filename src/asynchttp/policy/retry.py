"""Retries: transfers that failed before they had an effect, as far as anybody can tell.

Rules:
- A request that was answered by nothing, or not in HTTP, is sent once more, on a new connection, as
  httplib2 does (RFC 9112, 9.3.1, on connections that close). Never more than twice.
- The core itself sends again what the core refused before a byte was written: that does not count.
- While the network is unreachable, or out of ports: `httplib2.RETRIES` times in all.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from dataclasses import replace
from http.client import BadStatusLine

import httplib2

from ..messages.errors import MalformedAnswerError, StaleConnectionError
from ..messages.transfer import Reply, Transfer

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
    tries = 1
    while _is_worth_it(error, tries):
        if not _is_passing(error):
            transfer = replace(transfer, on_new_connection=True)
        try:
            return (yield transfer)
        except FAILURES as another:
            # Its traceback has this very frame, which has the error.
            error, tries = another.with_traceback(None), tries + 1
    raise error from None  # the one before was the same, or it would not have been tried


def _is_worth_it(error: Exception, tries: int) -> bool:
    if isinstance(error, StaleConnectionError | BadStatusLine):
        return tries == 1 and not isinstance(error, MalformedAnswerError)
    return _is_passing(error) and tries < httplib2.RETRIES


def _is_passing(error: Exception) -> bool:
    return getattr(error, "errno", None) in PASSING
