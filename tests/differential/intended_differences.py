"""The table of all intended differences from httplib2, each with the reason.

Rules:
- Each entry has an example, which a test plays: without a difference the entry has to go.
- An entry that `covers` the first different visit excuses a drawn scenario. Entries that cover
  nothing are for scenarios that are never drawn.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from http.client import InvalidURL
from itertools import zip_longest
from typing import Any, TypeAlias

import httplib2

from tests.differential.compare import Difference
from tests.differential.scenario import (
    Answer,
    Fields,
    RequiredCredentials,
    Resource,
    Scenario,
    Visit,
)
from tests.differential.server import ASYNCHTTP_CODINGS, CODINGS
from tests.servers.recording import RecordedRequest

Found: TypeAlias = Mapping[str, Difference]
"""The differences at a visit, by the name of the part."""


def _never(_: Scenario, __: Found) -> bool:
    return False


@dataclass(frozen=True)
class IntendedDifference:
    """The reason for a difference, and a scenario that shows the difference."""

    reason: str
    example: Scenario
    covers: Callable[[Scenario, Found], bool] = _never

    @property
    def covers_anything(self) -> bool:
        return self.covers is not _never


def _one_answer(answer: Answer, *visits: Visit, cache: bool = False) -> Scenario:
    """A URL with a single answer; all visits go to this URL."""
    return Scenario((Resource(visits[0].url, (answer,)),), visits, cache)


def _cached_twice(*fields: tuple[str, str], after: int = 0) -> Scenario:
    """Two visits to an answer that is fresh for a minute, with further fields."""
    answer = replace(FRESH, fields=(*FRESH.fields, *fields))
    return _one_answer(answer, ONE_VISIT, replace(ONE_VISIT, after=after), cache=True)


def _guarded(challenge: str, *credentials: tuple[str, str, str]) -> Scenario:
    resource = Resource("http://one/", guard=RequiredCredentials((challenge,)))
    return Scenario((resource,), (ONE_VISIT,), credentials=credentials)


ORIGIN_BOUND = ("authorization", "x-wsse", "cookie")
REFUSED_LOCATION = (b"Location: not a URL", b"uri: ")
NOT_REDIRECTED = ("authorization", "if-none-match", "if-modified-since")
MAY_DIFFER = (*NOT_REDIRECTED, "content-length")
NO_REQUEST = RecordedRequest("", [], b"")
ONE_VISIT = Visit("http://one/")
FOR_A_MINUTE = ("Cache-Control", "max-age=60")
FRESH = Answer(fields=(("Date", "@0"), FOR_A_MINUTE))
NO_ANSWER = Answer(0, content=b"", framing="close")
TWO_LOCATIONS: Fields = (("Location", "/a"), ("Location", "/b"))
ERRORS_AS_RESPONSES = (("force_exception_to_status_code", True),)
ANN_CREDENTIALS = ("ann", "a", "")
LAZY = (("blocking", False),)
DIGEST = 'Digest realm="here", nonce="NONCE", qop="auth"'
WSSE = 'WSSE realm="here", profile="UsernameToken"'
PACKED = CODINGS["gzip"](b"content")
UNDECODABLE = "failed to decompress"


def _is_ragged_end(scenario: Scenario, found: Found) -> bool:
    """asynchttp reports IncompleteRead, or a response for it, for an end without close_notify."""
    framings = {answer.framing for each in scenario.resources for answer in each.answers}
    shown = "".join(str(found[what].ours) for what in ("error", "content") if what in found)
    return "close, ragged" in framings and "IncompleteRead" in shown


def _is_truncated(scenario: Scenario, found: Found) -> bool:
    """asynchttp refuses truncated coded content; httplib2 returns the decoded part, and goes on."""
    if not any(answer.coding in CODINGS and not answer.packed for answer in _answers(scenario)):
        return False
    theirs, ours = _error_text(found, "theirs"), _error_text(found, "ours")
    return UNDECODABLE in ours and UNDECODABLE not in theirs and _sends_prefix(found)


def _answers(scenario: Scenario) -> list[Answer]:
    return [answer for resource in scenario.resources for answer in resource.answers]


def _error_text(found: Found, whose: str) -> str:
    """The message of an error, or the reason of the response in place of an error."""
    return " ".join(
        str(getattr(found[what], whose)) for what in ("message", "reason") if what in found
    )


def _sends_prefix(found: Found) -> bool:
    """Whether asynchttp's requests are the first of httplib2's requests."""
    if "requests" not in found:
        return True
    theirs: Any = found["requests"].theirs  # Any: lists of requests, as `what` says
    ours: Any = found["requests"].ours
    return bool(theirs[: len(ours)] == ours)


def _has_other_coding_name(scenario: Scenario, found: Found) -> bool:
    """asynchttp decodes the content, and httplib2 does not."""
    if "content" not in found or not found.keys() <= {"content", "fields", "files"}:
        return False
    content = found["content"]
    return any(
        answer.coding in ASYNCHTTP_CODINGS
        and content.ours == answer.content
        and content.theirs == ASYNCHTTP_CODINGS[answer.coding](answer.content)
        for answer in _answers(scenario)
    )


def _is_field_of_encoded(_: Scenario, found: Found) -> bool:
    """asynchttp's entry has the Content-Encoding that httplib2's has lost."""
    if found.keys() != {"files"}:
        return False
    theirs: Any  # Any: files by name, as `what` says
    ours: Any
    theirs, ours = found["files"].theirs, found["files"].ours
    return bool(theirs == {name: _without_coding(*entry) for name, entry in ours.items()})


def _without_coding(
    fields: tuple[tuple[str, str], ...], content: bytes
) -> tuple[tuple[tuple[str, str], ...], bytes]:
    return tuple(field for field in fields if field[0] != "content-encoding"), content


def _is_part_of_coded(scenario: Scenario, found: Found) -> bool:
    """IncompleteRead as a response: the number of bytes is of decoded or of coded content."""
    if "content" not in found or not found.keys() <= {"content", "fields"}:
        return False
    content = found["content"]
    is_coded = any(answer.coding in CODINGS for answer in _answers(scenario))
    return is_coded and all(
        isinstance(each, bytes) and each.startswith(b"IncompleteRead(")
        for each in (content.theirs, content.ours)
    )


def _is_malformed_field(_: Scenario, found: Found) -> bool:
    theirs = [found[what].theirs for what in ("error", "content") if what in found]
    names = (b"www-authenticate", b"authentication-info")
    return httplib2.error.MalformedHeader in theirs or any(name in theirs for name in names)


def _is_refused_location(_: Scenario, found: Found) -> bool:
    """asynchttp raises InvalidURL, or has a response for it; httplib2 raises another error."""
    if "requests" in found:
        return False
    shown = [found[what].ours for what in ("error", "content") if what in found]
    return any(
        each is InvalidURL or (isinstance(each, bytes) and each.startswith(REFUSED_LOCATION))
        for each in shown
    )


def _has_location_without_scheme(scenario: Scenario, found: Found) -> bool:
    """httplib2 raises RelativeURIError, or has a response for it, and asynchttp goes on."""
    shown = [found[what].theirs for what in ("error", "content") if what in found]
    relative = b"Only absolute URIs are allowed. uri = //"
    is_relative = httplib2.RelativeURIError in shown or any(
        isinstance(each, bytes) and each.startswith(relative) for each in shown
    )
    return is_relative and any(
        dict(answer.fields).get("Location", "").startswith("//") for answer in _answers(scenario)
    )


def _has_padded_location(_: Scenario, found: Found) -> bool:
    theirs, ours = _first_different_requests(found)
    return theirs == ours._replace(line=ours.line.replace(" HTTP/", "%20%20 HTTP/")) != ours


def _is_head_after_302(_: Scenario, found: Found) -> bool:
    theirs, ours = _first_different_requests(found)
    is_head = ours.line.startswith("HEAD ")
    return is_head and theirs == ours._replace(line=ours.line.replace("HEAD", "GET", 1))


def _is_for_another_origin(scenario: Scenario, found: Found) -> bool:
    """At the end of a redirect: httplib2 sends secrets, and may go on after a 401."""
    theirs, ours = _first_different_requests(found)
    visit = scenario.visits[min(difference.visit for difference in found.values())]
    is_elsewhere = theirs.header("host") not in (None, visit.url.split("/")[2])
    is_sent = any(_count(theirs, name) > _count(ours, name) for name in ORIGIN_BOUND)
    kept = _without(theirs, *ORIGIN_BOUND) == _without(ours, *ORIGIN_BOUND)
    return is_elsewhere and is_sent and (kept or ours == NO_REQUEST)


def _is_digest_without_qop(_: Scenario, found: Found) -> bool:
    theirs, ours = _authorizations(found)
    is_digest = theirs.startswith("Digest ") and ours.startswith("Digest ")
    return is_digest and "qop=" in theirs and "qop=" not in ours


def _is_escaped(_: Scenario, found: Found) -> bool:
    theirs, ours = _authorizations(found)
    return theirs.startswith("Digest ") and theirs == ours.replace('\\"', '"')


def _authorizations(found: Found) -> tuple[str, str]:
    theirs, ours = _first_different_requests(found)
    return theirs.header("authorization") or "", ours.header("authorization") or ""


def _is_kept_of_head(scenario: Scenario, found: Found) -> bool:
    """A HEAD came before, which a cache may have stored."""
    visit = min(difference.visit for difference in found.values())
    return scenario.cache and any(each.method == "HEAD" for each in scenario.visits[: visit + 1])


def _is_wsse_dropped(_: Scenario, found: Found) -> bool:
    """A redirect was followed: without Authorization, or with a second X-WSSE in httplib2."""
    theirs, ours = _first_different_requests(found)
    kept = _count(theirs, "x-wsse") > max(_count(ours, "x-wsse"), _count(theirs, "authorization"))
    return kept and _without(theirs, "x-wsse") == _without(ours, "x-wsse")


def _is_dropped_with_content(_: Scenario, found: Found) -> bool:
    """After a redirect httplib2 sends fields of the dropped content; asynchttp does not."""
    theirs, ours = _first_different_requests(found)
    of_content = {name for name, _ in theirs.headers if name.startswith("content-")}
    return (
        theirs.line.startswith("GET ")
        and _without(theirs, *of_content) == ours
        and not any(_count(ours, name) for name in of_content)
    )


def _is_cached_redirect(scenario: Scenario, found: Found) -> bool:
    """After a cached redirect httplib2 sends secrets and conditions; asynchttp sends the body."""
    theirs, ours = _first_different_requests(found)
    visit = scenario.visits[min(difference.visit for difference in found.values())]
    given = {name.lower() for name, _ in visit.headers}
    return (
        scenario.cache
        and (not given.isdisjoint(NOT_REDIRECTED) or visit.body is not None)
        and all(_count(theirs, name) >= _count(ours, name) for name in NOT_REDIRECTED)
        and _count(theirs, "content-length") <= _count(ours, "content-length")
        and theirs.body in (b"", ours.body)
        and _without(theirs, *MAY_DIFFER) == _without(ours._replace(body=theirs.body), *MAY_DIFFER)
    )


def _is_lost_method(scenario: Scenario, found: Found) -> bool:
    """After a cached redirect httplib2 sends GET; asynchttp sends a safe method again."""
    theirs, ours = _first_different_requests(found)
    method, _, rest = ours.line.partition(" ")
    is_safe = method in ("OPTIONS", "TRACE")
    return scenario.cache and is_safe and theirs == ours._replace(line=f"GET {rest}")


def _first_different_requests(found: Found) -> tuple[RecordedRequest, RecordedRequest]:
    """The first pair of different requests."""
    if "requests" not in found:
        return NO_REQUEST, NO_REQUEST
    theirs: Any  # Any: lists of requests, as `what` says
    ours: Any
    theirs, ours = found["requests"].theirs, found["requests"].ours
    pairs = zip_longest(theirs, ours, fillvalue=NO_REQUEST)
    return next(pair for pair in pairs if pair[0] != pair[1])


def _count(request: RecordedRequest, name: str) -> int:
    return [field[0] for field in request.headers].count(name)


def _without(request: RecordedRequest, *names: str) -> RecordedRequest:
    return request._replace(headers=[each for each in request.headers if each[0] not in names])


def _is_text_for_bytes(_: Scenario, found: Found) -> bool:
    content = found.get("content")
    return len(found) == 1 and content is not None and (content.theirs, content.ours) == ("", b"")


def _is_limit_in_cache(scenario: Scenario, found: Found) -> bool:
    """A RedirectLimit from the cache: asynchttp's has a response, httplib2's has {}."""
    shown = [found[what].ours for what in ("message", "reason") if what in found]
    unchanged = "error" not in found and "message" not in found
    is_limit = "Redirected more times than redirection_limit allows." in shown
    return scenario.cache and "fromcache" in found and (is_limit or unchanged)


def _asks_more(found: Found) -> bool:
    """asynchttp asks where httplib2 serves an entry, or asks without a condition on the entry."""
    theirs, ours = _first_different_requests(found)
    conditions = ("if-none-match", "if-modified-since")
    return ours != NO_REQUEST and (
        theirs == NO_REQUEST
        or theirs.line != ours.line  # to the target of a cached redirect
        or _without(theirs, *conditions) == _without(ours, *conditions)
    )


def _is_for_somebody_else(scenario: Scenario, found: Found) -> bool:
    askers = {dict(visit.headers).get("Authorization") for visit in scenario.visits}
    several = len(askers) > 1 or bool(scenario.credentials)
    keeps_entry = found.keys() == {"files"}  # httplib2 deletes the entry if the other gets an error
    return scenario.cache and several and (_asks_more(found) or _is_other_504(found) or keeps_entry)


def _is_other_504(found: Found) -> bool:
    """The answer to only-if-cached."""
    return "status" in found and found["status"].ours == 504


def _varies_by_everything(scenario: Scenario, found: Found) -> bool:
    varies = any(name == "Vary" and "*" in value for name, value in _fields(scenario))
    return scenario.cache and varies and (_asks_more(found) or _is_other_504(found))


def _has_other_host(scenario: Scenario, found: Found) -> bool:
    has_host = any("Host" in dict(visit.headers) for visit in scenario.visits)
    return scenario.cache and has_host and ("files" in found or _asks_more(found))


def _has_leading_hyphen(scenario: Scenario, found: Found) -> bool:
    sent = {name for name, _ in _fields(scenario) if name.startswith("-")}
    shown = {"fields", "previous", "files"}
    return bool(sent) and found.keys() <= shown


def _is_date_error(scenario: Scenario, found: Found) -> bool:
    """An error, or a response in place of the error."""
    theirs = [found[what].theirs for what in ("error", "content") if what in found]
    errors = (TypeError, ValueError, b"'NoneType' object is not subscriptable")
    return scenario.cache and any(error in theirs for error in errors)


def _is_aged(scenario: Scenario, found: Found) -> bool:
    has_age = any(name == "Age" for name, _ in _fields(scenario))
    only_shown = found.keys() <= {"fields", "files"}  # a 304 without Age
    return scenario.cache and has_age and (_asks_more(found) or only_shown)


def _is_encoded_word(scenario: Scenario, found: Found) -> bool:
    encoded = any(value.startswith("=?") for _, value in _fields(scenario))
    return scenario.cache and encoded and found.keys() <= {"fields", "previous", "files"}


def _fields(scenario: Scenario) -> Iterator[tuple[str, str]]:
    """The fields of all answers."""
    for answer in _answers(scenario):
        yield from answer.fields


INTENDED_DIFFERENCES: Mapping[str, IntendedDifference] = {
    "several Locations": IntendedDifference(
        "RFC 9110 allows a single Location; httplib2 goes to '/a, /b', which no server named.",
        _one_answer(Answer(302, TWO_LOCATIONS), ONE_VISIT),
    ),
    "equal Locations": IntendedDifference(
        "RFC 9110, 5.3: a repeated line that says the same; httplib2 goes to '/a, /a'.",
        _one_answer(Answer(302, TWO_LOCATIONS[:1] * 2), ONE_VISIT),
    ),
    "UTF-8 in Location": IntendedDifference(
        "The bytes are percent-encoded once, as by browsers; httplib2 encodes them twice.",
        _one_answer(Answer(302, (("Location", "/caf\xc3\xa9"),)), ONE_VISIT),
    ),
    "blanks after Location": IntendedDifference(
        "RFC 9110, 5.5: blanks at the end are no part of a value; httplib2 adds '%20'.",
        _one_answer(Answer(302, (("Location", "/a  "),)), ONE_VISIT),
        _has_padded_location,
    ),
    "Location without a scheme": IntendedDifference(
        "RFC 3986, 4.2: '//host/' keeps the scheme; httplib2 raises RelativeURIError.",
        _one_answer(Answer(302, (("Location", "//two/a"),)), ONE_VISIT),
        _has_location_without_scheme,
    ),
    "Location that is no URL": IntendedDifference(
        "Raises http.client.InvalidURL; httplib2 raises KeyError, ValueError or UnicodeError.",
        _one_answer(Answer(302, (("Location", "ftp://one/"),)), ONE_VISIT),
        _is_refused_location,
    ),
    "user in Location": IntendedDifference(
        "RFC 9110, 4.2.4: raises InvalidURL without the password; httplib2 looks for 'u:p@host'.",
        _one_answer(Answer(302, (("Location", "http://u:p@one/a"),)), ONE_VISIT),
        _is_refused_location,
    ),
    "user in the URL": IntendedDifference(
        "The user becomes Basic credentials, as in curl; httplib2 looks for a host 'u:p@host'.",
        Scenario((), (Visit("http://u:p@one/"),)),
    ),
    "HEAD after 302": IntendedDifference(
        "RFC 9110, 15.4.3: only POST may become GET; httplib2 gets content nobody asked for.",
        _one_answer(Answer(302, TWO_LOCATIONS[:1]), Visit("http://one/", "HEAD")),
        _is_head_after_302,
    ),
    "secrets and another origin": IntendedDifference(
        "RFC 9110, 15.4: Cookie, Host and Proxy-Authorization stay at their origin, and so do,"
        " without a domain, credentials and certificates; httplib2 sends all to any origin.",
        _one_answer(
            Answer(302, (("Location", "http://two/"),)),
            Visit("http://one/", headers=(("Cookie", "a=b"),)),
        ),
        _is_for_another_origin,
    ),
    "Authorization from https to http": IntendedDifference(
        "Never, for anyone on the way could read it; httplib2 sends it with"
        " forward_authorization_headers.",
        _one_answer(
            Answer(302, (("Location", "http://two/"),)),
            Visit(
                "https://three/",
                headers=(("Authorization", "mine"),),
                settings=(("forward_authorization_headers", True),),
            ),
        ),
        _is_for_another_origin,
    ),
    "HEAD with a body": IntendedDifference(
        "RFC 9110, 9.3.2: the body means nothing; a server may take the body for a request.",
        Scenario((), (Visit("http://one/", "HEAD", body=b"body"),)),
    ),
    "empty coded content": IntendedDifference(
        "httplib2 fails with a ValueError: 'range() arg 3 must not be zero'.",
        _one_answer(Answer(content=b"", coding="gzip", packed=False), ONE_VISIT),
    ),
    "truncated coded content": IntendedDifference(
        "A part is not the content; httplib2 returns the decoded part, or b''.",
        _one_answer(Answer(content=PACKED[:-9], coding="gzip", packed=False), ONE_VISIT),
        _is_truncated,
    ),
    "gzip of several members": IntendedDifference(
        "RFC 1952, 2.2: all members are the content; httplib2 drops all but the first.",
        _one_answer(Answer(content=PACKED + PACKED, coding="gzip", packed=False), ONE_VISIT),
    ),
    "other names of codings": IntendedDifference(
        "RFC 9110, 8.4.1: any case, x-gzip, lists; httplib2 returns coded content.",
        _one_answer(Answer(coding="GZIP"), ONE_VISIT),
        _has_other_coding_name,
    ),
    "encoded content in a cache": IntendedDifference(
        "RFC 9111, 3.1: Content-Encoding stays with encoded bytes; httplib2 drops the field.",
        _one_answer(replace(FRESH, coding="br"), ONE_VISIT, ONE_VISIT, cache=True),
        _is_field_of_encoded,
    ),
    "Content-Length beyond 63 bits": IntendedDifference(
        "The answer breaks HTTP's rules: BadStatusLine; httplib2 fails with an OverflowError.",
        _one_answer(Answer(fields=(("Content-Length", str(2**63)),), framing="close"), ONE_VISIT),
    ),
    "IncompleteRead of coded content": IntendedDifference(
        "The partial content is decoded, as content always is; httplib2 does not decode.",
        _one_answer(
            Answer(coding="gzip", framing="too short"),
            Visit("http://one/", settings=ERRORS_AS_RESPONSES),
        ),
        _is_part_of_coded,
    ),
    "body after a closed connection": IntendedDifference(
        "The body is sent on a new connection; httplib2 fails with a BrokenPipeError.",
        _one_answer(Answer(framing="length, gone"), ONE_VISIT, Visit("http://one/", body=b"body")),
    ),
    "POST without an answer": IntendedDifference(
        "RFC 9110, 9.2.2: the server may have processed the POST; httplib2 sends the POST again.",
        _one_answer(NO_ANSWER, Visit("http://one/", "POST", body=b"body", settings=LAZY)),
    ),
    "close within the first line of an answer": IntendedDifference(
        "RFC 9110, 9.2.2: the server has begun to answer; httplib2 sends the request again.",
        _one_answer(replace(NO_ANSWER, content=b"HTTP/1."), ONE_VISIT),
    ),
    "cut TLS connection without an answer": IntendedDifference(
        "RFC 9112, 9.8: without close_notify the end is an error; httplib2 sends again.",
        _one_answer(replace(NO_ANSWER, framing="close, ragged"), Visit("https://three/")),
    ),
    "fields of dropped content": IntendedDifference(
        "RFC 9110, 15.4: without the content they are wrong; httplib2 sends Content-* with GET.",
        Scenario(
            (Resource("http://one/", (Answer(303, TWO_LOCATIONS[:1]),)),),
            (Visit("http://one/", "POST", (("Content-Type", "text/x"),), b"body"),),
        ),
        _is_dropped_with_content,
    ),
    "end of TLS without close_notify": IntendedDifference(
        "Anyone on the way can truncate the content; httplib2 takes a part for the whole.",
        _one_answer(Answer(framing="close, ragged"), Visit("https://three/")),
        _is_ragged_end,
    ),
    "malformed challenge": IntendedDifference(
        "RFC 9110, 11.6.1: parameters are optional; what can be answered is answered, else the 401"
        " is the answer; httplib2 raises MalformedHeader.",
        _guarded("Negotiate, Basic", ANN_CREDENTIALS),
        _is_malformed_field,
    ),
    "malformed Authentication-Info": IntendedDifference(
        "The answer counts more than a bad nextnonce; httplib2 raises MalformedHeader.",
        Scenario(
            (
                Resource(
                    "http://one/",
                    (Answer(fields=(("Authentication-Info", "="),)),),
                    guard=RequiredCredentials((DIGEST,)),
                ),
            ),
            (ONE_VISIT,),
            credentials=(ANN_CREDENTIALS,),
        ),
        _is_malformed_field,
    ),
    "Digest with an unknown qop": IntendedDifference(
        "The 401 is the answer; httplib2 fails to make its own error (TypeError).",
        _guarded('Digest realm="here", nonce="NONCE", qop="auth-int"', ANN_CREDENTIALS),
    ),
    "Digest with a list of qops": IntendedDifference(
        "RFC 7616, 3.3: commas separate values; httplib2 sees a single value (TypeError).",
        _guarded('Digest realm="here", nonce="NONCE", qop="auth,auth-int"', ANN_CREDENTIALS),
    ),
    "Digest without a qop": IntendedDifference(
        "RFC 2069: no qop for a server that offers none; httplib2 sends qop=auth.",
        _guarded('Digest realm="here", nonce="NONCE"', ANN_CREDENTIALS),
        _is_digest_without_qop,
    ),
    "Digest with another algorithm": IntendedDifference(
        "RFC 7616's algorithms are known; httplib2 knows MD5 alone (TypeError).",
        _guarded(
            'Digest realm="here", nonce="NONCE", qop="auth", algorithm=MD5-sess', ANN_CREDENTIALS
        ),
    ),
    "Digest without a nonce": IntendedDifference(
        "The 401 is the answer; httplib2 raises KeyError.",
        _guarded("Digest realm=here", ANN_CREDENTIALS),
    ),
    "quotes in Digest": IntendedDifference(
        "RFC 9110, 5.6.4: quotes in a quoted-string are escaped; httplib2 sends them as they are.",
        _guarded(DIGEST, ('qu"ote', "", "")),
        _is_escaped,
    ),
    "user name in Digest with a charset": IntendedDifference(
        "RFC 7616, 3.4.4: with charset=UTF-8 a name goes as `username*`; httplib2 sends latin-1.",
        _guarded(f"{DIGEST}, charset=UTF-8", ("zo\xeb", "", "")),
    ),
    "realm of UTF-8 in Digest": IntendedDifference(
        "The realm's text is hashed; httplib2 takes UTF-8 for latin-1.",
        _guarded('Digest realm="caf\xc3\xa9", nonce="NONCE", qop="auth"', ANN_CREDENTIALS),
    ),
    "WSSE and a redirect": IntendedDifference(
        "X-WSSE, a password's digest, is dropped with Authorization; httplib2 passes X-WSSE on.",
        Scenario(
            (
                Resource(
                    "http://one/",
                    (Answer(302, TWO_LOCATIONS[:1]),),
                    guard=RequiredCredentials((WSSE,)),
                ),
            ),
            (ONE_VISIT,),
            credentials=(ANN_CREDENTIALS,),
        ),
        _is_wsse_dropped,
    ),
    "Authorization and a cached redirect": IntendedDifference(
        "Authorization is dropped, as after a new redirect; httplib2 passes Authorization on.",
        _one_answer(
            Answer(301, TWO_LOCATIONS[:1]),
            *[Visit("http://one/", headers=(("Authorization", "mine"),))] * 2,
            cache=True,
        ),
        _is_cached_redirect,
    ),
    "condition and a cached redirect": IntendedDifference(
        "The condition is dropped, as after a new redirect; httplib2 passes the condition on.",
        _one_answer(
            Answer(308, TWO_LOCATIONS[:1]),
            ONE_VISIT,
            Visit("http://one/", headers=(("If-None-Match", '"mine"'),)),
            cache=True,
        ),
        _is_cached_redirect,
    ),
    "body and a cached redirect": IntendedDifference(
        "The body is sent again, as after a new redirect; httplib2 loses the body.",
        _one_answer(
            Answer(308, TWO_LOCATIONS[:1]),
            ONE_VISIT,
            Visit("http://one/", "PROPFIND", body=b"body"),
            cache=True,
        ),
        _is_cached_redirect,
    ),
    "method and a cached redirect": IntendedDifference(
        "A safe method is sent again, as after a new redirect; httplib2 sends GET.",
        _one_answer(
            Answer(301, TWO_LOCATIONS[:1]),
            ONE_VISIT,
            Visit("http://one/", "OPTIONS"),
            cache=True,
        ),
        _is_lost_method,
    ),
    "failed decoding as a response": IntendedDifference(
        "Content is always bytes; httplib2 returns ''.",
        _one_answer(
            Answer(content=b"other content", coding="gzip", packed=False),
            Visit("http://one/", settings=ERRORS_AS_RESPONSES),
        ),
        _is_text_for_bytes,
    ),
    "too many cached redirects": IntendedDifference(
        "The error has the last response; httplib2's error has an empty dict.",
        _one_answer(
            Answer(301, TWO_LOCATIONS[:1]),
            Visit("http://one/", redirections=1),
            Visit("http://one/", redirections=0),
            cache=True,
        ),
        _is_limit_in_cache,
    ),
    "host with percent signs": IntendedDifference(
        "Refused, since libcurl would ask for another host than was checked; httplib2 looks it up.",
        Scenario((), (Visit("http://%6Fne.invalid/"),)),
        _is_refused_location,
    ),
    "unknown Transfer-Encoding": IntendedDifference(
        "RFC 9112, 6.1: the content cannot be decoded; httplib2 returns coded content.",
        _one_answer(Answer(fields=(("Transfer-Encoding", "gzip"),)), ONE_VISIT),
    ),
    "HEAD with a cache": IntendedDifference(
        "HEAD has no content to store; httplib2 serves a GET with the empty content.",
        _one_answer(
            Answer(fields=(("Date", "@0"), ("Cache-Control", "max-age=60"))),
            Visit("http://one/", "HEAD"),
            ONE_VISIT,
            cache=True,
        ),
        _is_kept_of_head,
    ),
    "cached answer to somebody else": IntendedDifference(
        "RFC 9111, 3.5: the answer is for who asked; httplib2 serves the answer to everybody.",
        _one_answer(
            FRESH,
            Visit("http://one/", headers=(("Authorization", "mine"),)),
            Visit("http://one/", headers=(("Authorization", "yours"),)),
            cache=True,
        ),
        _is_for_somebody_else,
    ),
    "Vary: *": IntendedDifference(
        "RFC 9111, 4.1: no other request matches; httplib2 takes * for the name of a field.",
        _cached_twice(("Vary", "*")),
        _varies_by_everything,
    ),
    "Host with a cache": IntendedDifference(
        "RFC 9111, 2: the key is the target's URI; httplib2 serves another host's answer.",
        _one_answer(
            FRESH,
            Visit("http://one/", headers=(("Host", "elsewhere.test"),)),
            ONE_VISIT,
            cache=True,
        ),
        _has_other_host,
    ),
    "names with a leading hyphen": IntendedDifference(
        "These mark httplib2's cache entries; httplib2 believes a server that sends such fields.",
        _one_answer(Answer(fields=(("-x-permanent-redirect-url", "/"),)), ONE_VISIT),
        _has_leading_hyphen,
    ),
    "cached answer with an invalid date": IntendedDifference(
        "RFC 9111, 4.2: the entry is stale; httplib2 raises TypeError or ValueError, for good.",
        _one_answer(
            Answer(fields=(("Date", "never"), FOR_A_MINUTE)), ONE_VISIT, ONE_VISIT, cache=True
        ),
        _is_date_error,
    ),
    "Age": IntendedDifference(
        "RFC 9111, 4.2.3: time in other caches counts; httplib2 counts the time since Date.",
        _cached_twice(("Age", "50"), after=20),
        _is_aged,
    ),
    "encoded word from the cache": IntendedDifference(
        "The value is as the server sent it; httplib2 decodes the value only in the cache.",
        _cached_twice(("X-Other", "=?utf-8?q?caf=C3=A9?=")),
        _is_encoded_word,
    ),
    "multipart content from the cache": IntendedDifference(
        "The content is as the server sent it; httplib2 stores a boundary before the content.",
        _cached_twice(("Content-Type", "multipart/mixed")),
    ),
}


def find_intended_difference(scenario: Scenario, found: list[Difference]) -> str | None:
    """The name of the entry that excuses these differences, or None."""
    by_name = {difference.what: difference for difference in found}
    covering = (
        name for name, each in INTENDED_DIFFERENCES.items() if each.covers(scenario, by_name)
    )
    return next(covering, None)
