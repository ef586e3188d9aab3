"""The servers of the tests work as documented, as seen by plain httplib2 and bare sockets.

Rule: only behaviour that several tests rely on; further behaviour is shown by the test using it.
"""

import json
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import httplib2
import pycurl
import pytest

from tests.conftest import RawServerFactory
from tests.servers.app import METHODS, patterned_bytes
from tests.servers.certificates import Authority, sign_expired, sign_for_other_host
from tests.servers.event_log import EventLog
from tests.servers.raw import (
    OK,
    RawServer,
    read_body,
    read_head,
    read_until_closed,
    reset_connection,
    send,
    send_slowly,
    wait_for_event,
)
from tests.servers.unreachable import SilentNameServer
from tests.servers.web import WebServer


@pytest.fixture
def client(authority: Authority) -> Iterator[httplib2.Http]:
    with closing(httplib2.Http(timeout=5, ca_certs=str(authority.pem))) as http:
        yield http


def get(client: httplib2.Http, url: str) -> bytes:
    content = client.request(url)[1]
    assert isinstance(content, bytes)
    return content


# The event log


def test_event_log_wait_returns_when_count_is_reached() -> None:
    seen: EventLog[str] = EventLog()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(seen.wait_for, 2)
        for item in ("a", "b", "c"):
            seen.add(item)
        assert waiting.result() == ["a", "b"]


def test_event_log_wait_in_vain_fails_and_shows_items() -> None:
    seen: EventLog[str] = EventLog()
    seen.add("only this")
    with pytest.raises(AssertionError, match=r"waited for 2, but saw .*only this"):
        seen.wait_for(2, timeout=0)


# The application


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reaches_web_server(
    server: WebServer, client: httplib2.Http, method: str
) -> None:
    client.request(server.url("/echo?x=1"), method)
    assert [(each.method, each.target) for each in server.received] == [(method, "/echo?x=1")]


def test_echo_path_returns_request_as_json(server: WebServer, client: httplib2.Http) -> None:
    headers = {"X-Name": "value"}
    content = client.request(server.url("/echo"), "POST", b"caf\xe9", headers)[1]
    echoed = json.loads(content)
    assert (echoed["method"], echoed["body"], echoed["version"]) == ("POST", "caf\xe9", "1.1")
    assert ["x-name", "value"] in echoed["headers"]


def test_web_server_keeps_connection_open(server: WebServer, client: httplib2.Http) -> None:
    for _ in range(3):
        get(client, server.url())
    assert len({each.port for each in server.received}) == 1


def test_status_path_sends_requested_headers(server: WebServer) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"GET /status/404?X-Twice=a&X-Twice=b HTTP/1.0\r\n\r\n")
        answer = raw.makefile("rb").read()
    assert answer.startswith(b"HTTP/1.1 404")
    assert answer.index(b"x-twice: a\r\n") < answer.index(b"x-twice: b\r\n")


@pytest.mark.parametrize("code", [204, 304])
def test_status_204_and_304_have_no_body(
    server: WebServer, client: httplib2.Http, code: int
) -> None:
    assert get(client, server.url(f"/status/{code}")) == b""
    assert get(client, server.url("/status/200")) == b"status 200"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("absolute", ["", "&absolute=1"])
def test_hops_path_redirects_to_echo(
    server: WebServer, client: httplib2.Http, code: int, absolute: str
) -> None:
    echoed = json.loads(get(client, server.url(f"/hops/3?code={code}{absolute}")))
    assert echoed["target"] == "/echo"
    assert len(server.received) == 4


def test_loop_path_redirects_endlessly(server: WebServer, client: httplib2.Http) -> None:
    with pytest.raises(httplib2.RedirectLimit):
        client.request(server.url("/loop"))


@pytest.mark.parametrize("chunked", ["", "?chunked=1"])
@pytest.mark.parametrize("count", [0, 1, 200_000])
def test_bytes_path_sends_requested_count(
    server: WebServer, client: httplib2.Http, count: int, chunked: str
) -> None:
    response, content = client.request(server.url(f"/bytes/{count}{chunked}"))
    assert content == patterned_bytes(0, count)
    assert len(content) == count
    assert ("transfer-encoding" in response) == bool(chunked)


def test_head_request_gets_no_body(server: WebServer, client: httplib2.Http) -> None:
    response, content = client.request(server.url("/bytes/10"), "HEAD")
    assert (response["content-length"], content) == ("10", b"")


def test_text_path_encodes_in_charset(server: WebServer, client: httplib2.Http) -> None:
    response, content = client.request(server.url("/text/utf-16-le?text=%C3%BC"))
    assert (response["content-type"], content) == ("text/plain; charset=utf-16-le", b"\xfc\x00")


