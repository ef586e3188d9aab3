"""The parts of the engine in Python, tested alone: options, routes, outcomes, errors, uploads,
lookups, and the search for libcurl.

Rule: only properties that requests hardly show; the core has tests in C.
"""

import errno
import platform
import re
import socket
import ssl
from collections.abc import Iterator
from http.client import BadStatusLine, HTTPException, IncompleteRead, InvalidURL, RemoteDisconnected
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httplib2
import pycurl
import pytest
from httplib2.decode import DecodeLimitError, DecodeRatioError
from hypothesis import given
from hypothesis import strategies as st

from asynchttp import Http, _core
from asynchttp.dispatch import dispatcher, workers
from asynchttp.engine import curl_options, libcurl, outcome, plans, resolver
from asynchttp.engine.curl_errors import CurlError, exception_of
from asynchttp.engine.curl_options import (
    EMPTY,
    FOREVER,
    MEMORY,
    NOTHING,
    STREAM,
    Host,
    body_mode_of,
    host_of,
    lines_and_length,
    profile_options,
    route_to,
)
from asynchttp.engine.outcome import outcome_of
from asynchttp.engine.resolver import resolve_on_thread
from asynchttp.engine.trace import trace_lines
from asynchttp.engine.upload import Upload
from asynchttp.messages.body import PIECE, Body, FileBody, body_from
from asynchttp.messages.errors import (
    ContentTooLargeError,
    CutConnectionError,
    MalformedAnswerError,
    RefusedStreamError,
    RequestTimeoutError,
    StaleConnectionError,
)
from asynchttp.messages.settings import Tls
from asynchttp.messages.transfer import Proxy, Reply, Transfer
from tests.conftest import RawServerFactory
from tests.programs import run_python
from tests.servers.app import patterned_bytes
from tests.servers.event_log import PATIENCE, EventLog
from tests.servers.recording import answer_requests

TLS = Tls("authorities.pem", verify=True)
CORE = Path(__file__).parent.parent / "src" / "asynchttp" / "core"


def transfer(
    method: str = "GET", body: Body | None = None, *lines: bytes, proxy: Proxy | None = None
) -> Transfer:
    return Transfer(
        method, "http://server.test/", "server.test", lines, body, None, None, proxy=proxy
    )


# Profiles


def options_of(method: str = "GET", sending: str = NOTHING, **rest: Any) -> dict[int, Any]:
    given = {"timeout": None, "tls": None, "proxy": None} | rest
    made = profile_options(method, sending, **given)
    assert len(dict(made)) == len(made), "an option is set twice"
    return dict(made)


@pytest.mark.parametrize(
    ("method", "body", "sending"),
    [
        ("GET", None, NOTHING),
        ("DELETE", None, NOTHING),
        ("POST", None, EMPTY),
        ("PUT", None, EMPTY),
        ("patch", None, EMPTY),
        ("GET", Body(b""), MEMORY),
        ("POST", Body(b"content"), MEMORY),
        ("PUT", Body(b"content", chunked=True), MEMORY),
    ],
)
def test_way_of_sending_depends_on_body(method: str, body: Body | None, sending: str) -> None:
    assert body_mode_of(transfer(method, body)) == sending


METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PROPFIND", "get", "head"])
SENDINGS = st.sampled_from([NOTHING, EMPTY, MEMORY, STREAM])
OWN_POLICIES = (
    pycurl.FOLLOWLOCATION,
    pycurl.HTTPAUTH,
    pycurl.NETRC,
    pycurl.COOKIEFILE,
    pycurl.COOKIELIST,
    pycurl.ACCEPT_ENCODING,
    pycurl.TIMEOUT_MS,
    pycurl.TRANSFER_ENCODING,
)


@given(METHODS, SENDINGS, st.booleans())
def test_policy_options_of_libcurl_stay_off(method: str, sending: str, secure: bool) -> None:
    made = options_of(method, sending, tls=TLS if secure else None)
    assert not made.keys() & set(OWN_POLICIES)
    assert made[pycurl.PATH_AS_IS] == 1
    assert made[pycurl.HTTP09_ALLOWED] == 0
    assert made[pycurl.PROXY] == b""  # the environment's proxies are ignored


