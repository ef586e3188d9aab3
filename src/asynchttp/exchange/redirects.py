"""Redirects (RFC 9110, 15.4), followed the way httplib2 does.

Rules, all httplib2's:
- Safe methods are followed; 303 and 308 for every method; the rest with `follow_all_redirects`.
- 302 and 303 become GET without a body. Conditional headers are dropped on the way, and
  Authorization unless `forward_authorization_headers`.
- `previous` of the final response is the first redirect. `content-location` says where the
  content was found.
"""

from __future__ import annotations

import copy
import urllib.parse
from collections.abc import Generator

import httplib2

from ..model import Reply, Request, Settings, Transfer
from ..response import Answer, Response
from .decoding import decode, is_encoded
from .transfer import Hop, first_hop, hop_to, transfer_of


def follow_redirects(request: Request, settings: Settings) -> Generator[Transfer, Reply, Answer]:
    """Transfers until one is answered by something else than a redirect to follow.

    Raises `httplib2.RedirectLimit` after `request.redirections` of them,
    `httplib2.RedirectMissingLocation`, and what `decode` and `transfer_of` raise.
    """
    hop, first, left = first_hop(request), None, request.redirections
    while True:
        reply = yield transfer_of(hop, settings)
        redirected = _is_redirect(hop, reply.status, settings)
        if not redirected and first is None and not is_encoded(hop.method, reply):
            return Answer(reply, _located(hop, reply.status, settings))
        response, content = decode(hop.method, reply, settings)
        if not redirected:
            return _final(hop, response, content, first, settings)
        if not left:
            raise httplib2.RedirectLimit(
                "Redirected more times than redirection_limit allows.", response, content
            )
        target = _target(hop, response, content)
        if target is None:
            return Answer.of(response, content)
        first = first or _left_behind(hop, response, settings)
        hop, left = _next_hop(hop, response.status, target, settings), left - 1


def _is_redirect(hop: Hop, status: int, settings: Settings) -> bool:
    return (
        status in settings.redirect_codes
        and settings.follow_redirects
        and (
            settings.follow_all_redirects
            or hop.method in settings.safe_methods
            or status in (303, 308)
        )
    )


def _located(hop: Hop, status: int, settings: Settings) -> str | None:
    """The content-location of a response that names none."""
    return hop.uri if status in (200, 203) and hop.method in settings.safe_methods else None


def _final(
    hop: Hop, response: Response, content: bytes, first: Response | None, settings: Settings
) -> Answer:
    located = _located(hop, response.status, settings)
    if located is not None:
        response.setdefault("content-location", located)
    if first is not None:
        response.previous = first
    return Answer.of(response, content)


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


def _left_behind(hop: Hop, response: Response, settings: Settings) -> Response:
    """The redirect as `previous` shows it."""
    if response.status == 308 or (response.status == 301 and hop.method in settings.safe_methods):
        response["-x-permanent-redirect-url"] = response["location"]
    response.setdefault("content-location", hop.uri)
    return copy.deepcopy(response)


def _next_hop(hop: Hop, status: int, target: str, settings: Settings) -> Hop:
    dropped = {"if-none-match", "if-modified-since"}
    if not settings.forward_authorization_headers:
        dropped.add("authorization")
    headers = hop.headers
    if not dropped.isdisjoint(headers):
        headers = {name: value for name, value in headers.items() if name not in dropped}
    if status in (302, 303):
        return hop_to("GET", target, headers, None)
    return hop_to(hop.method, target, headers, hop.body)
