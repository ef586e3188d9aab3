"""The servers as fixtures.

The web servers live as long as the test run and are made as good as new for each test; the
scripted ones belong to one test. What any of them saw is on it: `received`, `gate()`, `closed`.
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
from tests.scripted import ScriptedServer
from tests.servers.certificates import Authority, local, server_context
from tests.servers.raw import RawServer, Step
from tests.servers.seen import PATIENCE
from tests.servers.unreachable import (
    DeadNameServer,
    black_hole_port,
    can_replace_name_server,
    refused_port,
)
from tests.servers.web import WebServer
from tests.states import Rig

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# Shells have what runs in the background ignore Ctrl-C, and all programs that it starts.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

RawServers: TypeAlias = Callable[..., RawServer]
"""Makes a server from scripts: `raw_server([head, send(OK)])`; see `tests.servers.raw`."""


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Who signed the servers' certificates: a client is to trust the file `authority.pem`."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def authority_file(authority: Authority) -> str:
    """What a client takes as `ca_certs` to trust them."""
    return str(authority.pem)


@pytest.fixture(scope="session")
def _plain_server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture(scope="session")
def _tls_server(authority: Authority) -> Iterator[WebServer]:
    with WebServer(local(authority)) as server:
        yield server


@pytest.fixture(scope="session")
def _tls_h1_server(authority: Authority) -> Iterator[WebServer]:
    with WebServer(local(authority), alpn=("http/1.1",)) as server:
        yield server


@pytest.fixture
def server(_plain_server: WebServer) -> Iterator[WebServer]:
    """HTTP/1.1 over plain TCP."""
    with _plain_server.borrowed():
        yield _plain_server


@pytest.fixture
def tls_server(_tls_server: WebServer) -> Iterator[WebServer]:
    """HTTP/2 over TLS, or HTTP/1.1 for a client that prefers it."""
    with _tls_server.borrowed():
        yield _tls_server


@pytest.fixture
def tls_h1_server(_tls_h1_server: WebServer) -> Iterator[WebServer]:
    """HTTP/1.1 over TLS."""
    with _tls_h1_server.borrowed():
        yield _tls_h1_server


@pytest.fixture(params=["server", "tls_server", "tls_h1_server"])
def any_server(request: pytest.FixtureRequest) -> WebServer:
    """Each of these in its turn."""
    found: WebServer = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def raw_server() -> Iterator[RawServers]:
    """Makes scripted servers, and closes them after the test."""
    with ExitStack() as servers:

        def start(*scripts: list[Step]) -> RawServer:
            return servers.enter_context(RawServer(*scripts))

        yield start


@pytest.fixture
def scripted() -> ScriptedServer:
    """No server: an Http of its own, whose transfers wait until the test answers them."""
    return ScriptedServer()


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """Makes pairs in every state that there is; see `tests.states`."""
    rig = Rig()
    yield rig
    rig.close()


@pytest.fixture
def raw_tls_server(authority: Authority) -> Iterator[RawServers]:
    """The same over TLS, with a good certificate unless `pem` is another one."""
    with ExitStack() as servers:

        def start(*scripts: list[Step], pem: Path | None = None) -> RawServer:
            tls = server_context(pem or local(authority))
            return servers.enter_context(RawServer(*scripts, tls=tls))

        yield start


@pytest.fixture
def refused() -> Iterator[str]:
    """A URL whose server refuses connections."""
    with refused_port() as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def black_hole() -> Iterator[str]:
    """A URL to which no connection is ever made."""
    with black_hole_port() as port:
        yield f"http://127.0.0.1:{port}/"


@pytest.fixture
def dead_names(tmp_path: Path) -> Iterator[DeadNameServer]:
    """Where looking up a name hangs, for a program of its own. CI never skips it."""
    if not can_replace_name_server() and "CI" not in os.environ:
        pytest.skip("a name server that never answers takes Linux, root and unshare")
    with DeadNameServer(tmp_path) as names:
        yield names


def workers_now() -> set[threading.Thread]:
    """The workers that the process has now, for all Https."""
    return set(workers._threads)


@pytest.fixture(scope="session")
def core_runs() -> None:
    """What the process has once for all Https is there: the core's thread, and a worker."""
    Http().request("http://127.0.0.1:1/").wait()
    assert workers_now()


@pytest.fixture
def idle_workers_end(core_runs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers that are idle end soon, but for one."""
    monkeypatch.setattr(workers_module, "IDLE", 0.05)
    wake_idle_workers()


def wake_idle_workers() -> None:
    """From now on they wait as long as IDLE says now."""
    while _core.call_waiting():
        pass


def until_one_worker_is_left() -> None:
    """Where `idle_workers_end`."""
    ends = time.monotonic() + PATIENCE
    while len(workers_now()) > 1:
        assert time.monotonic() < ends, workers_now()
        time.sleep(0.01)  # there is no event for it
    [last] = workers_now()
    for thread in threading.enumerate():
        if thread.name == last.name and thread is not last:
            thread.join(PATIENCE)
            assert not thread.is_alive()
