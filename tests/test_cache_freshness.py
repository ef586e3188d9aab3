"""Which entries are fresh (RFC 9111, 4.2), where httplib2 fails or is wrong.

The clock stands still, unless a test moves it.
"""

import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import formatdate
from pathlib import Path

import httplib2
import pytest

from asynchttp import Http
from tests.conftest import RawServerFactory
from tests.differential.clock import Clock, controlled_clock
from tests.scripted import HOST, MemoryCache, ScriptedServer
from tests.servers.raw import RawServer
from tests.servers.recording import answer_requests

HEAD = "HTTP/1.1 200 OK\r\nContent-Length: 7"
UNCHANGED = "HTTP/1.1 304 Not Modified"
FOR_A_MINUTE = "Cache-Control: max-age=60"

INVALID_DATES = [
    "",
    "garbage",
    "0",
    "2026-11-29T19:00:00Z",
    "Sun, 06 Nov 99999 08:49:37 GMT",
    "Sun, 06 Nov 0000 08:49:37 GMT",
    "Sun, 99 Nov 1994 99:99:99 GMT",
    "Sun, 06 Nov 1994 08:49:37 +99999999999999999999",
]


@pytest.fixture
def clock() -> Iterator[Clock]:
    with controlled_clock() as clock:
        yield clock


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(str(tmp_path), blocking=True) as http:
        yield http


def answer(*lines: str) -> bytes:
    return "\r\n".join((*lines, "", "" if lines[0] == UNCHANGED else "content")).encode()


def is_served_from_cache(http: Http, server: RawServer, **headers: str) -> bool:
    """Whether a request is answered by the cache alone."""
    sent = len(server.heads)
    response, content = http.request(server.url(), headers=headers)
    assert (response.status, content) == (200, b"content")
    return len(server.heads) == sent


@pytest.mark.parametrize("name", ["Date", "Expires"])
@pytest.mark.parametrize("date", INVALID_DATES)
def test_entry_with_invalid_date_is_stale(
    http: Http, raw_server: RawServerFactory, clock: Clock, tmp_path: Path, name: str, date: str
) -> None:
    """httplib2 raises TypeError or ValueError, on every later request and in every process."""
    other = FOR_A_MINUTE if name == "Date" else f"Date: {clock.date(0)}"
    full = answer(HEAD, 'ETag: "1"', other, f"{name}: {date}")
    server = raw_server([answer_requests(full, answer(UNCHANGED, 'ETag: "1"'))])
    assert [is_served_from_cache(http, server) for _ in range(3)] == [False] * 3
    with Http(str(tmp_path), blocking=True) as restarted:
        assert not is_served_from_cache(restarted, server)
    assert [b"if-none-match" in head for head in server.heads] == [False, True, True, True]


@pytest.mark.parametrize("date", INVALID_DATES)
def test_304_with_invalid_date_makes_entry_stale(
    http: Http, raw_server: RawServerFactory, clock: Clock, date: str
) -> None:
    full = answer(HEAD, 'ETag: "1"', FOR_A_MINUTE, f"Date: {clock.date(0)}")
    unchanged = answer(UNCHANGED, 'ETag: "1"', f"Date: {date}")
    server = raw_server([answer_requests(full, unchanged, unchanged)])
    is_served_from_cache(http, server)
    clock.now += 61
    assert [is_served_from_cache(http, server) for _ in range(2)] == [False, False]


def test_invalid_date_does_not_matter_to_only_if_cached(
    http: Http, raw_server: RawServerFactory
) -> None:
    server = raw_server([answer_requests(answer(HEAD, FOR_A_MINUTE, "Date: garbage"))])
    is_served_from_cache(http, server)
    assert is_served_from_cache(http, server, **{"cache-control": "only-if-cached"})


@pytest.mark.parametrize("directive", ["min-fresh", "max-age"])
def test_huge_number_of_caller_makes_no_error(
    http: Http, raw_server: RawServerFactory, directive: str
) -> None:
    """httplib2 raises OverflowError, by a clock that counts fractions."""
    date = formatdate(time.time() - 2, usegmt=True)
    server = raw_server([answer_requests(answer(HEAD, FOR_A_MINUTE, f"Date: {date}"))])
    is_served_from_cache(http, server)
    headers = {"cache-control": f"{directive}={'9' * 400}"}
    assert is_served_from_cache(http, server, **headers) == (directive == "max-age")


# Age (4.2.3)


@pytest.mark.parametrize(
    ("date", "age", "fresh_for"),
    [
        (0, "50", 10),
        (-50, "50", 10),  # the time since Date includes the time in other caches
        (-20, "50", 10),
        (-50, "20", 10),
        (0, "50, 1", 10),
        (0, "1, 50", 59),
        (0, "0", 60),
        (0, "soon", 60),
        (0, "-50", 60),
        (0, "5.5", 60),
        (0, "", 60),
        (0, "60", 0),
        (0, "9" * 30, 0),
        (0, "9" * 5000, 0),
    ],
)
@pytest.mark.parametrize("lifetime", [FOR_A_MINUTE, "Expires: "])
def test_age_counts(
    http: Http,
    raw_server: RawServerFactory,
    clock: Clock,
    date: int,
    age: str,
    fresh_for: int,
    lifetime: str,
) -> None:
    expires = lifetime + clock.date(date + 60) if lifetime == "Expires: " else lifetime
    full = answer(HEAD, expires, f"Date: {clock.date(date)}", f"Age: {age}")
    server = raw_server([answer_requests(full)])
    is_served_from_cache(http, server)
    if fresh_for:
        clock.now += fresh_for - 1
        assert is_served_from_cache(http, server)
        clock.now += 1
    assert not is_served_from_cache(http, server)


def test_age_is_that_of_the_time_of_the_request(scripted: ScriptedServer, clock: Clock) -> None:
    """The response_delay of RFC 9111, 4.2.3: the answer may have waited on the way."""
    with scripted.http(cache=MemoryCache()) as http:
        first = http.request(HOST)
        transfer = scripted.wait_for_transfer()
        clock.now += 8
        transfer.answer(200, FOR_A_MINUTE, f"Date: {clock.date(0)}", "Age: 50")
        assert first.response.status == 200
        clock.now += 2
        second = http.request(HOST)
        scripted.wait_for_transfer().answer()
        assert not second.response.fromcache


def test_304_has_its_own_age(http: Http, raw_server: RawServerFactory, clock: Clock) -> None:
    full = answer(HEAD, 'ETag: "1"', FOR_A_MINUTE, f"Date: {clock.date(0)}", "Age: 50")
    without_age = answer(UNCHANGED, f"Date: {clock.date(20)}")
    with_age = answer(UNCHANGED, f"Date: {clock.date(90)}", "Age: 30")
    server = raw_server([answer_requests(full, without_age, with_age, full)])
    is_served_from_cache(http, server)
    for after, is_fresh in [(20, False), (50, True), (20, False), (29, True), (1, False)]:
        clock.now += after
        assert is_served_from_cache(http, server) == is_fresh


def test_age_in_entry_of_httplib2_is_least_age(
    http: Http, raw_server: RawServerFactory, clock: Clock, tmp_path: Path
) -> None:
    """httplib2 does not store the time of the request."""
    aged = [answer(HEAD, FOR_A_MINUTE, f"Date: {clock.date(0)}", f"Age: {age}") for age in (59, 60)]
    for full, is_fresh in zip(aged, (True, False), strict=True):
        server = raw_server([answer_requests(full)])
        with closing(httplib2.Http(str(tmp_path))) as theirs:
            theirs.request(server.url())
        assert is_served_from_cache(http, server) == is_fresh