@pytest.mark.parametrize("coding", ["gzip", "zlib", "deflate"])
def test_coded_path_sends_decodable_content(
    server: WebServer, client: httplib2.Http, coding: str
) -> None:
    response, content = client.request(server.url(f"/coded/{coding}?text=plain&zeros=100000"))
    assert content == b"plain" + bytes(100_000)
    assert response["-content-encoding"] == {"gzip": "gzip"}.get(coding, "deflate")


def test_not_gzip_path_cannot_be_decoded(server: WebServer, client: httplib2.Http) -> None:
    with pytest.raises(httplib2.FailedToDecompressContent):
        client.request(server.url("/not-gzip"))


@pytest.mark.parametrize("where", ["head", "body"])
def test_slow_path_delays_head_or_body(server: WebServer, where: str) -> None:
    with closing(httplib2.Http(timeout=0.2)) as impatient, pytest.raises(TimeoutError):
        impatient.request(server.url(f"/slow?{where}=5"))


def test_drip_path_pauses_between_bytes(server: WebServer, client: httplib2.Http) -> None:
    began = time.monotonic()
    assert get(client, server.url("/drip/4?every=0.05")) == patterned_bytes(0, 4)
    assert time.monotonic() - began > 0.15


# Held answers


def test_held_request_waits_until_answered(server: WebServer, client: httplib2.Http) -> None:
    held = server.hold_answers()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(get, client, held.url("first"))
        assert held.arrived.wait_for(1) == ["first"]
        assert (held.waiting, asked.done()) == (1, False)
        held.answer()
        assert asked.result() == b"first"
    assert (held.waiting, held.most_waiting, len(held.aborted)) == (0, 1, 0)


def test_held_answers_count_waiting_requests(server: WebServer) -> None:
    held = server.hold_answers()
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(get_alone, held.url(str(number))) for number in range(3)]
        assert sorted(held.arrived.wait_for(3)) == ["0", "1", "2"]
        held.answer_all()
        assert [each.result() for each in asked] == [b"0", b"1", b"2"]
    assert (held.waiting, held.most_waiting) == (0, 3)
    assert get_alone(held.url("late")) == b"late"


def get_alone(url: str) -> bytes:
    with closing(httplib2.Http(timeout=5)) as http:
        return get(http, url)


@pytest.mark.parametrize("sent", ["", "&sent=2"])
def test_held_answers_record_disconnected_client(server: WebServer, sent: str) -> None:
    held = server.hold_answers()
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        path = held.url("gone" + sent).removeprefix(server.url(""))
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        held.arrived.wait_for(1)
    assert held.aborted.wait_for(1) == ["gone"]
    assert held.waiting == 0


def test_held_answers_record_reset_http_2_stream(
    tls_server: WebServer, authority: Authority
) -> None:
    held = tls_server.hold_answers()
    with closing(libcurl(held.url("reset", sent=2), authority)) as curl:
        curl.setopt(pycurl.WRITEFUNCTION, lambda _: 0)  # 0 bytes taken: libcurl aborts
        with pytest.raises(pycurl.error):
            curl.perform()
        assert held.aborted.wait_for(1) == ["reset"]
        assert tls_server.received[0].version == "2"


def libcurl(url: str, authority: Authority) -> pycurl.Curl:
    curl = pycurl.Curl()
    curl.setopt(pycurl.URL, url)
    curl.setopt(pycurl.CAINFO, str(authority.pem))
    return curl


# TLS


def test_tls_server_offers_http_1_and_2(
    tls_server: WebServer, client: httplib2.Http, authority: Authority
) -> None:
    assert json.loads(get(client, tls_server.url()))["version"] == "1.1"
    with closing(libcurl(tls_server.url(), authority)) as curl:
        assert json.loads(curl.perform_rb())["version"] == "2"


def test_tls_h1_server_offers_only_http_1(tls_h1_server: WebServer, authority: Authority) -> None:
    with closing(libcurl(tls_h1_server.url(), authority)) as curl:
        assert json.loads(curl.perform_rb())["version"] == "1.1"


