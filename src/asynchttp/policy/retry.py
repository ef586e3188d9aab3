"""Retries of transfers that failed, probably without any effect on the server.

Rules:
- An idempotent request (RFC 9110, 9.2.2; RFC 9112, 9.3.1) is sent once more, on a new connection,
  if the connection closes without an answer (a kept connection, or a new one), or if a kept
  connection is reset.
- Any other request may have had an effect: only the blocking form, as httplib2, sends such a
  request once more, and not after a reset.
- After a part of an answer, an answer that is not HTTP, the reset of a new connection, or a TLS
  connection that was cut, no request is sent again.
- If the server says that the request was not processed (RFC 9113, 8.7), every request is sent
  again: after a delay, and a few times only.
- While the network is unreachable, or all ports are in use: `httplib2.RETRIES` times in all.
- With `retries=0` none of these is sent again.
- `engine/outcome.py` and `engine/curl_errors.py` choose the exception; `_next_try` decides.
- A body that can be read only once is not sent again once its reading has begun.
- Not here: sending again after an answer (401 in auth.py; 307 and 308 in redirects.py).
- The core itself repeats a transfer that the core refused before a byte was written. These repeats
  do not count.
"""

from __future__ import annotations

import errno
from collections.abc import Generator
from dataclasses import replace
from http.client import RemoteDisconnected

import httplib2

from ..messages.errors import CutConnectionError, RefusedStreamError, StaleConnectionError
from ..messages.settings import Settings
from ..messages.transfer import Reply, Transfer

RETRIED = (OSError, RemoteDisconnected)  # the errors for which `_next_try` decides
TEMPORARY = (errno.ENETUNREACH, errno.EADDRNOTAVAIL)
IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"))  # RFC 9110, 9.2.2
REFUSAL_DELAYS = (0.1, 1.0)  # seconds before the second try and the third


def send_with_retries(transfer: Transfer, settings: Settings) -> Generator[Transfer, Reply, Reply]:
    """The reply to `transfer`; raises the error of the last try."""
    try:
        return (yield transfer)
    except RETRIED as error:
        return (yield from retry_failed(transfer, error, settings))


def retry_failed(
    transfer: Transfer, error: Exception, settings: Settings
) -> Generator[Transfer, Reply, Reply]:
    """The reply to `transfer`, whose first try failed with `error`; raises the last error."""
    tries = 1
    while (again := _next_try(transfer, error, tries, settings)) is not None:
        if transfer.body is not None and transfer.body.is_spent:
            error.add_note("Not sent again: the body is an iterator that has been read.")
            break
        try:
            return (yield again)
        except RETRIED as another:
            # Without the traceback, whose frame has `error`: a reference cycle.
            error, tries = another.with_traceback(None), tries + 1
    raise error from None  # the error before was of the same kind


def resends_after_close(method: str, settings: Settings) -> bool:
    """Whether a request whose connection closed without an answer is sent once more."""
    return settings.retries != 0 and (settings.blocking or method in IDEMPOTENT)


def _next_try(
    transfer: Transfer, error: Exception, tries: int, settings: Settings
) -> Transfer | None:
    """The transfer that follows `tries` tries, or None to raise `error`."""
    if settings.retries == 0:
        return None
    if _is_temporary(error):
        return transfer if tries < httplib2.RETRIES else None
    if isinstance(error, RefusedStreamError):
        delays = REFUSAL_DELAYS[tries - 1 :]
        return replace(transfer, delay=delays[0]) if delays else None
    if tries == 1 and _may_resend(transfer.method, error, settings):
        return replace(transfer, on_new_connection=True)
    return None


def _may_resend(method: str, error: Exception, settings: Settings) -> bool:
    if isinstance(error, RemoteDisconnected) and not isinstance(error, CutConnectionError):
        return resends_after_close(method, settings)
    return isinstance(error, StaleConnectionError) and method in IDEMPOTENT


def _is_temporary(error: Exception) -> bool:
    return getattr(error, "errno", None) in TEMPORARY