@given(METHODS, SENDINGS)
def test_method_is_sent_as_given(method: str, sending: str) -> None:
    made = options_of(method, sending)
    if pycurl.NOBODY in made:
        assert method == "HEAD"
    elif method != "GET" or sending != NOTHING:
        assert made[pycurl.CUSTOMREQUEST] == method.encode()
    else:
        assert pycurl.CUSTOMREQUEST not in made


@given(st.floats(0, 1e9))
def test_any_timeout_is_in_range_of_libcurl(timeout: float) -> None:
    """libcurl reads 0 as the default of 300 s, and takes at most 31 bits."""
    milliseconds = options_of(timeout=timeout)[pycurl.CONNECTTIMEOUT_MS]
    assert 1 <= milliseconds <= FOREVER
    assert milliseconds == FOREVER or abs(milliseconds - timeout * 1000) <= 1


def test_missing_timeout_is_longest_timeout() -> None:
    assert options_of()[pycurl.CONNECTTIMEOUT_MS] == FOREVER


@pytest.mark.parametrize(
    ("minimum", "maximum", "version"),
    [
        ("TLSv1_2", None, pycurl.SSLVERSION_TLSv1_2 | pycurl.SSLVERSION_MAX_DEFAULT),
        (None, "TLSv1_2", pycurl.SSLVERSION_DEFAULT | pycurl.SSLVERSION_MAX_TLSv1_2),
        ("TLSv1_2", "TLSv1_3", pycurl.SSLVERSION_TLSv1_2 | pycurl.SSLVERSION_MAX_TLSv1_3),
        (
            ssl.TLSVersion.TLSv1_3,
            ssl.TLSVersion.MAXIMUM_SUPPORTED,
            pycurl.SSLVERSION_TLSv1_3 | pycurl.SSLVERSION_MAX_DEFAULT,
        ),
    ],
)
def test_tls_versions_become_sslversion_option(minimum: Any, maximum: Any, version: int) -> None:
    made = options_of(tls=TLS._replace(minimum=minimum, maximum=maximum))
    assert made[pycurl.SSLVERSION] == version


@pytest.mark.parametrize("verify", [False, True])
def test_verify_sets_libcurl_certificate_options(verify: bool) -> None:
    made = options_of(tls=TLS._replace(verify=verify))
    assert (made[pycurl.SSL_VERIFYPEER], made[pycurl.SSL_VERIFYHOST]) == (verify, 2 * verify)
    assert made[pycurl.CAINFO] == b"authorities.pem"


def proxy(scheme: str, **rest: Any) -> Proxy:
    return Proxy(scheme, "proxy.test", 3128, None, None)._replace(**rest)


@pytest.mark.parametrize(
    ("given", "url"),
    [
        (proxy("http"), b"http://proxy.test:3128"),
        (proxy("socks5h", host="192.0.2.1"), b"socks5h://192.0.2.1:3128"),
        (proxy("http", host="::1"), b"http://[::1]:3128"),
    ],
)
def test_address_of_proxy_becomes_proxy_option(given: Proxy, url: bytes) -> None:
    made = options_of(proxy=given)
    assert made[pycurl.PROXY] == url
    assert made[pycurl.NOPROXY] == b""  # the exchange has decided for the proxy
    assert pycurl.PROXYUSERNAME not in made


@pytest.mark.parametrize(
    ("given", "user", "password"),
    [
        (proxy("http", user="zo\xeb", password="\u20ac:@"), "zo\xeb", "\u20ac:@"),
        (proxy("socks4", user="me"), "me", ""),
        (proxy("http", user="me"), "me", ""),
        (proxy("http", password="secret"), None, None),
    ],
)
def test_proxy_credentials_need_user(given: Proxy, user: str | None, password: str | None) -> None:
    made = options_of(proxy=given)
    assert made.get(pycurl.PROXYUSERNAME) == (user.encode() if user is not None else None)
    assert made.get(pycurl.PROXYPASSWORD) == (password.encode() if password is not None else None)


# Header lines


@pytest.fixture
def file_body(tmp_path: Path) -> Iterator[FileBody]:
    """A body read from a file."""
    path = tmp_path / "body"
    path.write_bytes(b"content")
    with path.open("rb") as file:
        body = body_from(file)
    assert isinstance(body, FileBody)
    yield body
    body.close()


X, LENGTH, IDENTITY = b"x: y", b"content-length: 7", b"transfer-encoding: identity"
CHUNKED = b"transfer-encoding: chunked"


