"""Redirects (RFC 9110, 15.4), followed the way httplib2 does.

Rules, all httplib2's:
- Safe methods are followed; 303 and 308 for every method; the rest with `follow_all_redirects`.
- 302 and 303 become GET without a body. Conditional headers are dropped on the way, and
  what says who is asking unless `forward_authorization_headers`.
- `previous` of the final response is the first redirect. `content-location` says where the
  content was found.
- With `force_exception_to_status_code` what goes wrong at a step is that step's response.
"""

from __future__ import annotations

import copy
import urllib.parse
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import httplib2

from ..messages.request import Request
from ..messages.response import Answer, Response
from ..messages.settings import Settings
from ..messages.step import Step
from ..messages.transfer import Reply
from .cache import Fetched, fetch, forget, keep, share
from .errors_as_responses import as_response
from .wire import Hop, first_hop, hop_to

Found = tuple[Response, bytes]


def follow(
    request: Request, settings: Settings, begun: tuple[Hop, Reply] | None = None
) -> Generator[Step, Any, Answer]:
    """Steps until one is answered by something else than a redirect to follow.

    `begun`: the first step, if it has been made, with its reply. Raises `httplib2.RedirectLimit`
    after `request.redirections` redirects, `httplib2.RedirectMissingLocation`, and what the layers
    below raise.
    """
    trail = Trail(request.redirections)
    try:
        hop, reply = begun or (first_hop(request), None)
        if (shared := (yield from share(hop, request.redirections, settings))) is not None:
            return shared
        response, content = yield from _follow(hop, reply, settings, trail)
    except Exception as error:
        if not settings.force_exception_to_status_code:
            raise
        response, content = as_response(error)
    if trail.first is not None:
        response.previous = trail.first
    if response.status != 200:
        yield from forget(trail.known, settings)
    return Answer.of(response, content)


class Trail:
    """What the steps leave behind."""

    def __init__(self, left: int) -> None:
        self.left = left
        """How many more redirects may be followed."""
        self.first: Response | None = None
        """The first redirect."""
        self.known: list[str] = []
        """What the cache had about the steps, and the network was asked about."""


def _follow(
    hop: Hop, reply: Reply | None, settings: Settings, trail: Trail
) -> Generator[Step, Any, Found]:
    while True:
        hop = replace(hop, headers=dict(hop.headers))  # to be added to
        fetched = yield from fetch(hop, settings, reply)
        reply, response = None, fetched.response
        if not is_redirect(hop.method, response.status, settings):
            target = None
        else:
            target = yield from _lead(hop, fetched, settings, trail)
        if fetched.was_known:
            trail.known.append(hop.url)
        if target is None:
            _locate(hop, response, settings)
            return response, fetched.content
        hop = _next_hop(hop, response.status, target, settings)


def _lead(
    hop: Hop, fetched: Fetched, settings: Settings, trail: Trail
) -> Generator[Step, Any, str | None]:
    """Where a redirect leads, which is noted in the trail."""
    response, content, _ = fetched
    if not trail.left:
        raise httplib2.RedirectLimit(
            "Redirected more times than redirection_limit allows.", response, content
        )
    trail.left -= 1
    if response.fromcache:
        trail.first = trail.first or response
        return response["-x-permanent-redirect-url"]
    target = _target(hop, response, content)
    if target is not None:
        if _is_permanent(hop, response.status, settings):
            response["-x-permanent-redirect-url"] = target
            response.setdefault("content-location", hop.uri)
            yield from keep(hop, response, content, settings)
        left_behind = copy.deepcopy(response)
        left_behind.setdefault("content-location", hop.uri)
        trail.first = trail.first or left_behind
    return target


def is_redirect(method: str, status: int, settings: Settings) -> bool:
    """Whether such an answer is a redirect to follow."""
    return (
        status in settings.redirect_codes
        and settings.follow_redirects
        and (
            settings.follow_all_redirects or method in settings.safe_methods or status in (303, 308)
        )
    )


def located(uri: str, method: str, status: int, settings: Settings) -> str | None:
    """The content-location of a response to a step that names none."""
    return uri if status in (200, 203) and method in settings.safe_methods else None


def _locate(hop: Hop, response: Response, settings: Settings) -> None:
    uri = located(hop.uri, hop.method, response.status, settings)
    if uri is not None and not response.fromcache:
        response.setdefault("content-location", uri)


def _target(hop: Hop, response: Response, content: bytes) -> str | None:
    """Where a redirect leads; None for 300 without a Location, which is an answer in itself."""
    if "location" not in response:
        if response.status == 300:
            return None
        raise httplib2.RedirectMissingLocation(
            "Redirected but the response is missing a Location: header.", response, content
        )
    location = response["location"]
    if httplib2.parse_uri(location)[1] is None:
        response["location"] = urllib.parse.urljoin(hop.uri, location)
    return response["location"]


def _is_permanent(hop: Hop, status: int, settings: Settings) -> bool:
    return status == 308 or (status == 301 and hop.method in settings.safe_methods)


def _next_hop(hop: Hop, status: int, target: str, settings: Settings) -> Hop:
    dropped = {"if-none-match", "if-modified-since"}
    if not settings.forward_authorization_headers:
        dropped |= {"authorization", "x-wsse"}
    headers = {name: value for name, value in hop.headers.items() if name.lower() not in dropped}
    if status in (302, 303):
        return hop_to("GET", target, headers, None)
    return hop_to(hop.method, target, headers, hop.body)
