"""A pytest plugin: replaces `httplib2.Http` for httplib2's tests, and records sources of answers.

    python -m pytest -p plugin --form lazy --report report.json ...

Rules:
- `httplib2.Http` is replaced before any test is imported, and only by asynchttp's own Http, which
  either blocks (`blocking`) or whose promise is looked at (`lazy`).
- Timeouts and sleeps are longer: in a test a server is 0.1 s too late for the client, and
  0.1 s later an answer has to be in time; a busy machine blurs the difference.
- The plugin judges nothing: the report has the end of each test and the source of each answer.
- The plugin is loaded as a top-level module: in its pytest, `tests` is httplib2's package.
"""

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import httplib2
import pytest

import asynchttp
from asynchttp import Promise
from asynchttp._core import Plan
from asynchttp.engine import plans
from asynchttp.engine.plans import Prepared
from asynchttp.messages.transfer import Transfer
from asynchttp.promise import request_work

TIMEOUT_FACTOR, SLEEP_FACTOR = 4, 5
"""Factors for the timeouts of Http and for the servers' sleeps: 2 s and 3 s as a result, so that
the next request has to wait for 1 s.
"""
STEPS = 60
"""Steps of a sleep: if the machine stops, the client's clock stops, and the sleep has to, too."""
LONGEST_SERVER_SLEEP = 0.6
"""Seconds; a longer sleep is not a server's."""

Pair = Any
"""The value of `request`. Any: a promise or a plain tuple, depending on the form."""


class AnswerSources:
    """The source of each answer, by the name of the test.

    `libcurl`: a transfer was started. `sockets`: httplib2 opened a socket. `cache`: answered from
    the cache. `lost`: answered without libcurl, socket or cache. `failed`: an error before any byte
    was sent. `connection_type`: the test gave a connection type.
    """

    def __init__(self) -> None:
        self.sources: defaultdict[str, list[str]] = defaultdict(list)
        self.test = ""
        self._asking = False
        self._transfers = self._sockets = 0
        sys.addaudithook(self._audit)

    def record(self, request: Callable[[], Pair], connection_type: object) -> Pair:
        """Make a request, and record the source. The tests make one request at a time."""
        if connection_type is not None:
            self._append("connection_type")
            return request()
        self._asking, self._transfers, self._sockets = True, 0, 0
        source = "failed"
        try:
            pair = request()
            source = "cache" if _needs_no_server(pair[0]) else "lost"
            return pair
        finally:
            self._asking = False
            self._append(self._source_of_bytes() or source)

    def count_transfer(self) -> None:
        """Count a started transfer."""
        self._transfers += 1

    def _source_of_bytes(self) -> str:
        return "sockets" if self._sockets else "libcurl" if self._transfers else ""

    def _append(self, source: str) -> None:
        self.sources[source].append(self.test)

    def _audit(self, event: str, _arguments: object) -> None:
        # A socket of httplib2, not of a test's server; also a socket that is never connected.
        if event == "socket.__new__" and self._asking and _called_by_httplib2(sys._getframe()):
            self._sockets += 1


def _called_by_httplib2(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "httplib2":
            return True
        frame = frame.f_back
    return False


def _needs_no_server(response: httplib2.Response) -> bool:
    """Whether the cache answered; a 504 says that the only allowed source, the cache, is empty."""
    return bool(response.fromcache) or response.status == 504


answer_sources = AnswerSources()


class RecordedHttp(asynchttp.Http):
    """The common part of both forms of asynchttp's Http."""

    def __init__(
        self, cache: Any = None, timeout: float | None = None, *arguments: Any, **settings: Any
    ) -> None:
        super().__init__(cache, timeout and timeout * TIMEOUT_FACTOR, *arguments, **settings)

    # Any: httplib2's own arguments, which it does not type.
    def request(  # type: ignore[override]  # no callback: httplib2 has none
        self,
        uri: str,
        method: str = "GET",
        body: Any = None,
        headers: Any = None,
        redirections: int = httplib2.DEFAULT_MAX_REDIRECTS,
        connection_type: Any = None,
    ) -> Pair:
        def ask() -> Pair:
            return self.ask(uri, method, body, headers, redirections, connection_type)

        return answer_sources.record(ask, connection_type)

    def ask(self, *arguments: Any) -> Pair:
        """Make the request."""
        return super().request(*arguments)


class Blocking(RecordedHttp):
    """`Http(blocking=True)`: `request` itself returns the pair or raises."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings, blocking=True)


class Lazy(RecordedHttp):
    """`request` returns a promise, after a look at the response and then at the content."""

    def ask(self, *arguments: Any) -> Pair:
        promise = super().ask(*arguments)
        response, content = promise
        len(response), len(content)
        return promise


class Plain(httplib2.Http):
    """httplib2 itself, recorded like asynchttp."""

    def request(self, *arguments: Any, **named: Any) -> Pair:
        ask = super().request
        return answer_sources.record(lambda: ask(*arguments, **named), named.get("connection_type"))


FORMS: dict[str, type[httplib2.Http]] = {"blocking": Blocking, "lazy": Lazy, "plain": Plain}


def count_transfers_of_engine() -> None:
    """Count transfers where asynchttp prepares a new plan, and where a known plan starts."""
    prepare, start = plans.prepare, Promise._start

    def prepared(transfer: Transfer, statuses: bytes) -> Prepared:
        answer_sources.count_transfer()
        return prepare(transfer, statuses)

    def started(work: Promise, plans: dict[str, Plan], sent: bytes | None) -> bool:
        has_plan = start(work, plans, sent)
        if has_plan:
            answer_sources.count_transfer()
        return has_plan

    vars(request_work)["prepare"] = prepared
    Promise._start = started  # type: ignore[method-assign, assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--form", choices=FORMS, required=True)
    parser.addoption("--report", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    count_transfers_of_engine()
    httplib2.Http = FORMS[config.getoption("form")]  # type: ignore[misc]  # on purpose


@pytest.fixture(autouse=True)
def _longer_server_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lengthen the servers' sleeps, but not the sleeps that let cache entries grow old."""
    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        if seconds > LONGEST_SERVER_SLEEP:
            real_sleep(seconds)
        else:
            for _ in range(STEPS):
                real_sleep(seconds * SLEEP_FACTOR / STEPS)

    monkeypatch.setattr(time, "sleep", sleep)


def pytest_runtest_logstart(nodeid: str) -> None:
    answer_sources.test = nodeid


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    stats = terminalreporter.stats
    failed = [*stats.get("failed", []), *stats.get("error", [])]
    report = {
        "passed": [each.nodeid for each in stats.get("passed", [])],
        "failed": {each.nodeid: each.longreprtext for each in failed},
        "sources": answer_sources.sources,
    }
    config.getoption("report").write_text(json.dumps(report))