@pytest.mark.parametrize(
    ("given", "lines", "length"),
    [
        ((X,), (X, CHUNKED), -1),
        ((X, LENGTH), (X,), 7),
        ((LENGTH, X), (X,), 7),
        ((X, IDENTITY), (X, IDENTITY), -1),
        ((X, CHUNKED), (X, CHUNKED), -1),
    ],
)
def test_length_of_file_is_given_to_libcurl(
    file_body: FileBody, given: tuple[bytes, ...], lines: tuple[bytes, ...], length: int
) -> None:
    """With the length as a header line only, libcurl would send chunks."""
    assert lines_and_length(transfer("PUT", file_body, *given)) == (lines, length)


@pytest.mark.parametrize("given", [(X,), (X, LENGTH), (X, CHUNKED)])
@pytest.mark.parametrize("body", [None, Body(b"content")])
def test_header_lines_without_file_stay_unchanged(
    body: Body | None, given: tuple[bytes, ...]
) -> None:
    assert lines_and_length(transfer("PUT", body, *given)) == (given, -1)


@pytest.mark.parametrize(
    ("given", "lines"), [((X,), (X, CHUNKED)), ((X, LENGTH), (X, LENGTH)), ((CHUNKED,), (CHUNKED,))]
)
def test_content_without_length_line_is_chunked(
    given: tuple[bytes, ...], lines: tuple[bytes, ...]
) -> None:
    body = Body(b"content", chunked=True)
    assert lines_and_length(transfer("PUT", body, *given)) == (lines, -1)


# Routes


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("server.test", Host("server.test", 80)),
        ("server.test:8080", Host("server.test", 8080)),
        ("xn--bcher-kva.test", Host("xn--bcher-kva.test", 80)),
        ("127.1", Host("127.1", 80)),  # an address for getaddrinfo only
        ("2130706433", Host("2130706433", 80)),
        ("2130706433:8080", Host("2130706433", 8080)),
        ("localhost", None),
        ("localhost:8080", None),
        ("127.0.0.1", None),
        ("127.0.0.1:8080", None),
        ("[::1]", None),
        ("[::1]:8080", None),
        ("[fe80::1%25lo]:8080", None),
    ],
)
def test_names_but_not_addresses_are_looked_up(authority: str, host: Host | None) -> None:
    assert host_of(authority, 80) == host
    assert route_to(authority, False, None).hosts == (() if host is None else (host,))


PROXY_HOST, TARGET = Host("proxy.test", 3128), Host("server.test", 443)


@pytest.mark.parametrize(
    ("given", "takes", "hosts"),
    [
        (proxy("http"), curl_options.NAMES, (PROXY_HOST,)),
        (proxy("socks5h"), curl_options.NAMES, (PROXY_HOST,)),
        (proxy("socks4a"), curl_options.NAMES, (PROXY_HOST,)),
        (proxy("socks5"), curl_options.ADDRESSES, (PROXY_HOST, TARGET)),
        (proxy("socks4"), curl_options.IPV4_ADDRESSES, (PROXY_HOST, TARGET)),
        (proxy("http", host="192.0.2.1"), curl_options.NAMES, ()),
        (proxy("http", host="::1"), curl_options.NAMES, ()),
        (proxy("socks5", host="::1"), curl_options.ADDRESSES, (TARGET,)),
    ],
)
def test_looked_up_hosts_depend_on_proxy(given: Proxy, takes: int, hosts: tuple[Host, ...]) -> None:
    way = route_to("server.test", True, given)
    assert (way.proxy_takes, way.hosts) == (takes, hosts)


@pytest.mark.parametrize("name", ["a" * 64, "a..b", ".server.test"])
def test_invalid_host_names_are_refused(name: str) -> None:
    with pytest.raises(UnicodeError):
        host_of(name, 80)


@given(st.from_regex(r"[a-z0-9._-]{1,80}(:[0-9]{1,5})?", fullmatch=True), st.booleans())
def test_any_authority_has_route_or_is_refused(authority: str, is_https: bool) -> None:
    try:
        way = route_to(authority, is_https, None)
    except UnicodeError:
        return
    assert len(way.hosts) <= 1
    assert all(host.name == authority.partition(":")[0] for host in way.hosts)


# Constants of the core


