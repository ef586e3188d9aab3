"""The differences from httplib2 that are there on purpose: all of them, each with its reason.

Rules:
- Each has an example, which a test plays: it has to differ, or the entry has to go.
- What is drawn is excused by an entry that `covers` the first visit that differs. Entries that
  cover nothing are for what is never drawn.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, TypeAlias

import httplib2

from tests.differential.compare import Difference
from tests.differential.scenario import Answer, Fields, Guard, Resource, Scenario, Visit
from tests.differential.server import BY_OTHER_NAMES, CODINGS
from tests.oracle import Wire

Found: TypeAlias = Mapping[str, Difference]
"""What differs at a visit, by its name."""


def _never(_: Scenario, __: Found) -> bool:
    return False


@dataclass(frozen=True)
class Purpose:
    """Why asynchttp does something else, and where that shows."""

    reason: str
    example: Scenario
    covers: Callable[[Scenario, Found], bool] = _never

    @property
    def covers_anything(self) -> bool:
        return self.covers is not _never


def _given(answer: Answer, *visits: Visit, cache: bool = False) -> Scenario:
    """One URL with one answer; all visits go there."""
    return Scenario((Resource(visits[0].url, (answer,)),), visits, cache)


def _guarded(challenge: str, *credentials: tuple[str, str, str]) -> Scenario:
    resource = Resource("http://one/", guard=Guard((challenge,)))
    return Scenario((resource,), (ONCE,), credentials=credentials)


LEFT_BEHIND = ("authorization", "if-none-match", "if-modified-since")
PASSED_ON = (*LEFT_BEHIND, "content-length")
NOTHING = Wire("", [], b"")
ONCE = Visit("http://one/")
TWO_PLACES: Fields = (("Location", "/a"), ("Location", "/b"))
FORCED = (("force_exception_to_status_code", True),)
ANN = ("ann", "a", "")
WSSE = 'WSSE realm="here", profile="UsernameToken"'
PACKED = CODINGS["gzip"](b"content")
UNDECODABLE = "failed to decompress"


def _is_unannounced_end(scenario: Scenario, found: Found) -> bool:
    """An IncompleteRead, in either form, where something ended so."""
    framings = {answer.framing for each in scenario.resources for answer in each.answers}
    shown = "".join(str(found[what].ours) for what in ("error", "content") if what in found)
    return "close, ragged" in framings and "IncompleteRead" in shown


def _is_cut_off(scenario: Scenario, found: Found) -> bool:
    """Content that is cut off is refused; httplib2 hands out the decoded part, and goes on."""
    if not any(answer.coding in CODINGS and not answer.packed for answer in _answers(scenario)):
        return False
    theirs, ours = _shown(found, "theirs"), _shown(found, "ours")
    return UNDECODABLE in ours and UNDECODABLE not in theirs and _stops_there(found)


def _answers(scenario: Scenario) -> list[Answer]:
    return [answer for resource in scenario.resources for answer in resource.answers]


def _shown(found: Found, whose: str) -> str:
    """The words of an error, or of the response in place of an error."""
    return " ".join(
        str(getattr(found[what], whose)) for what in ("message", "reason") if what in found
    )


def _stops_there(found: Found) -> bool:
    """Our requests are the first of httplib2's."""
    if "requests" not in found:
        return True
    theirs: Any = found["requests"].theirs  # Any: lists of requests, as `what` says
    ours: Any = found["requests"].ours
    return bool(theirs[: len(ours)] == ours)


def _has_another_name(scenario: Scenario, found: Found) -> bool:
    """Our content, packed, is httplib2's."""
    if "content" not in found or not found.keys() <= {"content", "fields", "files"}:
        return False
    content = found["content"]
    return any(
        answer.coding in BY_OTHER_NAMES
        and content.ours == answer.content
        and content.theirs == BY_OTHER_NAMES[answer.coding](answer.content)
        for answer in _answers(scenario)
    )


def _is_part_of_coded(scenario: Scenario, found: Found) -> bool:
    """IncompleteReads in place of responses differ in the number of bytes of coded content."""
    if "content" not in found or not found.keys() <= {"content", "fields"}:
        return False
    content = found["content"]
    is_coded = any(answer.coding in CODINGS for answer in _answers(scenario))
    return is_coded and all(
        isinstance(each, bytes) and each.startswith(b"IncompleteRead(")
        for each in (content.theirs, content.ours)
    )


