"""Exchanges: all steps of a request, from the first transfer to the answer.

Rule: most requests end with their first transfer, and never enter the layers below.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from functools import partial
from typing import Any

import httplib2

from ..messages.errors import ContentTooLargeError, RequestTimeoutError, is_own_timeout
from ..messages.request import Request
from ..messages.response import Answer, Response
from ..messages.settings import Settings
from ..messages.step import BlockingCall, Step
from ..messages.transfer import Transfer
from .proxies import from_environment
from .redirects import default_location, follow, is_redirect
from .retry import RETRIED, retry_failed
from .wire import first_hop, transfer_of

LAST_STATUS = 599

# Any: the result of a step, whose type depends on the kind of step.
Exchange = Generator[Step, Any, Answer]


def exchange(request: Request, settings: Settings) -> Exchange:
    """The steps for `request`, which return the answer."""
    if settings.is_plain:
        return plain(request, settings)
    if settings.client is not None:
        steps = through_client(request, settings.client, settings.is_client_exclusive)
    else:
        steps = follow(request, settings)
    return steps if settings.max_content is None else limit_content(steps, settings.max_content)


def limit_content(steps: Exchange, limit: int) -> Exchange:
    """An exchange whose answer may come from a cache or from another library, of any size."""
    answer = yield from steps
    if len(answer.content) > limit:
        raise ContentTooLargeError(limit)
    return answer


def raise_error(error: Exception) -> Exchange:
    """The exchange of a request that cannot be sent."""
    yield from ()  # makes this function a generator
    raise error


Client = Callable[[Request], tuple[httplib2.Response, bytes]]


def through_client(request: Request, client: Client, is_exclusive: bool) -> Exchange:
    """A request that another library makes by its own rules."""
    try:
        pair = yield BlockingCall(partial(client, request), is_exclusive)
    except TimeoutError as error:
        if not is_own_timeout(error):
            raise
        raise RequestTimeoutError(f"{error}: {request}") from error
    return answer_of(*pair)


def answer_of(response: httplib2.Response, content: object) -> Answer:
    """The answer of another library."""
    return Answer.of(
        Response.like(response), content if type(content) is bytes else _bytes(content)
    )


def _bytes(content: object) -> bytes:
    """The bytes of a content that is text, or an object with the interface of bytes."""
    return content.encode() if isinstance(content, str) else bytes(content)  # type: ignore[call-overload]


def first_transfer(request: Request, settings: Settings) -> tuple[Transfer, str] | None:
    """The transfer that `plain` begins with, and the URI of its hop; or None if the request needs
    the other layers from the start. Raises what `hop_to` and `transfer_of` raise.
    """
    hop = first_hop(request)
    if "cache-control" in hop.headers:  # only-if-cached is answered with 504 even without a cache
        return None
    proxy = None if settings.proxies is None else from_environment(hop, settings.proxies)
    return transfer_of(hop, settings, proxy), hop.uri


def plain(request: Request, settings: Settings) -> Exchange:
    """A request whose first transfer most likely brings the answer."""
    first = first_transfer(request, settings)
    if first is None:
        return (yield from follow(request, settings))
    transfer, uri = first
    try:
        reply = yield transfer
    except RETRIED as error:
        reply = yield from retry_failed(transfer, error, settings)
    if reply.status > LAST_STATUS or not policy_statuses(request.method, settings)[reply.status]:
        return Answer(reply, default_location(uri, request.method, reply.status, settings))
    return (yield from follow(request, settings, (first_hop(request), reply)))


def policy_statuses(method: str, settings: Settings) -> bytes:
    """A byte for each status: 1 if policy has to continue (redirects, challenges), 0 if the reply
    is the answer.
    """
    assert settings.statuses is not None  # set by Settings.with_derived
    found = settings.statuses.get(method)
    if found is None:
        found = _find_policy_statuses(method, settings)
        settings.statuses[method] = found
    return found


def _find_policy_statuses(method: str, settings: Settings) -> bytes:
    found = bytearray(LAST_STATUS + 1)
    for status in (401, *settings.redirect_codes):
        if status in range(LAST_STATUS + 1):
            found[status] = _needs_policy(method, status, settings)
    return bytes(found)


def _needs_policy(method: str, status: int, settings: Settings) -> bool:
    is_challenge = status == 401 and bool(settings.credentials)
    return is_challenge or is_redirect(method, status, settings)