def read_enum(header: str, first: str) -> dict[str, int]:
    """Names and values of the enum, beginning with `first`, in a header file."""
    text = re.sub(r"/\*.*?\*/", "", (CORE / header).read_text(), flags=re.DOTALL)
    (body,) = re.findall(rf"enum {{\s*({first}\b[^}}]*)}}", text)
    named, following = {}, 0
    for each in filter(None, map(str.strip, body.split(","))):
        name, _, value = each.partition("=")
        named[name.strip()] = following = int(value) if value else following
        following += 1
    return named


@pytest.mark.parametrize(
    ("header", "first", "prefix", "module", "names"),
    [
        (
            "core.h",
            "OUTCOME_ANSWERED",
            "OUTCOME_",
            outcome,
            "ANSWERED FAILED NOT_FOUND SILENT CUT_HEAD BAD_HEAD BAD_CONTENT REFUSED",
        ),
        ("core.h", "HEAD_NO_STATUS", "HEAD_", outcome, "LENGTH_TOO_LARGE TOO_MANY_INTERIM"),
        (
            "core.h",
            "EVENT_ENDED",
            "EVENT_",
            dispatcher,
            "ENDED CONNECTED NEEDS_PIECE TRACED NEEDS_NAME BEGUN",
        ),
        ("core.h", "WAIT_TIMED_OUT", "WAIT_", workers, "TIMED_OUT ROLE CALLED"),
        (
            "core.h",
            "TRANSFER_DECODE",
            "TRANSFER_",
            plans,
            "DECODE READ_BODY ON_NEW_CONNECTION TELL_CONNECTED TRACE RESOLVE_BY_EVENT",
        ),
        ("core.h", "PROXY_NAMES", "PROXY_", curl_options, "NAMES ADDRESSES IPV4_ADDRESSES"),
        ("decode.h", "DECODED", "DECODE_", outcome, "OVER_HARD OVER_RATIO OVER_CONTENT"),
    ],
)
def test_constants_equal_enums_of_core(
    header: str, first: str, prefix: str, module: object, names: str
) -> None:
    declared = read_enum(header, first)
    assert {name: getattr(module, name) for name in names.split()} == {
        name: declared[prefix + name] for name in names.split()
    }


# Outcomes


ERROR = outcome.TransferError(0, "", 0, 0, 0, 0, -1, False, False, False, 0, 0)
OK_HEAD = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\n\r\n"


def outcome_without_proxy(kind: int, head: bytes = b"", content: bytes = b"", **error: Any) -> Any:
    """The outcome of a transfer ended in the given way, without a proxy."""
    return outcome_of(ended_transfer(kind, head, content, **error), transfer())


def ended_transfer(kind: int, head: bytes = b"", content: bytes = b"", **error: Any) -> Any:
    return SimpleNamespace(
        _get_outcome=lambda: kind,
        _get_status=lambda: 200,
        _get_head=lambda: head,
        _get_content=lambda: content,
        _get_is_decoded=lambda: False,
        _get_error=lambda: None if kind == outcome.ANSWERED else tuple(ERROR._replace(**error)),
    )


def test_answered_transfer_becomes_reply() -> None:
    assert outcome_without_proxy(outcome.ANSWERED, OK_HEAD, b"ok") == Reply(
        200, OK_HEAD, b"ok", False
    )


RESET_WORDS = {"code": 56, "message": "Connection reset by peer", "os_errno": errno.ECONNRESET}
CUT_WORDS = {"code": 56, "message": "error:0A000126:SSL routines::unexpected eof while reading"}

