"""httplib2's own test suite passes with asynchttp's Http in place of httplib2's, in both forms.

Its tests are fetched (tests/suite); each form runs in a pytest of its own, both at the same time.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.suite.distribution import NotFetchedError, fetched_suite
from tests.suite.run import Report, Run

pytestmark = pytest.mark.timeout(150)  # they sleep for 20 s, and the machine may be busy

FORMS = ("blocking", "lazy")
PASS_ON_HTTPLIB2 = 510
"""So many of its tests pass on httplib2 0.32 itself."""
MAKE_REQUESTS = 90
"""At least so many of them do."""
PROPER_WAYS = {"libcurl", "cache", "connection_type"}
MOST_EXCEPTIONS = 8

CANNOT = {
    "test_https.py::test_max_tls_version": "asks httplib2's own socket for its cipher",
    "test_https.py::test_not_trusted_ca": "its server waits for an alert: libcurl sends none, since"
    " it judges a certificate after the handshake",
    "test_other.py::test_close": "counts httplib2's own connections",
    "test_other.py::test_connect_exception_type": "replaces the connect of Python's sockets",
    "test_other.py::test_http_443_forced_https": "replaces a private method of httplib2's Http",
    "test_other.py::test_pickle_http_with_connection": "looks for a connection in the"
    " Http: the client of a worker has it",
    "test_proxy.py::test_server_not_found_error_is_raised_for_invalid_hostname": "replaces the"
    " connect of Python's sockets, and has a proxy at an address where there is none",
}
"""The tests that cannot pass, each with the reason."""


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


def test_all_pass_but_those_that_cannot(report: Report) -> None:
    unexpected = {name: text for name, text in report.failed.items() if name not in CANNOT}
    if unexpected:
        pytest.fail("\n\n".join([*unexpected, *unexpected.values()]), pytrace=False)
    assert set(report.failed) == set(CANNOT), "one that cannot, can; or is gone"
    assert len(report.passed) + len(CANNOT) >= PASS_ON_HTTPLIB2


def test_those_that_cannot_are_few() -> None:
    assert len(CANNOT) <= MOST_EXCEPTIONS


def test_every_request_went_through_libcurl(report: Report) -> None:
    """But for those that the cache answered, and those with a `connection_type`."""
    assert not {way: names for way, names in report.ways.items() if way not in PROPER_WAYS}
    assert len(set(report.ways["libcurl"])) >= MAKE_REQUESTS


def test_the_watch_sees_the_sockets_of_httplib2(suite: Path, tmp_path: Path) -> None:
    with Run(suite, "plain", tmp_path, "-k", "test_get_is_default_method") as run:
        only = "test_http.py::test_get_is_default_method"
        assert run.report() == Report([only], {}, {"sockets": [only]})


def test_what_is_missing_without_an_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(NotFetchedError, match="could not be fetched"):
        fetched_suite(tmp_path)
    assert not list(tmp_path.iterdir()), "what is not whole would be taken for it the next time"
