"""Sent requests: request line and headers equal httplib2's, byte for byte.

Rule: httplib2 makes the same request (`tests.reference`). Input that httplib2 refuses fails at the
look; input that httplib2 wrongly sends is refused as well, by a test that gives the reason.
"""

import string
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import InvalidURL

import httplib2
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from asynchttp import Http
from asynchttp.promise import request_work
from tests.conftest import RawServerFactory
from tests.reference import Pair, Url, assert_same_as_httplib2, request_with_both
from tests.servers.event_log import PATIENCE
from tests.servers.raw import OK, read_head, send
from tests.servers.recording import PORT, answer_requests
from tests.servers.web import WebServer

with_hundred_examples = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def request_of_uri(uri: str) -> Callable[[httplib2.Http, Url], Pair]:
    """Request `uri`, in which PORT stands for the server's port."""
    return lambda http, url: http.request(uri.replace(PORT, url("").rpartition(":")[2]))


def request_with_headers(headers: object) -> Callable[[httplib2.Http, Url], Pair]:
    return lambda http, url: http.request(url("/"), headers=headers)


# The request line


ORIGIN = f"http://127.0.0.1:{PORT}"

URIS = [
    ORIGIN,
    ORIGIN + "/",
    ORIGIN + "?query",
    ORIGIN + "#fragment",
    ORIGIN + "/?",
    ORIGIN + "/path?",
    ORIGIN + "/path?query#fragment",
    ORIGIN + "//double//slashes",
    ORIGIN + "/./a/../b",
    ORIGIN + "/%2e%2e/%7e%7E/%zz/%",
    ORIGIN + "/with spaces ",
    " " + ORIGIN + "/",
    ORIGIN + "/caf\xe9?caf\xe9=\N{SNOWMAN}",
    ORIGIN + "/tab\tline\nend\r\nX: injected",
    ORIGIN + "/" + string.punctuation.replace("#", "").replace("?", ""),
    ORIGIN + "/[x]/~user;a=b,c/'(d)'*!$&+:@",
    ORIGIN + "/" + "long" * 15_000,
    f"HTTP://127.0.0.1:{PORT}/upper",
    f"http://LOCALHOST:{PORT}/",
    f"http://localhost:{PORT}/",
]


@pytest.mark.parametrize("uri", URIS)
def test_request_line_of_uri_matches_httplib2(raw_server: RawServerFactory, uri: str) -> None:
    result = assert_same_as_httplib2(raw_server, [answer_requests(OK)], request_of_uri(uri))
    assert result.outcome.content == b"ok"


PATHS = st.characters(min_codepoint=32, max_codepoint=0x2FF, exclude_characters="\x7f")


@with_hundred_examples
@given(
    st.text(PATHS).filter(lambda path: PORT not in path)
)  # hypothesis takes constants from the tests
@example("%e2%82%AC?%e2=%aF")
@example("?")
@example("a?#")
def test_request_line_of_random_path_matches_httplib2(
    raw_server: RawServerFactory, path: str
) -> None:
    assert_same_as_httplib2(raw_server, [answer_requests(OK)], request_of_uri(f"{ORIGIN}/{path}"))


@pytest.mark.parametrize(
    "uri",
    [
        "/relative",
        "relative",
        "",
        "//127.0.0.1/",
        "127.0.0.1/",
        "http://",
        "http:///path",
        "http:relative",
        "://127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/passwd",
        "ws://127.0.0.1/",
        "mailto:a@example.com",
        "http://[::1/",
        "http://::1]/",
        "http://[nonsense]/",
        "http://a..b/",
        "http://./",
        f"http://{'a' * 70}.test/",
        "http://localhost:port/",
        ORIGIN + "/\ud800",
    ],
)
def test_invalid_uri_fails_like_httplib2(raw_server: RawServerFactory, uri: str) -> None:
    result = assert_same_as_httplib2(raw_server, [answer_requests(OK)], request_of_uri(uri))
    assert result.outcome.error is not None
    assert result.requests == []


