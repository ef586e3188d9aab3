"""Lines of the log about the steps of one request, at level DEBUG."""

from __future__ import annotations

from .. import log
from ..messages.transfer import Reply, Transfer
from ..messages.uri import masked
from ..promise.promise import Promise


def log_queued(promise: Promise) -> None:
    log.debug("%s queued: %s", promise.label, promise.request)


def log_start(promise: Promise) -> None:
    log.debug("%s started after %s", promise.label, _ms(promise.request.age()))


def log_connection(promise: Promise) -> None:
    if (connected := promise._get_connected()) is not None:
        address, port, is_new, seconds = connected
        how = "connected to" if is_new else "connection reused:"
        log.debug("%s %s %s port %d in %s", promise.label, how, address, port, _ms(seconds))


def log_outcome(promise: Promise, outcome: Reply | BaseException) -> None:
    if isinstance(outcome, Reply):
        log.debug(
            "%s answered %d, %d bytes, after %s",
            promise.label,
            outcome.status,
            len(outcome.content),
            _ms(promise.request.age()),
        )
    else:
        log.debug("%s not answered: %r", promise.label, outcome)


def log_next_transfer(promise: Promise, reply: Reply, transfer: Transfer) -> None:
    how = "redirected to" if 300 <= reply.status < 400 else "sent again to"
    log.debug("%s %s %s", promise.label, how, masked(transfer.url))


def log_callback(promise: Promise, seconds: float) -> None:
    log.debug("%s callback ran %s", promise.label, _ms(seconds))


def log_settled(promise: Promise) -> None:
    log.debug("%s settled after %s", promise.label, _ms(promise.request.age()))


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:.1f} ms"