def _is_malformed_challenge(scenario: Scenario, found: Found) -> bool:
    theirs = [found[what].theirs for what in ("error", "content") if what in found]
    return httplib2.error.MalformedHeader in theirs or b"www-authenticate" in theirs


def _is_kept_of_head(scenario: Scenario, found: Found) -> bool:
    """There was a HEAD that a cache may have kept."""
    visit = min(difference.visit for difference in found.values())
    return scenario.cache and any(each.method == "HEAD" for each in scenario.visits[: visit + 1])


def _is_wsse_dropped(_: Scenario, found: Found) -> bool:
    """A redirect was followed: without Authorization, or httplib2 has X-WSSE twice."""
    theirs, ours = _first_parting(found)
    kept = _count(theirs, "x-wsse") > max(_count(ours, "x-wsse"), _count(theirs, "authorization"))
    return kept and _without(theirs, "x-wsse") == _without(ours, "x-wsse")


def _is_passed_on(scenario: Scenario, found: Found) -> bool:
    """Past a cached redirect httplib2 alone takes secrets and conditions, asynchttp the body."""
    theirs, ours = _first_parting(found)
    visit = scenario.visits[min(difference.visit for difference in found.values())]
    given = {name.lower() for name, _ in visit.headers}
    return (
        scenario.cache
        and (not given.isdisjoint(LEFT_BEHIND) or visit.body is not None)
        and all(_count(theirs, name) >= _count(ours, name) for name in LEFT_BEHIND)
        and _count(theirs, "content-length") <= _count(ours, "content-length")
        and theirs.body in (b"", ours.body)
        and _without(theirs, *PASSED_ON) == _without(ours._replace(body=theirs.body), *PASSED_ON)
    )


def _first_parting(found: Found) -> tuple[Wire, Wire]:
    """The first request of each that differs from the other's."""
    if "requests" not in found:
        return NOTHING, NOTHING
    theirs: Any  # Any: lists of requests, as `what` says
    ours: Any
    theirs, ours = found["requests"].theirs, found["requests"].ours
    pairs = zip_longest(theirs, ours, fillvalue=NOTHING)
    return next(pair for pair in pairs if pair[0] != pair[1])


def _count(request: Wire, name: str) -> int:
    return [field[0] for field in request.headers].count(name)


def _without(request: Wire, *names: str) -> Wire:
    return request._replace(headers=[each for each in request.headers if each[0] not in names])


def _is_text_for_bytes(_: Scenario, found: Found) -> bool:
    content = found.get("content")
    return len(found) == 1 and content is not None and (content.theirs, content.ours) == ("", b"")


def _is_limit_in_cache(scenario: Scenario, found: Found) -> bool:
    """A RedirectLimit from the cache: with a response here, with {} in httplib2."""
    shown = [found[what].ours for what in ("message", "reason") if what in found]
    unchanged = "error" not in found and "message" not in found
    is_limit = "Redirected more times than redirection_limit allows." in shown
    return scenario.cache and "fromcache" in found and (is_limit or unchanged)