def test_authority_is_not_trusted_by_default(tls_server: WebServer, tmp_path: Path) -> None:
    stranger = Authority(tmp_path)
    with (
        closing(httplib2.Http(timeout=5, ca_certs=str(stranger.pem))) as http,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        http.request(tls_server.url())


@pytest.mark.parametrize(
    ("sign", "reason"), [(sign_expired, "expired"), (sign_for_other_host, "Hostname mismatch")]
)
def test_bad_certificate_is_rejected_with_reason(
    raw_tls_server: RawServerFactory,
    client: httplib2.Http,
    authority: Authority,
    sign: Callable[[Authority], Path],
    reason: str,
) -> None:
    bad = raw_tls_server([read_head, send(OK)], pem=sign(authority))
    with pytest.raises(ssl.SSLCertVerificationError, match=reason):
        client.request(bad.url())


# Scripts


def test_raw_server_plays_script_per_connection(raw_server: RawServerFactory) -> None:
    raw = raw_server([read_head, send(OK)], [read_head, send(OK.replace(b"ok", b"no"))])
    assert [get_alone(raw.url(path)) for path in ("/a", "/b", "/c")] == [b"ok", b"no", b"no"]
    assert [each.split(b" ")[1] for each in raw.heads] == [b"/a", b"/b", b"/c"]
    assert len(raw.accepted) == 3


def test_raw_server_plays_script_over_tls(
    raw_tls_server: RawServerFactory, client: httplib2.Http
) -> None:
    raw = raw_tls_server([read_head, read_body(4), send(OK), read_until_closed])
    assert client.request(raw.url(), "POST", b"four")[1] == b"ok"
    client.close()
    assert raw.bodies.wait_for(1) == [b"four"]
    assert raw.closed.wait_for(1) == list(raw.accepted)


def test_reset_connection_step_resets_connection(raw_server: RawServerFactory) -> None:
    raw = raw_server([read_head, send(b"HTTP/1.1 200 OK\r\n"), reset_connection])
    with socket.create_connection(("127.0.0.1", raw.port)) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.makefile("rb").read()


def test_send_slowly_step_pauses_between_bytes(raw_server: RawServerFactory) -> None:
    raw = raw_server([send_slowly(b"abc", every=0.05)])
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", raw.port)) as connection:
        pieces = list(iter(lambda: connection.recv(100), b""))
    assert b"".join(pieces) == b"abc"
    assert time.monotonic() - began > 0.1


def test_wait_for_event_step_waits(raw_server: RawServerFactory) -> None:
    may_go = threading.Event()
    raw = raw_server([wait_for_event(may_go), send(b"now")])
    with socket.create_connection(("127.0.0.1", raw.port)) as connection:
        connection.settimeout(0.1)
        with pytest.raises(TimeoutError):
            connection.recv(3)
        may_go.set()
        connection.settimeout(5)
        assert connection.recv(3) == b"now"


def test_read_until_closed_step_records_close(raw_server: RawServerFactory) -> None:
    raw = raw_server([read_until_closed])
    with socket.create_connection(("127.0.0.1", raw.port)):
        raw.accepted.wait_for(1)
        assert len(raw.closed) == 0
    assert raw.closed.wait_for(1) == list(raw.accepted)


def test_closing_raw_server_ends_all_threads() -> None:
    before = count_raw_server_threads()
    with ExitStack() as clients:
        with RawServer([read_until_closed], [read_head], [send_slowly(b"slow", every=60)]) as raw:
            for _ in range(3):
                clients.enter_context(socket.create_connection(("127.0.0.1", raw.port)))
            raw.accepted.wait_for(3)
            assert count_raw_server_threads() > before
        assert count_raw_server_threads() == before


def count_raw_server_threads() -> int:
    """The number of raw servers' threads."""
    return sum(each.name.startswith("raw-") for each in threading.enumerate())


def test_error_in_script_is_raised_by_close() -> None:
    def wrong(_: object) -> None:
        raise ValueError("a step of the script")

    raw = RawServer([wrong])
    assert first_byte(raw.port) == b""
    with pytest.raises(ValueError, match="a step of the script"):
        raw.close()


def first_byte(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as connection:
        return connection.recv(1)


# Unreachable addresses and names


def test_refused_port_refuses_connection(refused_url: str) -> None:
    with pytest.raises(ConnectionRefusedError):
        get_alone(refused_url)


def test_black_hole_port_lets_connect_hang(black_hole_url: str) -> None:
    with closing(httplib2.Http(timeout=0.3)) as impatient, pytest.raises(TimeoutError):
        impatient.request(black_hole_url)


LOOKS_UP = """
import socket
assert socket.gethostbyname("alive.test") == "127.0.0.1"
socket.getaddrinfo("dead.test", 80)
"""


def test_silent_name_server_lets_lookup_hang(silent_name_server: SilentNameServer) -> None:
    asking = subprocess.Popen(silent_name_server.command(sys.executable, "-c", LOOKS_UP))
    try:
        assert b"\x04dead\x04test" in silent_name_server.wait_for_question()
        assert asking.poll() is None
    finally:
        asking.kill()
        asking.wait()