KINDS: list[tuple[int, dict[str, Any], type[BaseException]]] = [
    (outcome.NOT_FOUND, {"code": socket.EAI_NONAME}, httplib2.ServerNotFoundError),
    (outcome.NOT_FOUND, {"code": resolver.RAISED}, httplib2.ServerNotFoundError),
    (outcome.SILENT, {"code": 28}, RequestTimeoutError),
    (outcome.SILENT, {"code": 28, "message": "Timeout was reached"}, RequestTimeoutError),
    (outcome.FAILED, {"code": 7, "os_errno": errno.ETIMEDOUT}, TimeoutError),
    (outcome.CUT_HEAD, {"head": b"HTTP/1.1 200"}, IncompleteRead),
    (outcome.BAD_HEAD, {"head": b"HTTP/1.1 2000 OK\r\n\r\n"}, MalformedAnswerError),
    (outcome.BAD_CONTENT, {"code": 1}, httplib2.FailedToDecompressContent),
    (outcome.BAD_CONTENT, {"code": outcome.OVER_HARD}, DecodeLimitError),
    (outcome.BAD_CONTENT, {"code": outcome.OVER_RATIO}, DecodeRatioError),
    (outcome.BAD_CONTENT, {"code": outcome.OVER_CONTENT}, ContentTooLargeError),
    (outcome.REFUSED, {"code": 56}, RefusedStreamError),
    (outcome.FAILED, {**RESET_WORDS, "is_reused": True}, StaleConnectionError),
    (outcome.FAILED, {**RESET_WORDS, "is_reused": True, "has_begun": True}, ConnectionResetError),
    (outcome.FAILED, {**CUT_WORDS, "is_reused": True}, CutConnectionError),
    (outcome.FAILED, {**CUT_WORDS, "is_reused": False}, CutConnectionError),
    (outcome.FAILED, {**CUT_WORDS, "head": OK_HEAD}, IncompleteRead),
    (outcome.FAILED, {"code": 56, "is_reused": False}, RemoteDisconnected),
    (outcome.FAILED, {**RESET_WORDS, "is_reused": False}, ConnectionResetError),
    (outcome.FAILED, {"code": 52, "is_reused": True}, RemoteDisconnected),
    (outcome.FAILED, {"code": 52, "is_reused": True, "has_begun": True}, MalformedAnswerError),
    (outcome.FAILED, {"code": 52, "has_begun": True}, MalformedAnswerError),
    (outcome.FAILED, {"code": 56, "is_reused": True, "head": OK_HEAD}, IncompleteRead),
    (outcome.FAILED, {"code": 8, "head": OK_HEAD}, MalformedAnswerError),
    (outcome.FAILED, {"code": 8}, BadStatusLine),
    (outcome.FAILED, {"code": 27}, MemoryError),
]


@pytest.mark.parametrize(("kind", "error", "raised"), KINDS, ids=range(len(KINDS)))
def test_failed_transfer_becomes_expected_exception(
    kind: int, error: dict[str, Any], raised: type[BaseException]
) -> None:
    given: dict[str, Any] = {"head": OK_HEAD if kind == outcome.BAD_CONTENT else b"", **error}
    assert type(outcome_without_proxy(kind, **given)) is raised


def test_missing_error_record_becomes_memory_error() -> None:
    without = SimpleNamespace(_get_outcome=lambda: outcome.FAILED, _get_error=lambda: None)
    assert isinstance(outcome_of(without, transfer()), MemoryError)  # type: ignore[arg-type]


def test_bad_head_error_quotes_status_line() -> None:
    error = outcome_without_proxy(outcome.BAD_HEAD, b"HTTP/1.1 2000 Caf\xe9\r\nX: y\r\n\r\n")
    assert str(error) == "HTTP/1.1 2000 Caf\xe9"


@pytest.mark.parametrize(
    ("consumed", "content", "length", "missing"),
    [(0, b"part", 11, 7), (8, b"a decoded part", 11, 3), (0, b"", 11, 11), (8, b"part", -1, None)],
)
def test_incomplete_read_counts_bytes_on_wire(
    consumed: int, content: bytes, length: int, missing: int | None
) -> None:
    error = outcome_without_proxy(
        outcome.FAILED, OK_HEAD, content, code=18, length=length, consumed=consumed
    )
    assert isinstance(error, IncompleteRead)
    assert (error.partial, error.expected) == (content, missing)


@pytest.mark.parametrize(
    ("connect_code", "request_size", "is_proxys"),
    [(0, 0, True), (407, 0, True), (200, 0, False), (0, 100, False), (200, 100, False)],
)
def test_error_before_request_is_blamed_on_proxy(
    connect_code: int, request_size: int, is_proxys: bool
) -> None:
    sizes = {"connect_code": connect_code, "request_size": request_size}
    reset: dict[str, Any] = RESET_WORDS | sizes
    error = outcome_of(ended_transfer(outcome.FAILED, **reset), transfer(proxy=proxy("http")))
    assert isinstance(error, ConnectionResetError) != is_proxys


