"""The cache loses and changes no answer, whatever a server sends in the fields of an answer.

hypothesis draws the fields. The policy is driven without sockets and threads; the engine refuses
many of these heads before policy sees the head.
"""

from collections.abc import Generator
from email.utils import formatdate
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from asynchttp import Http
from asynchttp.messages.request import Request
from asynchttp.messages.response import Answer
from asynchttp.messages.settings import Settings
from asynchttp.messages.step import BlockingCall, Coalesce, StopCoalescing
from asynchttp.messages.transfer import Reply, Transfer
from asynchttp.options import settings_of
from asynchttp.policy.exchange import exchange
from tests.scripted import HOST, MemoryCache

CONTENT = b"the content\r\n\r\nof the answer"
NOW = formatdate(usegmt=True)
Fields = list[tuple[str, str]]


def with_cache() -> Settings:
    return settings_of(Http(proxy_info=None))._replace(cache=MemoryCache())


def ask(settings: Settings, full: Reply, unchanged: Reply) -> tuple[Answer, int]:
    """Make a request, which a server answers with 304 if there is a condition; also the number of
    transfers.
    """
    request = Request("GET", HOST, None, None, 5, 0.0, ())
    transfers = 0
    steps: Generator[Any, Any, Answer] = exchange(request, settings)  # Any: steps and outcomes
    outcome: object = None
    while True:
        try:
            step = steps.send(outcome)
        except StopIteration as end:
            return end.value, transfers
        match step:
            case BlockingCall():
                outcome = step.function()
            case Transfer():
                transfers += 1
                is_conditional = any(line.startswith(b"if-") for line in step.headers)
                outcome = unchanged if is_conditional else full
            case Coalesce() | StopCoalescing():
                outcome = None


def reply(status: int, fields: Fields, content: bytes = b"") -> Reply:
    lines = [f"HTTP/1.1 {status} Reason", *(f"{name}: {value}" for name, value in fields)]
    return Reply(status, "\r\n".join([*lines, "", ""]).encode("latin-1"), content)


DATES = st.sampled_from([
    NOW, "", "garbage", "0", "-1", "Nov", "1 1 1 1 1", "9" * 5000, f"{NOW}, {NOW}",
    "Sun, 06 Nov 99999 08:49:37 GMT", "Sun, 06 Nov 0000 08:49:37 GMT",
    "Sun, 99 Nov 1994 99:99:99 GMT", "Sun Nov  6 08:49:37 1994", "Sunday, 06-Nov-94 08:49:37 GMT",
    "2026-11-29T19:00:00Z", "Fri, 01 Jan 2100 00:00:00 +9999999999999999999",
    "06 Nov 1994 08:49:37.5 GMT", "Fri, 31 Dec 9999 23:59:59 GMT",
])  # fmt: skip
NUMBERS = st.sampled_from(
    ["60", "0", "-1", "", "1.5", "60, 50", "9" * 30, "9" * 5000, "soon", "\xb2", "1_000", "nan"]
)
TEXT = st.text(st.characters(codec="latin-1", exclude_characters="\r\n\0"), max_size=12)
DIRECTIVES = st.builds(
    "{}{}{}".format,
    st.sampled_from(["max-age", "s-maxage", "no-cache", "public", "private", "MAX-AGE", "", "x"]),
    st.sampled_from(["=", "", " = ", "=="]),
    NUMBERS,
)
LONG = st.sampled_from(
    ["word " * 30, "w" * 100, "a=1; path=/, " * 9, "\xfcml\xe4ut " * 12, "\x85" * 40]
)
ENCODED = st.sampled_from([
    "=?utf-8?q?a=0d=0a-x-permanent-redirect-url:_http://evil/=0d=0a=0d=0ab?=", "=?x?q?a?=", "=?",
    "=?utf-8?q??=", "=?utf-8?b?!?=", "=?=?=", "=?utf-8?q?caf=C3=A9?=",
    "=?utf-8?q?a?= b =?utf-8?q?c?=",
])  # fmt: skip
NAMES = st.sampled_from(["X", "Set-Cookie", "Vary", "Connection", "Content-Type", "ETag", "Link"])
VALUES = (
    TEXT
    | LONG
    | ENCODED
    | st.sampled_from(
        [
            "*",
            "X, Accept",
            "x,\tuser-agent",
            "date",
            "multipart/mixed",
            "message/rfc822",
            "bytes 0-1/2",
        ]
    )
)
FIELD = st.one_of(
    st.tuples(st.sampled_from(["Date", "Expires", "Last-Modified"]), DATES | TEXT),
    st.tuples(st.just("Cache-Control"), st.lists(DIRECTIVES, max_size=3).map(",".join) | TEXT),
    st.tuples(st.sampled_from(["Age", "Content-Length"]), NUMBERS | TEXT),
    st.tuples(NAMES, VALUES),
    st.tuples(TEXT.filter(lambda name: ":" not in name), VALUES),
    st.tuples(st.sampled_from(["-x-permanent-redirect-url", "-varied-x", "-asynchttp-asked-by",
                               "-content-encoding", "Status"]), VALUES),
)  # fmt: skip
FRESH: Fields = [("Date", NOW), ("Cache-Control", "max-age=60")]
FIELDS = st.lists(FIELD, max_size=5) | st.lists(FIELD, max_size=4).map(lambda more: FRESH + more)


@given(FIELDS, FIELDS)
@settings(max_examples=300)
def test_no_field_of_an_answer_spoils_the_cache(fields: Fields, of_304: Fields) -> None:
    with_entry, full, unchanged = with_cache(), reply(200, fields, CONTENT), reply(304, of_304)
    for _ in range(4):
        got, _ = ask(with_entry, full, unchanged)
        assert (got.response.status, got.content) == (200, CONTENT)


@given(FIELDS)
@settings(max_examples=300)
def test_fields_from_the_cache_are_those_of_the_server(fields: Fields) -> None:
    with_entry, full = with_cache(), reply(200, FRESH + fields, CONTENT)
    sent, _ = ask(with_entry, full, full)
    got, transfers = ask(with_entry, full, full)
    if not transfers:
        assert values_of(got) == values_of(sent)


def values_of(answer: Answer) -> dict[str, list[str]]:
    """The values of all fields, without httplib2's notes about the request's fields."""
    names = [name for name in answer.response if not name.startswith("-varied-")]
    return {name: answer.response.getall(name) for name in names}