@pytest.mark.parametrize(
    "port",
    ["65536", "99999", "1" * 20, "1" * 5000, "-1", "+80", "0x50", " 80", "\N{SUPERSCRIPT TWO}x"],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_invalid_port_raises_invalid_url(host: str, port: str) -> None:
    with Http() as http, pytest.raises((InvalidURL, UnicodeError)):
        http.request(f"http://{host}:{port}/").result()


@pytest.mark.parametrize("character", ["\0", "\x01", "\x1f", "\x7f"])
def test_control_character_in_uri_raises(raw_server: RawServerFactory, character: str) -> None:
    """httplib2 raises, too, but ResponseNotReady."""
    _, ours = request_with_both(
        raw_server, [answer_requests(OK)], request_of_uri(f"{ORIGIN}/a{character}b")
    )
    assert ours.outcome.error is not None
    assert ours.requests == []


@pytest.mark.parametrize("uri", [None, 5, b"http://127.0.0.1/", ["http://127.0.0.1/"]])
def test_uri_of_wrong_type_raises_type_error(raw_server: RawServerFactory, uri: object) -> None:
    theirs, ours = request_with_both(
        raw_server, [answer_requests(OK)], lambda http, url: http.request(uri)
    )
    assert theirs.outcome.error in (TypeError, AttributeError)
    assert ours.outcome.error is TypeError


@pytest.mark.parametrize("method", [None, b"GET", bytearray(b"GET"), ["GET"]])
def test_method_of_wrong_type_raises_at_look(server: WebServer, method: object) -> None:
    """The call of `request` raises nothing."""
    with Http() as http:
        asked = http.request(server.url(), method)  # type: ignore[arg-type]  # on purpose
        with pytest.raises((TypeError, AttributeError)):
            asked.result(PATIENCE)


def test_number_of_kept_plans_is_bounded(
    raw_server: RawServerFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that visits a million hosts must not keep a million plans."""
    monkeypatch.setattr(request_work, "ORIGINS", 2)
    servers = [raw_server([read_head, send(OK)]) for _ in range(5)]
    with Http() as http:
        for server in servers:
            assert http.request(server.url()).result(PATIENCE)[1] == b"ok"
        plans = http._current_settings().plans_for("GET")
    assert plans is not None
    assert len(plans) <= 2


@pytest.mark.parametrize(
    "method", ["get", "Get", "QUERY", "M-SEARCH", "TRACE", "OPTIONS", "X" * 100, "a.b~c"]
)
def test_method_is_sent_unchanged(raw_server: RawServerFactory, method: str) -> None:
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(OK)], lambda http, url: http.request(url("/"), method)
    )
    assert result.requests[0].line == f"{method} / HTTP/1.1"


@pytest.mark.parametrize("method", ["GET / HTTP/1.1\r\nX: y\r\n\r\nGET", "GE\nT", "G\0T", "G\xc9T"])
def test_invalid_method_raises_value_error(raw_server: RawServerFactory, method: str) -> None:
    _, ours = request_with_both(
        raw_server, [answer_requests(OK)], lambda http, url: http.request(url("/"), method)
    )
    assert ours.outcome.error is not None
    assert issubclass(ours.outcome.error, ValueError)
    assert ours.requests == []


# Headers


HEADERS: list[dict[object, object]] = [
    {},
    {"X-Name": "value"},
    {b"X-Name": b"value", "Y": "both"},
    {"X": "caf\xe9", "Y": b"caf\xc3\xa9"},
    {"X": "  padded\t "},
    {"X": ""},
    {"X": "a:b;c,d=e"},
    {"A-B_c.d!#$%&'*+^`|~9": "x"},
    {"x;y": "z"},
    {"X": "first", "x": "second"},
    {"X": "back\\\\slash \\g<0>"},
    {"X": "\x01\x7f\x0b"},
    {"Host": "elsewhere.test:99"},
    {"User-Agent": "mine"},
    {"user-agent": ""},
    {"Accept": "text/x"},
    {"Accept": ""},
    {"Accept-Encoding": "br"},
    {"accept-encoding": ""},
    {"Range": "bytes=0-1"},
    {"Range": "bytes=0-1", "Accept-Encoding": "gzip"},
    {"Connection": "close"},
    {"Connection": "keep-alive"},
    {"Cookie": "a=b; c=d"},
    {"Authorization": "Bearer x"},
    {"Content-Type": "text/x"},
    {"TE": "trailers"},
    {"Upgrade": "h2c"},
    {"Expect": "100-continue"},
    {"Proxy-Authorization": "x"},
    {"X": "long" * 10_000},
    {f"X-{number}": str(number) for number in range(200)},
]


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: repr(headers)[:60])
def test_headers_are_sent_like_httplib2(
    raw_server: RawServerFactory, headers: dict[object, object]
) -> None:
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(OK)], request_with_headers(headers)
    )
    assert result.outcome.content == b"ok"


TOKEN = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
VALUES = st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\\\x7f\x85\xa0\xad")


@with_hundred_examples
@given(st.dictionaries(st.text(TOKEN, min_size=1), st.text(VALUES), max_size=5))
def test_random_headers_are_sent_like_httplib2(
    raw_server: RawServerFactory, headers: dict[str, str]
) -> None:
    headers = {f"x-{name}": value for name, value in headers.items()}
    assert_same_as_httplib2(raw_server, [answer_requests(OK)], request_with_headers(headers))


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\nb"},
        {"X": "a\r\nInjected: 1"},
        {"X": "a\rb"},
        {"X\r\nInjected: 1": "x"},
        {"X\nY": "x"},
        {"X:": "x"},
        {":X": "x"},
        {" X": "x"},
        {"": "x"},
        {"X": "\N{SNOWMAN}"},
        {"\N{SNOWMAN}": "x"},
        {"caf\xe9": "x"},
        {"X": b"\xff"},
        {"X": "\\slash"},  # httplib2 takes a value for the template of a substitution
        {"X": 5},
        {"X": None},
        {5: "x"},
        {"X": ["a"]},
    ],
    ids=repr,
)
def test_invalid_header_fails_like_httplib2(
    raw_server: RawServerFactory, headers: dict[object, object]
) -> None:
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(OK)], request_with_headers(headers)
    )
    assert result.outcome.error is not None
    assert result.requests == []


@pytest.mark.parametrize(
    "headers", [{"X": "a\r\n folded"}, {"X": "a\n\tfolded"}, {"X": "a\0b"}, {"X\0Y": "x"}], ids=repr
)
def test_line_folding_and_nul_in_headers_raise(
    raw_server: RawServerFactory, headers: dict[object, object]
) -> None:
    """RFC 9110, 5.5 forbids line folding and NUL; receivers suspect an attack."""
    theirs, ours = request_with_both(
        raw_server, [answer_requests(OK)], request_with_headers(headers)
    )
    assert theirs.outcome.error is None
    assert ours.outcome.error is ValueError
    assert ours.requests == []


@pytest.mark.parametrize("headers", [5, "X: y", [5], object()])
def test_headers_of_wrong_type_raise(raw_server: RawServerFactory, headers: object) -> None:
    _, ours = request_with_both(raw_server, [answer_requests(OK)], request_with_headers(headers))
    assert ours.outcome.error in (TypeError, ValueError)


def test_headers_are_sent_in_documented_order(raw_server: RawServerFactory) -> None:
    """Host first (RFC 9110, 7.2), then the caller's headers in order, then the default headers."""
    server = raw_server([answer_requests(OK)])
    with Http() as http:
        http.request(server.url("/"), headers={"Z": "1", "A": "2", "M": "3"}).result()
    names = [line.partition(b":")[0].lower() for line in server.heads[0].splitlines()[1:]]
    assert names == [b"host", b"z", b"a", b"m", b"user-agent", b"accept-encoding"]


def test_headers_are_copied_at_the_call(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(OK)])
    headers = {"X": "then"}
    with Http(max_workers=1) as http:
        first = http.request(server.url("/"))
        second = http.request(server.url("/"), headers=headers)
        headers["X"] = headers["Y"] = "later"
        assert (first.response.status, second.response.status) == (200, 200)
    assert b"x: then\r\n" in server.heads[1]
    assert b"y: later" not in server.heads[1]


def test_pending_content_as_header_delays_only_caller(server: WebServer) -> None:
    """The calling thread looks at the content, not the worker that handles all events."""
    busy, held = server.hold_answers(), server.hold_answers()
    with Http(max_workers=2) as http, ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            http.request(busy.url())
        busy.arrived.wait_for(2)
        _, token = http.request(held.url("token"))
        asked = pool.submit(http.request, server.url("/echo"), headers={"x-token": token})
        busy.answer_all()
        held.arrived.wait_for(1)
        assert http.request(server.url()).result(PATIENCE)[0].status == 200
        held.answer_all()
        promise = asked.result(PATIENCE)
        assert promise.result(PATIENCE)[0].status == 200
        assert [type(value) for value in (promise.request.headers or {}).values()] == [bytes]


def test_content_can_be_sent_as_header_and_body(raw_server: RawServerFactory) -> None:
    server = raw_server([answer_requests(OK, OK, OK, OK)])
    with Http() as http:
        _, content = http.request(server.url("/"))
        http.request(server.url("/"), headers={"x-got": content}).result()
        http.request(server.url("/"), "PUT", content).result()
        http.request(server.url("/"), "PUT", [content, content]).result()
        asked = http.request(content)  # type: ignore[arg-type]  # not a str
    assert b"x-got: ok\r\n" in server.heads[1]
    assert list(server.bodies)[2:] == [b"ok", b"okok"]
    assert isinstance(asked.exception(), TypeError)


def test_sending_failed_content_raises_failure_of_content(
    refused_url: str, server: WebServer
) -> None:
    with Http() as http:
        _, content = failed = http.request(refused_url)
        for given in ({"headers": {"x": content}}, {"body": content}, {"body": [content]}):
            promise = http.request(server.url(), "PUT", **given)
            assert promise.exception() is failed.exception()


def test_headers_do_not_leak_into_next_request(raw_server: RawServerFactory) -> None:
    """Handles of libcurl are reused, and keep every option that is not set again."""
    server = raw_server([answer_requests(OK)])
    odd = {"X-Odd": "1", "Host": "odd.test", "Cookie": "odd", "Range": "bytes=0-1", "Expect": "odd"}
    with Http() as http:
        http.request(server.url("/plain")).result()
        for method, body in [("GET", None), ("POST", b"x"), ("PUT", "y"), ("HEAD", None)]:
            http.request(server.url("/odd%2fone"), method, body, odd).result()
            http.request(server.url("/plain")).result()
    plain = [head for head in server.heads if b"/plain" in head]
    assert plain == [plain[0]] * 5
    assert set(server.bodies) == {b"", b"x", b"y"}
