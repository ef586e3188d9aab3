"""Redirects (RFC 9110, 15.4), followed as in httplib2.

Rules:
- Redirects of safe methods are followed, and 303 and 308 of every method; all redirects with
  `follow_all_redirects`.
- After 302 and 303 the method is GET, without a body and the fields that describe the body; at 302
  HEAD stays HEAD (RFC 9110, 15.4.3).
- A redirected request has no conditional fields, and no credentials unless
  `forward_authorization_headers`, and these never from https to http.
- Cookie, Host and Proxy-Authorization stay at their origin. Credentials in the caller's URI do so,
  too: a redirect within the caller's origin sends the credentials again.
- `previous` of the final response is the first redirect. `content-location` is the URI of the
  content.
- With `force_exception_to_status_code` an error at a hop becomes the final response.
"""

from __future__ import annotations

import copy
import http.client
import urllib.parse
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import httplib2

from ..messages.request import Request
from ..messages.response import Answer, Response
from ..messages.settings import Settings
from ..messages.step import Step
from ..messages.transfer import Reply
from .cache import Fetched, coalesce, fetch, invalidate, store
from .errors_as_responses import as_response
from .fields import text_of
from .origins import Origin
from .wire import USER, Hop, first_hop, hop_to, with_basic

Found = tuple[Response, bytes]


def follow(
    request: Request, settings: Settings, begun: tuple[Hop, Reply] | None = None
) -> Generator[Step, Any, Answer]:
    """Hops until a response is not a redirect to follow.

    `begun`: the first hop with its reply, if already made. Raises `httplib2.RedirectLimit` after
    `request.redirections` redirects, `httplib2.RedirectMissingLocation`, `http.client.InvalidURL`,
    and the errors of the layers below.
    """
    trail = Trail(request.redirections)
    try:
        hop, reply = begun or (first_hop(request), None)
        if (answer := (yield from coalesce(hop, request.redirections, settings))) is not None:
            return answer
        response, content = yield from _follow(hop, reply, settings, trail)
    except Exception as error:
        if not settings.force_exception_to_status_code:
            raise
        response, content = as_response(error)
    if trail.first is not None:
        response.previous = trail.first
    if response.status != 200:
        yield from invalidate(trail.doubtful_keys, settings)
    return Answer.of(response, content)


class Trail:
    """The state that the hops of a request share."""

    def __init__(self, left: int) -> None:
        self.left = left
        """How many more redirects may be followed."""
        self.first: Response | None = None
        """The first redirect, the final response's `previous`."""
        self.doubtful_keys: list[str] = []
        """The keys of cache entries that were neither fresh nor validated (`Fetched.in_doubt`)."""


def _follow(
    hop: Hop, reply: Reply | None, settings: Settings, trail: Trail
) -> Generator[Step, Any, Found]:
    first = hop
    while True:
        hop = replace(hop, headers=dict(hop.headers))  # the layers below add fields
        fetched = yield from fetch(hop, settings, reply)
        reply, response = None, fetched.response
        if not is_redirect(hop.method, response.status, settings):
            target = None
        else:
            target = yield from _take_redirect(hop, fetched, settings, trail)
        if fetched.in_doubt:
            trail.doubtful_keys.append(hop.url)
        if target is None:
            _add_location(hop, response, settings)
            return response, fetched.content
        hop = _next_hop(first, hop, response.status, target, settings)


def _take_redirect(
    hop: Hop, fetched: Fetched, settings: Settings, trail: Trail
) -> Generator[Step, Any, str | None]:
    """Count a redirect in the trail. The result is the target, or None for an answer."""
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
            yield from store(hop, response, content, settings)
        redirect = copy.deepcopy(response)
        redirect.setdefault("content-location", hop.uri)
        trail.first = trail.first or redirect
    return target


def is_redirect(method: str, status: int, settings: Settings) -> bool:
    """Whether a response with this status is a redirect to follow."""
    return (
        status in settings.redirect_codes
        and settings.follow_redirects
        and (
            settings.follow_all_redirects or method in settings.safe_methods or status in (303, 308)
        )
    )


def default_location(uri: str, method: str, status: int, settings: Settings) -> str | None:
    """The `content-location` for a response without the field, or None to add no field."""
    return uri if status in (200, 203) and method in settings.safe_methods else None


def _add_location(hop: Hop, response: Response, settings: Settings) -> None:
    uri = default_location(hop.uri, hop.method, response.status, settings)
    if uri is not None and not response.fromcache:
        response.setdefault("content-location", uri)


def _target(hop: Hop, response: Response, content: bytes) -> str | None:
    """The absolute target of a redirect, or None if a 300 without Location is the answer."""
    if "location" not in response:
        if response.status == 300:
            return None
        raise httplib2.RedirectMissingLocation(
            "Redirected but the response is missing a Location: header.", response, content
        )
    location = _location(response)
    scheme, authority = httplib2.parse_uri(location)[:2]
    if authority is None or (authority and scheme is None):
        with _refusing(location):
            location = urllib.parse.urljoin(hop.uri, location)
    response["location"] = location
    return location


def _location(response: Response) -> str:
    """The value of Location. Equal fields count as one, and blanks at the end are no part."""
    values = {value.rstrip(" \t") for value in response.getall("location")}
    return values.pop() if len(values) == 1 else response["location"]


@contextmanager
def _refusing(location: str) -> Iterator[None]:
    """Raise `http.client.InvalidURL` for a Location that is no URL of HTTP."""
    try:
        yield
    except (KeyError, ValueError) as error:
        shown = USER.sub(r"\g<before>", location)  # without a password
        raise http.client.InvalidURL(f"Location: not a URL to follow: {shown!r}") from error


def _is_permanent(hop: Hop, status: int, settings: Settings) -> bool:
    return status == 308 or (status == 301 and hop.method in settings.safe_methods)


def _next_hop(first: Hop, hop: Hop, status: int, target: str, settings: Settings) -> Hop:
    method, body = hop.method, hop.body
    if status == 303 or (status == 302 and method != "HEAD"):
        method, body = "GET", None
    with _refusing(target):
        following = hop_to(method, text_of(target), hop.headers, body)
        _origin(following).host.encode("idna")  # fails now, not in the lookup
    following.at_callers_origin = _origin(first).includes(_origin(following))
    dropped = _dropped_fields(hop, following, settings)
    following.headers = {
        name: value for name, value in hop.headers.items() if name.lower() not in dropped
    }
    if first.basic and following.at_callers_origin:
        return with_basic(following, first.basic)
    return following


def _dropped_fields(hop: Hop, following: Hop, settings: Settings) -> set[str]:
    """The fields that are not for the target of a redirect."""
    dropped = {"if-none-match", "if-modified-since"}
    if not _origin(hop).includes(_origin(following)):
        dropped |= {"cookie", "host", "proxy-authorization"}
    is_exposed = (hop.scheme, following.scheme) == ("https", "http")
    if is_exposed or not settings.forward_authorization_headers:
        dropped |= {"authorization", "x-wsse"}
    if following.body is None and (hop.body is not None or hop.method != following.method):
        dropped |= {name for name in map(str.lower, hop.headers) if _is_of_content(name)}
    return dropped


def _is_of_content(name: str) -> bool:
    """Whether a field describes the content of its request (RFC 9110, 15.4)."""
    return name.startswith("content-") or name in (
        "digest",
        "last-modified",
        "trailer",
        "transfer-encoding",
    )


def _origin(hop: Hop) -> Origin:
    return Origin.of(hop.scheme, hop.authority)
