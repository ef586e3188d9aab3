"""Libraries that extend httplib2 pass their own tests with asynchttp's Http: signing, cassettes,
intercepted connections, forbidden sockets.

Rules:
- `make test` runs a selection, `make suites` everything (SUITES=full), with further packages.
- Suites whose library gives contents to `io.BytesIO` run with the blocking form only: on Python
  3.11 a lazy content is no buffer.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import vcr

from asynchttp import Http
from tests.servers.event_log import PATIENCE
from tests.servers.web import WebServer
from tests.suite.libraries import folder_of, run_zope_tests
from tests.suite.run import Report, Run

IS_FULL = os.environ.get("SUITES") == "full"
LAUNCHPADLIB, RESTFULCLIENT, WSGI_INTERCEPT = 161, 60, 8
"""The tests that pass with httplib2 itself."""
OF_LAUNCHPAD_HTTP, DOCUMENTS = 10, 2
"""The same in the selections."""

# As lazr.restfulclient runs its documents.
DOCUMENT_OPTIONS = (
    "--doctest-glob=*.standalone.rst",
    "-o",
    "doctest_optionflags=ELLIPSIS NORMALIZE_WHITESPACE IGNORE_EXCEPTION_DETAIL",
)

only_full = pytest.mark.skipif(not IS_FULL, reason="for `make suites`")


def run_suite(tests: Path, form: str, place: Path, *options: str) -> Report:
    with Run(tests, form, place, *options) as run:
        report = run.report()
    if report.failed:
        pytest.fail("\n\n".join([*report.failed, *report.failed.values()]), pytrace=False)
    return report


def test_launchpadlib_suite_passes(tmp_path: Path) -> None:
    folder = folder_of("launchpadlib")
    tests = folder if IS_FULL else folder / "tests" / "test_http.py"
    report = run_suite(tests, "blocking", tmp_path)
    assert len(report.passed) >= (LAUNCHPADLIB if IS_FULL else OF_LAUNCHPAD_HTTP)


def test_restfulclient_signs_requests(tmp_path: Path) -> None:
    """The document about authorizers shows the signature of each request."""
    documents = folder_of("lazr.restfulclient") / "docs"
    report = run_suite(documents, "blocking", tmp_path, *DOCUMENT_OPTIONS)
    assert len(report.passed) == DOCUMENTS


@only_full
def test_restfulclient_suite_passes() -> None:
    passed, output = run_zope_tests("lazr.restfulclient")
    assert passed >= RESTFULCLIENT, output


@pytest.mark.parametrize("form", ["blocking", "lazy"])
def test_wsgi_intercept_suite_passes(tmp_path: Path, form: str) -> None:
    tests = folder_of("wsgi_intercept") / "tests" / "test_httplib2.py"
    assert len(run_suite(tests, form, tmp_path).passed) >= WSGI_INTERCEPT


# Cassettes of vcrpy

Pair = tuple[int, bytes]


def ask(http: Http, url: str) -> Pair:
    response, content = http.request(url)
    return response.status, bytes(content)


def ask_and_await(http: Http, url: str) -> Pair:
    async def await_answer() -> Pair:
        response, content = await http.request(url)
        return response.status, content

    return asyncio.run(await_answer())


@pytest.mark.parametrize(
    ("is_blocking", "ask"),
    [(True, ask), (False, ask), (False, ask_and_await)],
    ids=["blocking", "lazy", "awaited"],
)
def test_vcrpy_cassette_records_and_replays(
    server: WebServer, tmp_path: Path, is_blocking: bool, ask: Callable[[Http, str], Pair]
) -> None:
    urls = [server.url(f"/bytes/{size}") for size in range(5)]
    cassette: Any = vcr.use_cassette
    with Http(blocking=is_blocking, timeout=PATIENCE) as http:
        with cassette(str(tmp_path / "cassette.yaml")):
            recorded = [ask(http, url) for url in urls]
        with cassette(str(tmp_path / "cassette.yaml")) as replaying:
            assert [ask(http, url) for url in urls] == recorded
        assert (replaying.play_count, len(server.received)) == (5, 5)
        assert ask(http, urls[0]) == recorded[0]
    assert len(server.received) == 6


def test_vcrpy_replays_requests_that_are_pending_at_once(server: WebServer, tmp_path: Path) -> None:
    """Equal requests get the recorded answers in order."""
    cassette: Any = vcr.use_cassette
    statuses = []
    with Http(timeout=PATIENCE) as http:
        for _ in range(2):
            with cassette(str(tmp_path / "cassette.yaml"), match_on=["method"]):
                urls = [server.url(f"/status/{status}") for status in range(200, 204)]
                promises = [http.request(url) for url in urls]
                statuses.append([promise.response.status for promise in promises])
    assert statuses == [[200, 201, 202, 203]] * 2
    assert len(server.received) == 4


# pytest-socket

OF_PYTEST_SOCKET = """
import os
import pytest
import pytest_socket
from asynchttp import Http

FORBIDDEN = (pytest_socket.SocketBlockedError, pytest_socket.SocketConnectBlockedError)
URL = os.environ["SERVER"]

def check_forbidden():
    with Http(blocking=True) as http, pytest.raises(FORBIDDEN):
        http.request(URL)
    with Http() as http, pytest.raises(FORBIDDEN):
        http.request(URL).response.status

@pytest.mark.enable_socket
def test_request_is_made():
    assert Http(blocking=True).request(URL)[0].status == 200

def test_request_is_forbidden():
    check_forbidden()

@pytest.mark.allow_hosts(["127.0.0.1"])
def test_request_to_allowed_host_is_made():
    assert Http(blocking=True).request(URL)[0].status == 200

@pytest.mark.allow_hosts(["127.0.0.2"])
def test_request_to_other_host_is_forbidden():
    check_forbidden()
"""


def test_pytest_socket_forbids_requests(server: WebServer, tmp_path: Path) -> None:
    tests = tmp_path / "test_forbidden.py"
    tests.write_text(OF_PYTEST_SOCKET)
    options = ["-q", "--disable-socket", "-p", "no:cacheprovider", "-p", "no:xdist"]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", os.devnull, str(tests)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"SERVER": server.url()},
    )
    assert "4 passed" in ended.stdout, ended.stdout
    assert len(server.received) == 2
