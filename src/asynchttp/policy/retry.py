"""Retries of transfers that failed, probably without any effect on the server.

Rules:
- The method does not matter: a POST is sent again like a GET, as by httplib2. If a connection
  closes without an answer (a kept connection, or a new one: RemoteDisconnected is a
  BadStatusLine), or the answer is not HTTP, the request is sent once more, on a new connection
  (RFC 9112, 9.3.1). A reset of a new connection is not repeated. Never more than twice in all.
- `engine/outcome.py` and `engine/curl_errors.py` choose the exception; `_may_retry` decides.
- Not here: sending again after an answer (401 in auth.py; 307 and 308 in redirects.py).
- The core itself repeats a transfer that the core refused before a byte was written. These repeats
  do not count.
- While the network is unreachable, or all ports are in use: `httplib2.RETRIES` times in all.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from dataclasses import replace
from http.client import BadStatusLine

import httplib2

from ..messages.errors import MalformedAnswerError, StaleConnectionError
from ..messages.transfer import Reply, Transfer

RETRIED = (OSError, BadStatusLine)  # the errors for which `_may_retry` decides
TEMPORARY = (errno.ENETUNREACH, errno.EADDRNOTAVAIL)


def send_with_retries(transfer: Transfer) -> Generator[Transfer, Reply, Reply]:
    """The reply to `transfer`; raises the error of the last try."""
    try:
        return (yield transfer)
    except RETRIED as error:
        return (yield from retry_failed(transfer, error))


def retry_failed(transfer: Transfer, error: Exception) -> Generator[Transfer, Reply, Reply]:
    """The reply to `transfer`, whose first try failed with `error`; raises the last error."""
    tries = 1
    while _may_retry(error, tries):
        if not _is_temporary(error):
            transfer = replace(transfer, on_new_connection=True)
        try:
            return (yield transfer)
        except RETRIED as another:
            # Without the traceback, whose frame has `error`: a reference cycle.
            error, tries = another.with_traceback(None), tries + 1
    raise error from None  # the error before was of the same kind


def _may_retry(error: Exception, tries: int) -> bool:
    if isinstance(error, StaleConnectionError | BadStatusLine):
        return tries == 1 and not isinstance(error, MalformedAnswerError)
    return _is_temporary(error) and tries < httplib2.RETRIES


def _is_temporary(error: Exception) -> bool:
    return getattr(error, "errno", None) in TEMPORARY
