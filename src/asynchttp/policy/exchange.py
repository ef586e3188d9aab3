"""Exchanges: what happens for a request, from the first step to the answer.

Rule: most requests end with their first transfer. For those the layers below are not even entered.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import httplib2

from ..messages.request import Request
from ..messages.response import Answer, Response
from ..messages.settings import Settings
from ..messages.step import BlockingCall, Step
from ..messages.transfer import Transfer
from .proxies import from_environment
from .redirects import follow, is_redirect, located
from .retry import FAILURES, try_again
from .wire import first_hop, transfer_of

LAST_STATUS = 599

# Any: each kind of step is sent something else.
Exchange = Generator[Step, Any, Answer]


def exchange(request: Request, settings: Settings) -> Exchange:
    """All that has to happen for `request`."""
    if settings.client is not None:
        return by_client(request, settings.client)
    if settings.is_plain:
        return plain(request, settings)
    return follow(request, settings)


def refuse(error: Exception) -> Exchange:
    """What happens for one that cannot even be sent."""
    yield from ()  # a generator, as every exchange
    raise error


Client = Callable[[Request], tuple[httplib2.Response, bytes]]


def by_client(request: Request, client: Client) -> Exchange:
    """A request that another library makes, by its own rules."""
    response, content = yield BlockingCall(partial(client, request))
    return Answer.of(
        Response.like(response), content if type(content) is bytes else _bytes(content)
    )


def _bytes(content: object) -> bytes:
    """What a client gives in place of bytes."""
    return content.encode() if isinstance(content, str) else bytes(content)  # type: ignore[call-overload]


def first_transfer(request: Request, settings: Settings) -> tuple[Transfer, str] | None:
    """The transfer that `plain` begins with, and the URI of its step.

    None for a request that begins otherwise. Raises what `plain` does.
    """
    hop = first_hop(request)
    if "cache-control" in hop.headers:  # only-if-cached means something without a cache, too
        return None
    proxy = None if settings.proxies is None else from_environment(hop, settings.proxies)
    return transfer_of(hop, settings, proxy), hop.uri


def plain(request: Request, settings: Settings) -> Exchange:
    """A request that is most likely answered by its first transfer."""
    first = first_transfer(request, settings)
    if first is None:
        return (yield from follow(request, settings))
    transfer, uri = first
    try:
        reply = yield transfer
    except FAILURES as error:
        reply = yield from try_again(transfer, error)
    if reply.status > LAST_STATUS or not statuses_to_see(request.method, settings)[reply.status]:
        return Answer(reply, located(uri, request.method, reply.status, settings))
    return (yield from follow(request, settings, (first_hop(request), reply)))


def statuses_to_see(method: str, settings: Settings) -> bytes:
    """A byte for each status, not 0 for those that are not the answer yet: redirects,
    challenges.
    """
    assert settings.statuses is not None  # they have been worked out
    found = settings.statuses.get(method)
    if found is None:
        found = _find_statuses_to_see(method, settings)
        settings.statuses[method] = found
    return found


def _find_statuses_to_see(method: str, settings: Settings) -> bytes:
    found = bytearray(LAST_STATUS + 1)
    for status in (401, *settings.redirect_codes):  # no others can be
        if status in range(LAST_STATUS + 1):
            found[status] = _is_to_be_seen(method, status, settings)
    return bytes(found)


def _is_to_be_seen(method: str, status: int, settings: Settings) -> bool:
    is_challenge = status == 401 and bool(settings.credentials)
    return is_challenge or is_redirect(method, status, settings)
