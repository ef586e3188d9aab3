"""The servers as fixtures.

The web servers live as long as the test run and are reset for each test; a scripted server belongs
to one test. Each server records what arrives: `received`, `arrived`, `closed`.
"""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, settings

from asynchttp import Http
from asynchttp.dispatch import workers as workers_module
from tests.pair_states import PairMaker
from tests.scripted import ScriptedServer
from tests.servers.certificates import Authority, sign_for_this_machine, tls_server_context
from tests.servers.raw import RawServer, Step
from tests.servers.unreachable import (
    SilentNameServer,
    black_hole_port,
    can_replace_name_server,
    refused_port,
)
from tests.servers.web import WebServer
from tests.threads import wake_idle_workers, worker_threads

# A busy machine is no failure.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

# A shell's background jobs, and the programs started by these jobs, ignore Ctrl-C.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

RawServerFactory: TypeAlias = Callable[..., RawServer]
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
def raw_server() -> Iterator[RawServerFactory]:
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
def raw_tls_server(authority: Authority) -> Iterator[RawServerFactory]:
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


@pytest.fixture(scope="session")
def started_core() -> None:
    """Start what all Https share: the core's thread, and a worker."""
    Http().request("http://127.0.0.1:1/").wait()
    assert worker_threads()


@pytest.fixture
def idle_workers_end_soon(started_core: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """All idle workers but the last end soon."""
    monkeypatch.setattr(workers_module, "IDLE", 0.05)
    wake_idle_workers()
