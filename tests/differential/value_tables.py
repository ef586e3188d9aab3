"""The values that scenarios are drawn from: a table for each area of httplib2's behaviour.

Rules: few URLs and few values, so that requests meet the state left by earlier requests; the
plainest value comes first, since hypothesis shrinks to the first value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.differential.scenario import Fields, RequiredCredentials
from tests.differential.server import CODINGS, FRAMINGS, NEXT_NONCE

T = TypeVar("T")
Field = tuple[str, str]
Choices = Sequence[T]


def field(name: str, *values: str) -> list[Field]:
    return [(name, value) for value in values]


@dataclass(frozen=True)
class ValueTable:
    """The choices for each part of a scenario; a repeated value is drawn more often."""

    origins: Choices[str] = ("http://one",) * 6 + ("http://two", "https://three")
    paths: Choices[str] = ("/", "/a", "/a/b?c")
    statuses: Choices[int] = (200,)
    recipes: Choices[Fields] = ((),)
    """Sets of fields that make sense together in an answer."""
    redirect_recipes: Choices[Fields] = ((),)
    """Sets of fields that make sense together in a redirect."""
    answer_fields: Choices[Field] = ()
    """Fields that are added to a recipe at random."""
    contents: Choices[bytes] = (b"content", b"other content", b"")
    codings: Choices[tuple[str, bool]] = (("", True),)
    framings: Choices[str] = ("length",)
    reasons: Choices[str] = ("Reason",)
    versions: Choices[str] = ("HTTP/1.1",)
    validates: Choices[bool] = (False,)
    guards: Choices[RequiredCredentials | None] = (None,)
    methods: Choices[str] = ("GET",)
    bodies: Choices[bytes | None] = (None,)
    request_fields: Choices[Field] = ()
    redirections: Choices[int] = (5,)
    after: Choices[int] = (0,)
    settings: Choices[tuple[str, object]] = ()
    cache: Choices[bool] = (False,)
    credentials: Choices[tuple[str, str, str]] = ()


METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "get")

OTHER_STATUSES = (201, 202, 203, 204, 205, 206, 226, 299, 304, 305, 306, 400, 402, 403, 404, 405,
                  407, 408, 409, 410, 412, 416, 417, 418, 421, 429, 451, 499, 500, 501, 502, 503,
                  504, 505, 511, 599, 999)  # fmt: skip

HEADERS = [
    *field("X-Own", "", "value", "  padded \t", "a,b", 'quo"ted', "caf\xe9", "caf\xc3\xa9", "a: b"),
    *field("Set-Cookie", "a=b; path=/", "c=d"),
    *field("set-cookie", "e=f"),
    *field("Content-Type", "text/plain", "text/html; charset=utf-8"),
    *field("Content-Location", "http://one/elsewhere", "/there"),
    *field("Connection", "keep-alive", "close", "X-Own"),
    *field("Status", "404", "200 OK"),
    *field("-content-encoding", "gzip"),
    *field("Link", "<http://two/>; rel=next", "</a>"),
    *field("Server", "scripted"),
    *field("Retry-After", "1"),
]

PLAIN = ValueTable(
    statuses=(200,) * 20 + OTHER_STATUSES,
    answer_fields=HEADERS,
    contents=(b"content", b"", b"\x00\xff", b"x" * 10_000, b"a\r\n\r\nb"),
    codings=[("", True)] * 10
    + [(coding, packed) for coding in CODINGS for packed in (True, False)]
    + [(coding, True) for coding in ("gzip", "deflate", "zlib", "identity", "br", "gzip, br")],
    framings=tuple(FRAMINGS),
    reasons=("Reason", "", "Two words", "caf\xe9"),
    versions=("HTTP/1.1",) * 4 + ("HTTP/1.0",),
    methods=("GET",) * 5 + METHODS,
    bodies=(None, None, b"", b"body", b"\x00\xff\r\n", b"y" * 5_000),
    request_fields=[
        *field("X-Own", "", "value", "  padded ", "a\tb", "caf\xe9"),
        *field("x-own", "other"),
        *field("User-Agent", "me", ""),
        *field("Accept-Encoding", "identity", "br", "gzip"),
        *field("Range", "bytes=0-1"),
        *field("Content-Type", "text/plain", ""),
        *field("Host", "elsewhere.test"),
        *field("Connection", "close", "keep-alive"),
        *field("Accept", "*/*", "text/html"),
        *field("Expect", "something", "100-continue"),
        *field("Cookie", "a=b; c=d"),
        *field("Referer", "http://two/"),
        *field("TE", "trailers"),
    ],
    settings=[("force_exception_to_status_code", True)],
)

REPEATED = ("Set-Cookie", "X-Own", "Link", "Connection", "Cache-Control", "Vary")
"""The fields that an answer may have more than once."""

LOCATIONS = field(
    "Location", "/", "/a", "a/b?c", "../a", "?c", "", "#part", "/a#part", "/missing", "/a b",
    "http://one/", "http://one/a", "http://one", "http://two/", "http://two/a/b?c",
    "https://three/", "https://three/a", "//three/a", "HTTP://one/a", "http://one/a#part",
    "  /a  ", "/caf\xe9", "/%7e%41", "http:", "mailto:someone", "ftp://one/", "next:1",
)  # fmt: skip

REACHABLE: list[Fields] = [(location,) for location in field("Location", "/", "/a", "http://two/a")]
"""Locations with a resource behind them."""

PRIVATE_FIELDS = [
    *field("Authorization", "secret"),
    *field("Cookie", "a=b"),
    *field("If-None-Match", '"tag"'),
    *field("If-Modified-Since", "@-1000"),
    *field("Content-Type", "text/plain"),
    *field("X-Own", "value"),
]

REDIRECTS = ValueTable(
    origins=("http://one", "http://one", "http://two", "https://three"),
    statuses=(200, 300, 301, 302, 303, 307, 308, 301, 302, 303, 307, 308, 304, 305, 404),
    redirect_recipes=[(), *((location,) for location in LOCATIONS), *REACHABLE * 6],
    answer_fields=HEADERS,
    codings=(("", True), ("", True), ("", True), ("gzip", True), ("gzip", False)),
    framings=("length",) * 6 + tuple(FRAMINGS),
    methods=("GET",) * 6 + METHODS,
    bodies=(None, None, b"", b"body"),
    request_fields=PRIVATE_FIELDS,
    redirections=(5, 5, 5, 0, 1, 2),
    settings=[
        *[("follow_all_redirects", True)] * 3,
        ("follow_redirects", False),
        *[("forward_authorization_headers", True)] * 2,
        ("force_exception_to_status_code", True),
        ("redirect_codes", frozenset((302, 305))),
        ("safe_methods", ["GET", "POST"]),
    ],
)

FRESHNESS = [
    *field("Cache-Control", "max-age=60", "max-age=60", "max-age=0", "no-cache", "no-store",
           "private, max-age=60", "MAX-AGE=60", "max-age=soon", "max-age", "no-cache=x",
           "must-revalidate, max-age=30", 's-maxage=60, max-age="60"', "max-age=-1", ""),
    *field("Date", *["@0"] * 4, "@-30", "@-100", "@50", "never"),
    *field("Expires", "@60", "@60", "@-60", "0", "@0"),
    *field("Pragma", "no-cache"),
    *field("Age", "50"),
]  # fmt: skip

DATE = ("Date", "@0")
FOR_A_MINUTE = ("Cache-Control", "max-age=60")
ETAG = ("ETag", '"tag"')
LAST_MODIFIED = ("Last-Modified", "@-1000")

RECIPES: list[Fields] = [
    (),
    (DATE, FOR_A_MINUTE),
    (DATE, FOR_A_MINUTE),
    (DATE, FOR_A_MINUTE, ETAG),
    (DATE, FOR_A_MINUTE, ETAG),
    (DATE, ("Expires", "@60")),
    (DATE, ("Expires", "never")),
    (DATE, ("Cache-Control", "max-age=soon")),
    (DATE, FOR_A_MINUTE, ("X-Long", "\xfcml\xe4ut " + "word " * 30)),
    (ETAG,),
    (ETAG, LAST_MODIFIED),
    (LAST_MODIFIED,),
    (DATE, FOR_A_MINUTE, ("Vary", "X-Own")),
    (DATE, FOR_A_MINUTE, ("Vary", "X-Own")),
    (DATE, FOR_A_MINUTE, ("Vary", "X-Own")),
    (ETAG, ("Vary", "X-Own, Accept")),
]

CACHE = ValueTable(
    origins=("http://one",) * 10 + ("http://two", "https://three"),
    statuses=(200,) * 50 + (203, 206, 204, 301, 308, 301, 308, 302, 307, 304, 304, 404, 410, 500),
    recipes=RECIPES,
    redirect_recipes=[*REACHABLE * 2, *((DATE, FOR_A_MINUTE, *fields) for fields in REACHABLE), ()],
    answer_fields=[
        *FRESHNESS * 3,
        *field("ETag", '"tag"', '"other"', 'W/"weak"', "bare", "") * 3,
        *field("Last-Modified", "@-1000", "yesterday") * 2,
        *field("Vary", "X-Own", "x-own, Accept", "accept-encoding", "User-Agent", "*", "Cookie"),
        *field("Location", "/", "/a", "http://two/a"),
        *HEADERS,
        *field("X-Long", "word " * 30),
        *field("X-Other", "=?utf-8?q?caf=C3=A9?="),
    ],
    codings=[("", True)] * 4 + [("gzip", True), ("deflate", True)],
    framings=("length",) * 30 + ("chunked", "trailer", "close", "length, close", "too short"),
    validates=(True, False),
    methods=("GET",) * 40 + METHODS,
    bodies=(None, None, b"body"),
    request_fields=[
        *field("Cache-Control", "no-cache", "no-store", "max-age=0", "max-age=10", "max-age=x",
               "min-fresh=10", "min-fresh=70", "only-if-cached", "only-if-cached, max-age=5"),
        *field("Pragma", "no-cache", "x"),
        *field("X-Own", "value", "other") * 8,
        *field("Accept", "text/html"),
        *field("If-None-Match", '"tag"', '"mine"'),
        *field("If-Modified-Since", "@-1000"),
        *field("If-Match", '"mine"'),
        *field("Last-Modified", "@-1000"),
        *field("Range", "bytes=0-1"),
        *field("Accept-Encoding", "identity"),
        *field("User-Agent", "me"),
    ],
    redirections=(5, 5, 5, 0, 1),
    after=(0, 0, 0, 0, 1, 20, 59, 61, 200),
    settings=[
        ("ignore_etag", True),
        ("ignore_etag", False),
        ("follow_all_redirects", True),
        ("follow_redirects", False),
        ("force_exception_to_status_code", True),
        ("optimistic_concurrency_methods", ["POST"]),
        ("safe_methods", ["GET", "POST"]),
    ],
    cache=(True, True, True, False),
)  # fmt: skip

BASIC = 'Basic realm="here"'
DIGEST = 'Digest realm="here", nonce="NONCE", qop="auth"'
WSSE = 'WSSE realm="here", profile="UsernameToken"'

REQUIRED_CREDENTIALS = [
    RequiredCredentials((BASIC,)),
    RequiredCredentials((BASIC,), user="bob"),
    RequiredCredentials((BASIC,), user="nobody"),
    RequiredCredentials((DIGEST,)),
    RequiredCredentials((DIGEST,), uses=1),
    RequiredCredentials((DIGEST,), uses=2),
    RequiredCredentials((DIGEST,), uses=1, stale=False),
    RequiredCredentials((DIGEST,), user="bob", uses=2),
    RequiredCredentials((DIGEST + ', opaque="op", algorithm=MD5',), user="bob"),
    RequiredCredentials(('Digest realm="here", nonce="NONCE"',)),
    RequiredCredentials((WSSE,)),
    RequiredCredentials((WSSE,), user="bob"),
    RequiredCredentials((BASIC, DIGEST)),
    RequiredCredentials((BASIC, WSSE), user="bob"),
    RequiredCredentials((f"{DIGEST}, {BASIC}",), uses=2),
    RequiredCredentials(("Bearer",)),
    RequiredCredentials(('Bearer realm="x", error="y"', BASIC)),
    RequiredCredentials(("Basic",)),
    RequiredCredentials(('Basic realm="unclosed',)),
    RequiredCredentials(("",)),
    RequiredCredentials(("basic Realm=here",)),
    RequiredCredentials(("Negotiate YWJj", BASIC)),
]

AUTH = ValueTable(
    statuses=(200,) * 12 + (401, 301, 302, 307, 404, 403, 500),
    recipes=[(), (("Authentication-Info", NEXT_NONCE),)],
    redirect_recipes=[*REACHABLE, (("Location", "https://three/"),)],
    answer_fields=[
        *field("Authentication-Info", 'qop="auth"', "="),
        *field("WWW-Authenticate", BASIC, 'Digest realm="a", nonce="b", stale=true', "nonsense,,"),
        *field("X-Own", "value"),
        *field("Set-Cookie", "a=b"),
    ],
    paths=("/", "/a", "/a/b?c", "/a/d"),
    codings=[("", True)] * 6 + [("gzip", True), ("gzip", False)],
    framings=("length",) * 6 + tuple(FRAMINGS),
    guards=[*REQUIRED_CREDENTIALS, *REQUIRED_CREDENTIALS, None, None, None],
    methods=("GET",) * 6 + METHODS,
    bodies=(None, None, b"body"),
    request_fields=[
        *field("Authorization", "Basic YW5uOmE=", "mine"),
        *field("X-Own", "value"),
        *field("Cookie", "a=b"),
    ],
    redirections=(5, 5, 1, 0),
    after=(0, 10),
    settings=[
        ("follow_all_redirects", True),
        ("forward_authorization_headers", True),
        ("force_exception_to_status_code", True),
        ("follow_redirects", False),
    ],
    credentials=[
        ("ann", "a", ""),
        ("ann", "a", ""),
        ("bob", "b", ""),
        ("bob", "b", ""),
        ("bob", "b:c", "one"),
        ("zo\xeb", "\u20ac", ""),
        ("ann", "a", "two"),
        ("ann", "a", "three"),
        ('qu"ote', "", ""),
        ("", "", ""),
    ],
)


CACHED_AUTH = replace(AUTH, cache=(True,), validates=(True,), recipes=RECIPES, answer_fields=())

VALUE_TABLES: Mapping[str, Choices[ValueTable]] = {
    "plain": (PLAIN,),
    "redirects": (REDIRECTS,),
    "cache": (CACHE,),
    "auth": (AUTH,),
    "auth with a cache": (CACHED_AUTH,),
    "everything": (PLAIN, REDIRECTS, CACHE, AUTH, CACHED_AUTH),
}
