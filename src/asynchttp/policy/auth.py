"""Authentication (RFC 9110, 11): credentials for servers that demand them, as in httplib2.

Rules:
- Accepted credentials are sent with every later request in their scope. Where scopes overlap, the
  narrowest scope counts.
- After a 401 the credentials for the host are tried in turn, each by all offered schemes, the
  strongest scheme first: httplib2.AUTH_SCHEME_ORDER, which a program may have changed. Where no
  scheme can be answered, the 401 is the answer.
- Credentials without a domain are for the origin of the request as the caller made the request,
  each request anew; also after a server has accepted them.
- Basic and WSSE are httplib2's classes. Digest and HMACDigest are ours (digest.py): httplib2's
  Digest knows only MD5, and httplib2's HMACDigest fails.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import httplib2

from ..messages.response import Response
from ..messages.settings import Settings
from ..messages.step import BlockingCall, Step
from ..messages.transfer import Reply
from . import httplib2_rules
from .digest import Digest, HmacDigest
from .fields import parse_challenges
from .proxies import proxy_for
from .retry import send_with_retries
from .wire import Hop, may_answer, transfer_of

OURS = {
    httplib2.DigestAuthentication: Digest,
    httplib2.HmacDigestAuthentication: HmacDigest,
}

Found = tuple[Response, bytes]
Authentication = Any  # Any: httplib2's class, or a user's with the same interface; both untyped


def send_with_auth(
    hop: Hop, settings: Settings, reply: Reply | None = None
) -> Generator[Step, Any, Found]:
    """The response to a hop; the credentials are added to `hop.headers`.

    `reply`: the reply to the hop without credentials, if already received.
    """
    authorization = None if reply is not None else _in_scope(hop, settings)
    if reply is not None:
        response, content = _found_in(reply)
    elif authorization is None:
        response, content = yield from _send(hop, settings)
    else:
        response, content = yield from _authorized(authorization, hop, settings)
        if authorization.response(response, _content(hop)):
            response, content = yield from _authorized(authorization, hop, settings)
            response._stale_digest = 1  # as httplib2 marks it
    if response.status == 401 and settings.credentials:
        return (yield from _answer_challenge(hop, settings, response, content))
    return response, content


def asker_of(hop: Hop, settings: Settings) -> str:
    """The owner of the credentials to send, as far as known before a challenge, or ""."""
    authorization = _in_scope(hop, settings)
    if authorization is not None:
        return _asker_by(authorization)
    given = [hop.headers[name] for name in ("authorization", "x-wsse") if name in hop.headers]
    return f"fields: {given}" if given else ""


def _asker_by(authorization: Authentication) -> str:
    """User and realm: the field itself may differ with each request, as a Digest does."""
    # A program's own class may have no credentials, and is a new asker each time.
    credentials = getattr(authorization, "credentials", None) or (secrets.token_hex(),)
    return f"user: {credentials[0]!r} in {getattr(authorization, 'realm', '')!r}"


def _answer_challenge(
    hop: Hop, settings: Settings, response: Response, content: bytes
) -> Generator[Step, Any, Found]:
    for authorization in _from_challenge(hop, settings, response, content):
        response, content = yield from _authorized(authorization, hop, settings)
        if response.status != 401:
            _store_authorization(authorization, settings)
            authorization.response(response, _content(hop))
            break
    return response, content


def _authorized(
    authorization: Authentication, hop: Hop, settings: Settings
) -> Generator[Step, Any, Found]:
    authorization.request(hop.method, _path_and_query(hop), hop.headers, _content(hop))
    hop.asker = _asker_by(authorization)
    return (yield from _send(hop, settings))


def _send(hop: Hop, settings: Settings) -> Generator[Step, Any, Found]:
    proxy = yield from proxy_for(hop, settings)
    transfer = transfer_of(hop, settings, proxy)
    if transfer.tls is not None and transfer.tls.needs_check:
        tls = yield BlockingCall(partial(httplib2_rules.checked_tls, transfer.tls))
        transfer = replace(transfer, tls=tls)
    return _found_in((yield from send_with_retries(transfer, settings)))


def _found_in(reply: Reply) -> Found:
    return Response.of(reply), reply.content


def _in_scope(hop: Hop, settings: Settings) -> Authentication | None:
    if hop.basic:  # the caller's URI names somebody
        return None
    target = _path_and_query(hop)
    found = [
        each
        for each in settings.authorizations
        if each.inscope(hop.authority, target) and _is_for(hop, each, settings)
    ]
    # Reversed: of equally deep authorizations the latest counts.
    return min(reversed(found), key=lambda each: each.depth(target)) if found else None


def _is_for(hop: Hop, authorization: Authentication, settings: Settings) -> bool:
    """Whether a hop may have accepted credentials: by their domain, or if they were not added."""
    given = getattr(authorization, "credentials", None)
    domains = [
        domain for domain, *credentials in settings.credentials if tuple(credentials) == given
    ]
    return not domains or any(may_answer(domain, hop) for domain in domains)


def _from_challenge(
    hop: Hop, settings: Settings, response: Response, content: bytes
) -> Iterator[Authentication]:
    realms = {each.scheme: each.parameters.get("realm", "") for each in parse_challenges(response)}
    for domain, name, password in settings.credentials:
        if may_answer(domain, hop):
            for scheme in _answerable(realms):
                kind = httplib2_rules.auth_class(scheme)
                try:
                    authorization = OURS.get(kind, kind)(
                        (name, password),
                        hop.authority,
                        _path_and_query(hop),
                        hop.headers,
                        response,
                        content,
                        None,  # the Http, which only GoogleLogin needs
                    )
                except httplib2.HttpLib2Error:  # the scheme, but with unknown options
                    continue
                authorization.realm = realms[scheme]  # for `_asker_by`
                yield authorization


def _answerable(offered: Collection[str]) -> Iterator[str]:
    """The offered schemes, the strongest first, without GoogleLogin: the service ended in 2015."""
    for scheme in httplib2_rules.auth_schemes(offered):
        if httplib2_rules.auth_class(scheme) is not httplib2.GoogleLoginAuthentication:
            yield scheme


def _store_authorization(authorization: Authentication, settings: Settings) -> None:
    """Replace authorizations with the same scope: requests challenged at once all come here."""
    scope = (type(authorization), authorization.host, authorization.path)
    for each in settings.authorizations.copy():
        if (type(each), each.host, each.path) == scope:
            with suppress(ValueError):  # removed by another request
                settings.authorizations.remove(each)
    settings.authorizations.append(authorization)


def _path_and_query(hop: Hop) -> str:
    return hop.url.removeprefix(f"{hop.scheme}://{hop.authority}")


def _content(hop: Hop) -> bytes | None:
    return None if hop.body is None else hop.body.content