PURPOSES: Mapping[str, Purpose] = {
    "several Locations": Purpose(
        "RFC 9110 knows one; httplib2 goes to '/a, /b', a place that nobody named.",
        _given(Answer(302, TWO_PLACES), ONCE),
    ),
    "HEAD with a body": Purpose(
        "RFC 9110, 9.3.2: it means nothing, and a server may take it for the next request.",
        Scenario((), (Visit("http://one/", "HEAD", body=b"body"),)),
    ),
    "coded content that is empty": Purpose(
        "httplib2 fails with a ValueError: 'range() arg 3 must not be zero'.",
        _given(Answer(content=b"", coding="gzip", packed=False), ONCE),
    ),
    "content that is cut off": Purpose(
        "A part is not the content; httplib2 hands out what could be decoded, or b''.",
        _given(Answer(content=PACKED[:-9], coding="gzip", packed=False), ONCE),
        _is_cut_off,
    ),
    "gzip of several members": Purpose(
        "RFC 1952, 2.2: all of them are the content; httplib2 drops all but the first.",
        _given(Answer(content=PACKED + PACKED, coding="gzip", packed=False), ONCE),
    ),
    "other names of codings": Purpose(
        "RFC 9110, 8.4.1: any case, x-gzip, lists; httplib2 hands out packed content.",
        _given(Answer(coding="GZIP"), ONCE),
        _has_another_name,
    ),
    "a part of coded content": Purpose(
        "An IncompleteRead has the part decoded, as content is; httplib2's has it as it came.",
        _given(Answer(coding="gzip", framing="too short"), Visit("http://one/", settings=FORCED)),
        _is_part_of_coded,
    ),
    "a body for a connection that has ended": Purpose(
        "It is sent on a new connection; httplib2 fails with a BrokenPipeError.",
        _given(Answer(framing="length, gone"), ONCE, Visit("http://one/", body=b"body")),
    ),
    "an end of TLS that nobody announced": Purpose(
        "Anyone on the way can cut off what comes; httplib2 takes what is there for all there is.",
        _given(Answer(framing="close, ragged"), Visit("https://three/")),
        _is_unannounced_end,
    ),
    "a malformed challenge and no password": Purpose(
        "The 401 itself says more than httplib2's MalformedHeader; with passwords that is raised.",
        _guarded("Basic"),
        _is_malformed_challenge,
    ),
    "Digest with another quality": Purpose(
        "Raises UnimplementedDigestAuthOptionError; httplib2 fails to make one (TypeError).",
        _guarded('Digest realm="here", nonce="NONCE", qop="auth-int"', ANN),
    ),
    "Digest with a choice of qualities": Purpose(
        "RFC 7616, 3.3: they are separated by commas; httplib2 takes them for one (TypeError).",
        _guarded('Digest realm="here", nonce="NONCE", qop="auth,auth-int"', ANN),
    ),
    "Digest with another algorithm": Purpose(
        "RFC 7616's are known; httplib2 knows MD5 alone, and fails to say so (TypeError).",
        _guarded('Digest realm="here", nonce="NONCE", qop="auth", algorithm=MD5-sess', ANN),
    ),
    "Digest without a nonce": Purpose(
        "Raises UnimplementedDigestAuthOptionError, with the response; httplib2 a KeyError.",
        _guarded("Digest nonce", ANN),
    ),
    "WSSE and a redirect": Purpose(
        "It goes no further than Authorization, as a password's digest; httplib2 lets it go on.",
        Scenario(
            (Resource("http://one/", (Answer(302, TWO_PLACES[:1]),), guard=Guard((WSSE,))),),
            (ONCE,),
            credentials=(ANN,),
        ),
        _is_wsse_dropped,
    ),
    "Authorization and a redirect in the cache": Purpose(
        "It stays behind, as it does when the redirect is a new one; httplib2 passes it on.",
        _given(
            Answer(301, TWO_PLACES[:1]),
            ONCE,
            Visit("http://one/", headers=(("Authorization", "mine"),)),
            cache=True,
        ),
        _is_passed_on,
    ),
    "a condition and a redirect in the cache": Purpose(
        "A cached redirect drops the condition, as a new redirect does; httplib2 passes it on.",
        _given(
            Answer(308, TWO_PLACES[:1]),
            ONCE,
            Visit("http://one/", headers=(("If-None-Match", '"mine"'),)),
            cache=True,
        ),
        _is_passed_on,
    ),
    "a body and a redirect in the cache": Purpose(
        "It goes along, as it does when the redirect is a new one; httplib2 loses it.",
        _given(
            Answer(308, TWO_PLACES[:1]),
            ONCE,
            Visit("http://one/", "PROPFIND", body=b"body"),
            cache=True,
        ),
        _is_passed_on,
    ),
    "failed decoding as a status": Purpose(
        "Content is bytes, always; here httplib2 returns ''.",
        _given(
            Answer(content=b"other content", coding="gzip", packed=False),
            Visit("http://one/", settings=FORCED),
        ),
        _is_text_for_bytes,
    ),
    "too many redirects in the cache": Purpose(
        "The error has the last response; httplib2 puts an empty dict there.",
        _given(
            Answer(301, TWO_PLACES[:1]),
            Visit("http://one/", redirections=1),
            Visit("http://one/", redirections=0),
            cache=True,
        ),
        _is_limit_in_cache,
    ),
    "HEAD with a cache": Purpose(
        "It has no content to keep; httplib2 keeps that, and serves it to a GET.",
        _given(
            Answer(fields=(("Date", "@0"), ("Cache-Control", "max-age=60"))),
            Visit("http://one/", "HEAD"),
            ONCE,
            cache=True,
        ),
        _is_kept_of_head,
    ),
}


def purpose_of(scenario: Scenario, found: list[Difference]) -> str | None:
    """The entry that excuses what differs, if one does."""
    by_name = {difference.what: difference for difference in found}
    covering = (name for name, each in PURPOSES.items() if each.covers(scenario, by_name))
    return next(covering, None)
