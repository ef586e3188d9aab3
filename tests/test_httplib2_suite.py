"""httplib2's own test suite passes with asynchttp's Http in place of httplib2's, in both forms.

The suite is fetched (tests/suite); each form runs in a separate pytest, both at the same time.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.suite.distribution import NotFetchedError, fetched_suite
from tests.suite.run import Report, Run

pytestmark = pytest.mark.timeout(150)  # the suite sleeps for 20 s, and the machine may be busy

FORMS = ("blocking", "lazy")
PASS_ON_HTTPLIB2 = 510
"""The number of tests that pass with httplib2 0.32 itself."""
MAKE_REQUESTS = 90
"""The least number of tests that make requests."""
PROPER_SOURCES = {"libcurl", "cache", "connection_type"}
MOST_EXCEPTIONS = 4

EXPECTED_FAILURES = {
    "test_https.py::test_max_tls_version": "asks httplib2's own socket for its cipher",
    "test_https.py::test_not_trusted_ca": "its server waits for an alert: libcurl sends none, since"
    " it judges a certificate after the handshake",
    "test_other.py::test_close": "counts httplib2's own connections",
    "test_other.py::test_pickle_http_with_connection": "looks for a connection in the"
    " Http: the client of a worker has it",
}
"""The tests that cannot pass, each with the reason."""

REPLACE_PARTS = {
    "test_http.py::test_connection_refused_raises_exception",
    "test_http.py::test_connection_refused_returns_response",
    "test_http.py::test_unknown_server",
    "test_other.py::test_connect_exception_type",
    "test_other.py::test_http_443_forced_https",
    "test_proxy.py::test_server_not_found_error_is_raised_for_invalid_hostname",
}
"""The tests that replace the connect of Python's sockets, or a method of Http: httplib2's own code
makes the requests."""


@pytest.fixture(scope="module")
def suite(pytestconfig: pytest.Config) -> Path:
    """The directory of httplib2's tests."""
    assert pytestconfig.cache is not None
    return fetched_suite(pytestconfig.cache.mkdir("httplib2"))


@pytest.fixture(scope="module")
def runs(suite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Run]]:
    with ExitStack() as running:
        yield {
            form: running.enter_context(Run(suite, form, tmp_path_factory.mktemp(form)))
            for form in FORMS
        }


@pytest.fixture(params=FORMS)
def report(request: pytest.FixtureRequest, runs: dict[str, Run]) -> Report:
    return runs[request.param].report()


def test_httplib2_suite_passes_except_expected_failures(report: Report) -> None:
    unexpected = {
        name: text for name, text in report.failed.items() if name not in EXPECTED_FAILURES
    }
    if unexpected:
        pytest.fail("\n\n".join([*unexpected, *unexpected.values()]), pytrace=False)
    assert set(report.failed) == set(EXPECTED_FAILURES), "an expected failure passes, or is gone"
    assert len(report.passed) + len(EXPECTED_FAILURES) >= PASS_ON_HTTPLIB2


def test_expected_failures_are_few() -> None:
    assert len(EXPECTED_FAILURES) <= MOST_EXCEPTIONS


def test_httplib2_suite_makes_requests_by_libcurl(report: Report) -> None:
    """Exceptions: answers of the cache, requests with a `connection_type`, and `REPLACE_PARTS`."""
    improper = {
        source: names for source, names in report.sources.items() if source not in PROPER_SOURCES
    }
    assert {name for names in improper.values() for name in names} == REPLACE_PARTS
    assert len(set(report.sources["libcurl"])) >= MAKE_REQUESTS


def test_suite_plugin_detects_sockets_of_httplib2(suite: Path, tmp_path: Path) -> None:
    with Run(suite, "plain", tmp_path, "-k", "test_get_is_default_method") as run:
        only = "test_http.py::test_get_is_default_method"
        assert run.report() == Report([only], {}, {"sockets": [only]})


def test_fetching_suite_without_index_raises_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(NotFetchedError, match="could not be fetched"):
        fetched_suite(tmp_path)
    assert not list(tmp_path.iterdir()), "a partial suite would be used the next time"
