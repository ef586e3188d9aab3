"""Authentication (RFC 9110, 11): credentials for those who ask for them, the way httplib2 does.

Rules:
- What was accepted once is sent along with all that is in its scope, the narrowest first.
- A challenge is answered with each of the credentials for the host in turn, by the strongest scheme
  that is offered: httplib2.AUTH_SCHEME_ORDER, where a program may have put its own.
- Basic and WSSE are httplib2's; the Digests are ours (digest.py): one of httplib2's knows MD5 only,
  the other fails.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httplib2

from ..messages.errors import UnsupportedAuthError
from ..messages.response import Response
from ..messages.settings import Settings
from ..messages.step import BlockingCall, Step
from ..messages.transfer import Reply
from . import httplib2_rules
from .digest import Digest, HmacDigest
from .proxies import proxy_for
from .retry import attempt
from .wire import Hop, transfer_of

OURS = {
    httplib2.DigestAuthentication: Digest,
    httplib2.HmacDigestAuthentication: HmacDigest,
}

Found = tuple[Response, bytes]
Authentication = Any  # Any: httplib2's, or a program's own with its interface; neither has types


def ask(hop: Hop, settings: Settings, reply: Reply | None = None) -> Generator[Step, Any, Found]:
    """The response to a step; what it needs to be let in is added to the step's headers.

    `reply`: to the step as it is, if that has come already.
    """
    authorization = None if reply is not None else _in_scope(hop, settings)
    if reply is not None:
        response, content = received(reply)
    elif authorization is None:
        response, content = yield from _send(hop, settings)
    else:
        response, content = yield from _authorized(authorization, hop, settings)
        if authorization.response(response, _content(hop)):
            response, content = yield from _authorized(authorization, hop, settings)
            response._stale_digest = 1  # as httplib2 marks it
    if response.status == 401 and settings.credentials:
        return (yield from _challenged(hop, settings, response, content))
    return response, content


def _challenged(
    hop: Hop, settings: Settings, response: Response, content: bytes
) -> Generator[Step, Any, Found]:
    for authorization in _from_challenge(hop, settings, response, content):
        response, content = yield from _authorized(authorization, hop, settings)
        if response.status != 401:
            _remember(authorization, settings)
            authorization.response(response, _content(hop))
            break
    return response, content


def _authorized(
    authorization: Authentication, hop: Hop, settings: Settings
) -> Generator[Step, Any, Found]:
    authorization.request(hop.method, _target(hop), hop.headers, _content(hop))
    return (yield from _send(hop, settings))


def _send(hop: Hop, settings: Settings) -> Generator[Step, Any, Found]:
    proxy = yield from proxy_for(hop, settings)
    transfer = transfer_of(hop, settings, proxy)
    if transfer.tls is not None and transfer.tls.is_special:
        tls = yield BlockingCall(partial(httplib2_rules.checked_tls, transfer.tls))
        transfer = replace(transfer, tls=tls)
    return received((yield from attempt(transfer)))


def received(reply: Reply) -> Found:
    """The response and content of a reply."""
    return Response.of(reply), reply.content


def _in_scope(hop: Hop, settings: Settings) -> Authentication | None:
    target = _target(hop)
    found = [each for each in settings.authorizations if each.inscope(hop.authority, target)]
    # Of those as deep, the one that was accepted last.
    return min(reversed(found), key=lambda each: each.depth(target)) if found else None


def _from_challenge(
    hop: Hop, settings: Settings, response: Response, content: bytes
) -> Iterator[Authentication]:
    schemes = httplib2_rules.auth_schemes(httplib2_rules.parse_challenges(response))
    for domain, name, password in settings.credentials:
        if domain in ("", hop.authority):
            for scheme in schemes:
                yield _kind(scheme)(
                    (name, password),
                    hop.authority,
                    _target(hop),
                    hop.headers,
                    response,
                    content,
                    None,  # for GoogleLogin it would be the Http
                )


def _kind(scheme: str) -> Authentication:
    kind = httplib2_rules.auth_class(scheme)
    if kind is httplib2.GoogleLoginAuthentication:
        raise UnsupportedAuthError("GoogleLogin: its service ended in 2015")
    return OURS.get(kind, kind)


def _remember(authorization: Authentication, settings: Settings) -> None:
    """In place of one like it: many requests may have been challenged at once."""
    like = (type(authorization), authorization.host, authorization.path)
    for each in settings.authorizations.copy():
        if (type(each), each.host, each.path) == like:
            with suppress(ValueError):  # another was quicker
                settings.authorizations.remove(each)
    settings.authorizations.append(authorization)


def _target(hop: Hop) -> str:
    """The path and query."""
    return hop.url.removeprefix(f"{hop.scheme}://{hop.authority}")


def _content(hop: Hop) -> bytes | None:
    return None if hop.body is None else hop.body.content
