"""Host names: a name server that never answers stalls nobody but those who asked it.

Rule: where names hang, they hang for a program of its own (`tests.servers.unreachable`), which says
how long things took; a name server's own patience ends after 5 s or more.
"""

import httplib2
import pytest

from asynchttp import Http
from tests.conftest import RawServers
from tests.programs import Program, python
from tests.servers.certificates import Authority
from tests.servers.raw import OK, RawServer, head, send
from tests.servers.unreachable import DeadNameServer
from tests.servers.web import WebServer

UNKNOWN = "a." * 130 + "invalid"
"""So long a name that no name server needs to be asked."""

SOON = 10.0
"""Seconds: far below what a lookup takes that hangs."""

PROGRAM = """
import time
from concurrent.futures import CancelledError
url, ca_certs = sys.argv[1:]
began = time.monotonic()
def dead(number=0):
    return f"http://dead-{number}.test/"
"""


def run_where_names_hang(dead_names: DeadNameServer, source: str, *arguments: object) -> list[str]:
    """The lines that the program printed; the last is how many seconds it took."""
    timed = PROGRAM + source + "\nsay(time.monotonic() - began)\n"
    with Program(dead_names.command(*python(timed, *arguments))) as program:
        return program.ended().fine()


def test_names_that_hang_stall_no_others(dead_names: DeadNameServer, server: WebServer) -> None:
    source = """
http = Http(ca_certs=ca_certs)
hanging = [http.request(dead(number)) for number in range(20)]
say(http.request(url).response.status)
say(http.request(url.replace("127.0.0.1", "localhost")).response.status)
say(http.request(url.replace("127.0.0.1", "alive.test")).response.status)
say(sum(promise.done() for promise in hanging))
http.close(cancel_futures=True)
say({type(promise.exception()) if not promise.cancelled() else None for promise in hanging})
"""
    *said, seconds = run_where_names_hang(dead_names, source, server.url("/status/200"), "")
    assert said == ["200", "200", "200", "0", "{None}"]
    assert float(seconds) < SOON


def test_a_lookup_obeys_the_timeout(dead_names: DeadNameServer) -> None:
    source = """
with Http(timeout=0.3) as http:
    promises = [http.request(dead(number // 2)) for number in range(10)]
    say({type(promise.exception()) for promise in promises})
    say(len({id(promise.exception()) for promise in promises}))
"""
    *said, seconds = run_where_names_hang(dead_names, source, "", "")
    assert said == ["{<class 'TimeoutError'>}", "10"]
    assert 0.3 <= float(seconds) < SOON


def test_a_lookup_can_be_cancelled(dead_names: DeadNameServer, server: WebServer) -> None:
    """And lets go of its slot."""
    source = """
with Http(max_workers=1) as http:
    hanging, waiting = http.request(dead()), http.request(url)
    while not hanging.running():
        time.sleep(0)
    say(hanging.cancel())
    say(waiting.response.status)
    try:
        hanging.result()
    except CancelledError:
        say("cancelled")
"""
    *said, seconds = run_where_names_hang(dead_names, source, server.url("/status/200"), "")
    assert said == ["True", "200", "cancelled"]
    assert float(seconds) < SOON


def test_a_program_does_not_wait_for_a_lookup_that_nobody_wants(
    dead_names: DeadNameServer,
) -> None:
    source = """
http = Http(timeout=0.2)
http.request(dead()).exception()
"""
    with Program(dead_names.command(*python(PROGRAM + source, "", ""))) as program:
        assert program.ended().fine() == []


def test_a_name_that_was_looked_up_is_the_one_of_the_certificate(
    dead_names: DeadNameServer, raw_tls_server: RawServers, authority: Authority
) -> None:
    secure = raw_tls_server([head, send(OK)], pem=authority.sign("alive.test"))
    source = """
with Http(ca_certs=ca_certs) as http:
    say(http.request(url.replace("localhost", "alive.test"))[1])
    say(type(http.request(url).exception()))
"""
    *said, _ = run_where_names_hang(dead_names, source, secure.url(), authority.pem)
    assert said == ["ok", "<class 'ssl.SSLCertVerificationError'>"]
    assert b"Host: alive.test" in secure.heads[0]


def test_the_same_name_with_another_port(
    dead_names: DeadNameServer, raw_server: RawServers
) -> None:
    servers: list[RawServer] = [raw_server([head, send(OK)]) for _ in range(2)]
    source = """
with Http() as http:
    for each in url.split():
        say(http.request(each.replace("127.0.0.1", "alive.test"))[1])
"""
    urls = " ".join(server.url() for server in servers)
    assert run_where_names_hang(dead_names, source, urls, "")[:-1] == ["ok", "ok"]
    assert [len(server.heads) for server in servers] == [1, 1]


def test_an_unknown_name_is_what_it_is_to_httplib2() -> None:
    said = []
    for client in (httplib2.Http, Http):
        http = client()
        with pytest.raises(httplib2.ServerNotFoundError) as raised:
            bytes(http.request(f"http://{UNKNOWN}:8080/")[1])
        said.append(str(raised.value))
        http.close()
    assert said[0] == said[1]


def test_an_unknown_name_is_looked_up_anew() -> None:
    with Http() as http:
        errors = [http.request(f"http://{UNKNOWN}/").exception() for _ in range(3)]
    assert [type(error) for error in errors] == [httplib2.ServerNotFoundError] * 3


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "127.0.0.1"])
def test_names_of_this_machine(server: WebServer, host: str) -> None:
    with Http() as http:
        response, _ = http.request(server.url("/status/200").replace("127.0.0.1", host))
        assert response.status == 200