@given(
    st.integers(1, 8),
    st.builds(
        outcome.TransferError,
        st.integers(0, 110),
        st.text(),
        *[st.integers(0, 200)] * 3,
        st.integers(0, 1),
        st.integers(-1, 100),
        st.booleans(),
        st.booleans(),
        st.integers(0, 100),
        st.integers(0, 100),
    ),
    st.binary() | st.just(OK_HEAD),
    st.binary(),
    st.sampled_from([None, proxy("http"), proxy("socks5")]),
)
def test_any_failed_transfer_becomes_exception(
    kind: int,
    error: outcome.TransferError,
    head: bytes,
    content: bytes,
    through: Proxy | None,
) -> None:
    if kind == outcome.BAD_CONTENT:
        head = OK_HEAD  # content is decoded after the head is checked
    made = outcome_of(
        ended_transfer(kind, head, content, **error._asdict()), transfer(proxy=through)
    )
    assert isinstance(made, BaseException)
    assert str(made) is not None


@pytest.mark.parametrize(
    "status",
    [b"200OK", b"2", b"20", b"20 OK", b"2000 OK", b"999999 OK", b"20x OK", b" 200 OK", b"OK", b""],
)
def test_bad_status_line_fails_request_before_callback(
    raw_server: RawServerFactory, status: bytes
) -> None:
    """RFC 9112, 4: a status has three digits."""
    server = raw_server(
        [answer_requests(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")]
    )
    seen: EventLog[BaseException | None] = EventLog()
    with Http(timeout=PATIENCE) as http:
        promise = http.request(server.url(), callback=lambda done: seen.add(done.exception()))
        error = promise.exception()
    assert isinstance(error, BadStatusLine)
    assert list(seen) == [error]


@pytest.mark.parametrize("status", [b"200 OK", b"200", b"200 ", b"599 2000", b"999"])
def test_odd_but_valid_status_lines_are_accepted(
    raw_server: RawServerFactory, status: bytes
) -> None:
    server = raw_server(
        [answer_requests(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nok")]
    )
    with Http(timeout=PATIENCE) as http:
        response, content = http.request(server.url()).result()
    assert (str(response.status), content) == (status.split()[0].decode(), b"ok")


# The table of libcurl's errors


def curl_error(code: int, message: str, **rest: object) -> CurlError:
    blank = CurlError(code, message, "server.test:80", 0, 0, begun=False, received=b"")
    return blank._replace(**rest)  # type: ignore[arg-type]  # fields of any type


RESET, REFUSED = errno.ECONNRESET, errno.ECONNREFUSED
PEER_RESET = "Recv failure: Connection reset by peer"
WRONG_VERSION = "error:0A00010B:SSL routines::wrong version number"
ENDED = "error:0A000126:SSL routines::unexpected eof while reading"

TABLE: list[tuple[CurlError, type[BaseException], int | None]] = [
    (curl_error(6, "Could not resolve host"), httplib2.ServerNotFoundError, None),
    (curl_error(7, "Could not connect", os_errno=REFUSED), ConnectionRefusedError, REFUSED),
    (curl_error(7, "No route", os_errno=errno.EHOSTUNREACH), OSError, errno.EHOSTUNREACH),
    (curl_error(28, "Connection timed out"), TimeoutError, None),
    (curl_error(52, "Empty reply"), RemoteDisconnected, None),
    (curl_error(56, PEER_RESET, os_errno=RESET), ConnectionResetError, RESET),
    (
        curl_error(55, "Send failure: Broken pipe", os_errno=errno.EPIPE),
        ConnectionResetError,
        RESET,
    ),
    # errno is left over from another address with a refused connection:
    (curl_error(56, ENDED, os_errno=REFUSED), CutConnectionError, None),
    (curl_error(56, ENDED, os_errno=REFUSED, begun=True), IncompleteRead, None),
    (curl_error(56, "chunk hex-length", os_errno=REFUSED, begun=True), IncompleteRead, None),
    (curl_error(35, WRONG_VERSION, os_errno=REFUSED), ssl.SSLError, 1),
    (curl_error(35, ENDED, os_errno=REFUSED), ssl.SSLEOFError, 8),
    (curl_error(35, PEER_RESET, os_errno=RESET), ssl.SSLEOFError, 8),
    (curl_error(35, "SSL_ERROR_SYSCALL: Broken pipe", os_errno=errno.EPIPE), ssl.SSLEOFError, 8),
    (curl_error(61, "Unsolicited Transfer-Encoding"), HTTPException, None),
    (curl_error(63, "Maximum file size exceeded"), HTTPException, None),
    (curl_error(60, "OpenSSL verify result: self-signed (18)"), ssl.SSLCertVerificationError, 1),
    (curl_error(92, "stream 1 reset", os_errno=REFUSED), ConnectionResetError, RESET),
    (curl_error(3, "URL rejected"), InvalidURL, None),
    (curl_error(27, "Out of memory"), MemoryError, None),
    (curl_error(99, "What nobody has thought of", os_errno=REFUSED), OSError, errno.EIO),
]


@pytest.mark.parametrize(("what", "error", "number"), TABLE, ids=range(len(TABLE)))
def test_curl_error_becomes_expected_exception(
    what: CurlError, error: type[BaseException], number: int | None
) -> None:
    made = exception_of(what)
    assert type(made) is error
    assert getattr(made, "errno", None) == number


# Uploads


CONTENT = patterned_bytes(0, 2 * PIECE + 1000)


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE + 1000])
def test_pieces_of_upload_join_to_body(length: int) -> None:
    upload, pieces = Upload(Body(CONTENT[:length]), 1), list[bytes]()
    while piece := upload.next_piece():
        pieces.append(piece)
    assert piece == b""
    assert b"".join(pieces) == CONTENT[:length]
    assert all(len(each) == PIECE for each in pieces[:-1])
    assert upload.error is None


def test_upload_piece_is_read_by_task() -> None:
    upload, given, tasks = Upload(Body(b"content"), 1), list[bytes | None](), list[Any]()
    upload.read_on_worker(given.append, tasks.append)
    assert given == []
    tasks.pop()()
    assert given == [b"content"]


def test_unreadable_upload_gives_none_and_error(file_body: FileBody) -> None:
    file_body.close()
    upload, given = Upload(file_body, 1), list[bytes | None]()
    upload.read_on_worker(given.append, lambda task: task())
    assert given == [None]
    assert isinstance(upload.error, OSError)


# Lookups by a replaced `socket.getaddrinfo`


class FakeLookup:
    """Stands in for a lookup of the core."""

    def __init__(self, name: str = "server.test") -> None:
        self.host = (name, 80)
        self.finished: EventLog[tuple[str | None, int]] = EventLog()

    def finish(self, addresses: str | None, code: int) -> None:
        self.finished.add((addresses, code))


def look_up_with(
    monkeypatch: pytest.MonkeyPatch, result: Any, name: str = "server.test"
) -> tuple[str | None, int]:
    """The answer if `socket.getaddrinfo` returns, or raises, `result`."""

    def getaddrinfo(*arguments: Any) -> Any:
        assert arguments[:2] == (name, 80)
        if isinstance(result, Exception):
            raise result
        return [
            (family, socket.SOCK_STREAM, 6, "", (address, 80))
            for address in result
            for family in [socket.AF_INET6 if ":" in address else socket.AF_INET]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    asked: Any = FakeLookup(name)
    resolve_on_thread(asked)
    ((addresses, code),) = asked.finished.wait_for(1)
    return addresses, code


@pytest.mark.parametrize(
    ("found", "addresses"),
    [
        (["192.0.2.1"], "192.0.2.1"),
        (["192.0.2.1", "2001:db8::1"], "192.0.2.1,[2001:db8::1]"),
        (["192.0.2.1", "192.0.2.2", "192.0.2.1"], "192.0.2.1,192.0.2.2"),
    ],
)
def test_found_addresses_are_written_for_libcurl(
    monkeypatch: pytest.MonkeyPatch, found: list[str], addresses: str
) -> None:
    assert look_up_with(monkeypatch, found) == (addresses, 0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (socket.gaierror(socket.EAI_AGAIN, "for now"), socket.EAI_AGAIN),
        (socket.gaierror(), socket.EAI_FAIL),
        (RuntimeError("no network here"), resolver.RAISED),
        (UnicodeError("label too long"), resolver.RAISED),
        ([], socket.EAI_NONAME),
    ],
    ids=repr,
)
def test_failed_lookup_has_error_code(
    monkeypatch: pytest.MonkeyPatch, error: Any, code: int
) -> None:
    assert look_up_with(monkeypatch, error) == (None, code)


def test_number_of_kept_lookup_exceptions_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(resolver.MOST + 50):
        name = f"server-{number}.test"
        look_up_with(monkeypatch, RuntimeError(name), name)
        assert str(resolver.lookup_exception((name, 80))) == name
    assert len(resolver._raised) == resolver.MOST
    assert resolver.lookup_exception(("server-0.test", 80)) is None


# Lines for `httplib2.debuglevel`


def test_traced_bytes_are_printed_like_http_client() -> None:
    lines = trace_lines(
        [
            (pycurl.INFOTYPE_HEADER_OUT, b"GET / HTTP/1.1\r\n\r\n"),
            (pycurl.INFOTYPE_DATA_OUT, b"body"),
            (pycurl.INFOTYPE_HEADER_IN, b"HTTP/1.1 200 OK\r\n"),
            (pycurl.INFOTYPE_HEADER_IN, b"X: caf\xe9\r\n"),
            (pycurl.INFOTYPE_HEADER_IN, b"\r\n"),
        ]
    )
    assert list(lines) == [
        r"send: b'GET / HTTP/1.1\r\n\r\n'",
        "send: b'body'",
        r"reply: 'HTTP/1.1 200 OK\r\n'",
        "header: X: caf\xe9",
    ]


# The search for libcurl


def import_error_with(
    monkeypatch: pytest.MonkeyPatch, found: str | Exception, used: str = ""
) -> str:
    """The message if the core finds the libcurl `found`, and pycurl uses `used`."""

    def load(_: object) -> str:
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(_core, "load", load)
    monkeypatch.setattr(pycurl, "version", f"PycURL/7.45.6 {used or found}")
    with pytest.raises(ImportError) as raised:
        libcurl.find_libcurl()
    assert raised.value.__cause__ is None
    return str(raised.value)


SOUGHT = r"asynchttp looked for libcurl 7\.80 or later through \S+pycurl\S*\.so"


def test_libcurl_with_missing_function_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = import_error_with(monkeypatch, ImportError("libcurl has no function curl_easy_pause"))
    assert re.fullmatch(f"{SOUGHT}: libcurl has no function curl_easy_pause", said)


def test_libcurl_different_from_pycurls_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    said = import_error_with(monkeypatch, "libcurl/8.5.0 OpenSSL/3.0", "libcurl/8.17.0 OpenSSL/3.6")
    words = "and found libcurl/8.5.0 OpenSSL/3.0, but pycurl uses PycURL/7.45.6 libcurl/8.17.0"
    assert re.match(f"{SOUGHT}, {words}", said)


@pytest.mark.parametrize("found", ["libcurl/7.79.1 OpenSSL/1.1", "libcurl/6.99.0", "libcurl/new"])
def test_too_old_libcurl_is_refused(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    assert re.fullmatch(f"{SOUGHT}, and found {found}", import_error_with(monkeypatch, found))


@pytest.mark.parametrize("found", ["libcurl/7.80.0", "libcurl/8.0.0-DEV zlib/1.3", "libcurl/10.1"])
def test_new_enough_libcurl_is_accepted(monkeypatch: pytest.MonkeyPatch, found: str) -> None:
    monkeypatch.setattr(_core, "load", lambda _: found)
    monkeypatch.setattr(pycurl, "version", f"PycURL/7.45.6 {found}")
    libcurl.find_libcurl()


@pytest.mark.parametrize("path", ["/nowhere/pycurl.so", pytest.__file__])
def test_core_names_library_that_cannot_load(path: str) -> None:
    with pytest.raises(ImportError, match=re.escape(path)):
        _core.load(path)


def test_core_names_missing_function_of_libcurl() -> None:
    """The library does not depend on libcurl."""
    with pytest.raises(ImportError, match="libcurl has no function curl_version"):
        _core.load(_core_without_libcurl())


def _core_without_libcurl() -> str:
    found = _core.__file__
    assert found is not None
    return found


def test_import_error_names_both_libcurls() -> None:
    program = """
        import pycurl
        pycurl.version = "PycURL/7.45.6 libcurl/8.999.0"
        for name in [name for name in sys.modules if name.startswith("asynchttp")]:
            del sys.modules[name]
        try:
            import asynchttp
        except ImportError as error:
            print_line(error)
    """
    (said,) = run_python(program).assert_clean()
    assert re.match(f"{SOUGHT}, and found libcurl/.*, but pycurl uses .*libcurl/8.999.0", said)


# Memory


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries may return memory")
def test_freed_memory_is_reused_for_bodies() -> None:
    program = """
        import resource

        def bodies():
            return [bytearray(100_000) for _ in range(20)]

        http = Http()
        bodies()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        for _ in range(20):
            bodies()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
    (faults,) = run_python(program).assert_clean()
    assert int(faults) < 1000  # of about 9,800 written pages
