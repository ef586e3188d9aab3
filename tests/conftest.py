"""The servers as fixtures.

The web servers live as long as the test run and are reset for each test; a scripted server belongs
to one test. Each server records what arrives: `received`, `arrived`, `closed`.
"""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, settings

from asynchttp import Http, _core
from asynchttp.dispatch import workers as workers_module
from asynchttp.dispatch.workers import workers
from tests.pair_states import PairMaker
from tests.scripted import ScriptedServer
from tests.servers.certificates import Authority, sign_for_this_machine, tls_server_context
from tests.servers.event_log import PATIENCE
from tests.servers.raw import RawServer, Step
from tests.servers.unreachable import (
    SilentNameServer,
    black_hole_port,
    can_replace_name_server,
    refused_port,
)
from tests.servers.web import WebServer

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A shell's background jobs, and the programs started by these jobs, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

RawServers: TypeAlias = Callable[..., RawServer]
"""Makes a server from scripts: `raw_server([head, send(OK)])`; see `tests.servers.raw`."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The signer of the servers' certificates; clients trust the file `authority.pem`."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority_file(authority: Authority) -> str:
    """The `ca_certs` with which a client trusts the servers."""
    return str(authority.pem)


@pytest.fixture(scope="session")
def _plain_server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture(scope="session")
def _tls_server(authority: Authority) -> Iterator[WebServer]:
    with WebServer(sign_for_this_machine(authority)) as server:
        yield server


@pytest.fixture(scope="session")
def _tls_h1_server(authority: Authority) -> Iterator[WebServer]:
    with WebServer(sign_for_this_machine(authority), alpn=("http/1.1",)) as server:
        yield server


@pytest.fixture
def server(_plain_server: WebServer) -> Iterator[WebServer]:
    """HTTP/1.1 over plain TCP."""
    with _plain_server.used_by_one_test():
        yield _plain_server


@pytest.fixture
def tls_server(_tls_server: WebServer) -> Iterator[WebServer]:
    """HTTP/2 over TLS, or HTTP/1.1 for a client that prefers HTTP/1.1."""
    with _tls_server.used_by_one_test():
        yield _tls_server


@pytest.fixture
def tls_h1_server(_tls_h1_server: WebServer) -> Iterator[WebServer]:
    """HTTP/1.1 over TLS."""
    with _tls_h1_server.used_by_one_test():
        yield _tls_h1_server


@pytest.fixture(params=["server", "tls_server", "tls_h1_server"])
def any_server(request: pytest.FixtureRequest) -> WebServer:
    """Run the test once with each of these servers."""
    found: WebServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def raw_server() -> Iterator[RawServers]:
    """Make scripted servers, and close the servers after the test."""
    with ExitStack() as servers:

        def start(*scripts: list[Step]) -> RawServer:
            return servers.enter_context(RawServer(*scripts))

        yield start


@pytest.fixture
def scripted() -> ScriptedServer:
    """No server: transfers of its Https wait until the test answers."""
    return ScriptedServer()


@pytest.fixture(scope="module")
def pair_maker() -> Iterator[PairMaker]:
    """Make pairs in every state; see `tests.pair_states`."""
    pair_maker = PairMaker()
    yield pair_maker
    pair_maker.close()


@pytest.fixture
def raw_tls_server(authority: Authority) -> Iterator[RawServers]:
    """As `raw_server` over TLS, with a good certificate unless `pem` is given."""
    with ExitStack() as servers:

        def start(*scripts: list[Step], pem: Path | None = None) -> RawServer:
            tls = tls_server_context(pem or sign_for_this_machine(authority))
            return servers.enter_context(RawServer(*scripts, tls=tls))

        yield start


@pytest.fixture
def refused_url() -> Iterator[str]:
    """A URL whose server refuses connections."""
    with refused_port() as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def black_hole_url() -> Iterator[str]:
    """A URL whose connection is never made."""
    with black_hole_port() as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def silent_name_server(tmp_path: Path) -> Iterator[SilentNameServer]:
    """Runs a program in which name lookups hang. CI never skips such tests."""
    if not can_replace_name_server() and "CI" not in os.environ:
        pytest.skip("a name server that never answers needs Linux, root and unshare")
    with SilentNameServer(tmp_path) as names:
        yield names


def workers_now() -> set[threading.Thread]:
    """The process's present workers, which serve all Https."""
    return set(workers._threads)


@pytest.fixture(scope="session")
def core_runs() -> None:
    """Start what all Https share: the core's thread, and a worker."""
    Http().request("http://127.0.0.1:1/").wait()
    assert workers_now()


@pytest.fixture
def idle_workers_end(core_runs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All idle workers but the last end soon."""
    monkeypatch.setattr(workers_module, "IDLE", 0.05)
    wake_idle_workers()


def wake_idle_workers() -> None:
    """Let every idle worker read the present value of IDLE."""
    while _core.call_waiting():
        pass


def until_one_worker_is_left() -> None:
    """Wait for the end of the other workers; needs the fixture `idle_workers_end`."""
    ends = time.monotonic() + PATIENCE
    while len(workers_now()) > 1:
        assert time.monotonic() < ends, workers_now()
        time.sleep(0.01)  # the end of a worker sets no event
    [last] = workers_now()
    for thread in threading.enumerate():
        if thread.name == last.name and thread is not last:
            thread.join(PATIENCE)
            assert not thread.is_alive()
