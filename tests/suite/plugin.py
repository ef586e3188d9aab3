"""A pytest plugin: httplib2's tests find another `httplib2.Http`, and how it asks is watched.

    python -m pytest -p plugin --form lazy --report report.json ...

Rules:
- `httplib2.Http` is replaced before any test is imported, and by nothing but asynchttp's own Http,
  which a form only asks (`blocking`) or looks at (`lazy`).
- Time is longer: one of the tests has a server that is 0.1 s too late for its client, and answers
  0.1 s later what has to be in time; on a busy machine either may be the other.
- The plugin judges nothing: it reports how each test ended and which way each request went.
- It is loaded as a module of its own: where it runs, `tests` are those of httplib2.
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
from asynchttp.promise import promise

LONGER, MUCH_LONGER = 4, 5
"""So many times as long are the timeouts of Http, and what the servers sleep for: 2 s then, and 3,
of which the next request has to wait for one.
"""
STEPS = 60
"""In which they do: where the machine stops, the client's time does as well, and theirs has to."""
AT_MOST = 0.6  # seconds for which they sleep; what is longer is another's

Pair = Any
"""What `request` returns. Any: a promise or a plain tuple, as the form has it."""


class Watch:
    """Which way the requests went, by the names of the tests that made them.

    `libcurl`: a transfer was started. `sockets`: httplib2 opened one of its own. `cache`: it was
    answered without either, as is proper; `lost`: as is not. `failed`: before anything was sent.
    `connection_type`: one was given.
    """

    def __init__(self) -> None:
        self.ways: defaultdict[str, list[str]] = defaultdict(list)
        self.test = ""
        self._asking = False
        self._transfers = self._sockets = 0
        sys.addaudithook(self._audit)

    def ask(self, request: Callable[[], Pair], connection_type: object) -> Pair:
        """Make a request, and see which way it goes. The tests make one at a time."""
        if connection_type is not None:
            self._note("connection_type")
            return request()
        self._asking, self._transfers, self._sockets = True, 0, 0
        way = "failed"
        try:
            pair = request()
            way = "cache" if _needs_no_server(pair[0]) else "lost"
            return pair
        finally:
            self._asking = False
            self._note(self._way_of_bytes() or way)

    def started(self) -> None:
        """A transfer was."""
        self._transfers += 1

    def _way_of_bytes(self) -> str:
        return "sockets" if self._sockets else "libcurl" if self._transfers else ""

    def _note(self, way: str) -> None:
        self.ways[way].append(self.test)

    def _audit(self, event: str, _arguments: object) -> None:
        # Made by httplib2 rather than by a test's server, whether or not it is ever connected.
        if event == "socket.__new__" and self._asking and _called_by_httplib2(sys._getframe()):
            self._sockets += 1


def _called_by_httplib2(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").partition(".")[0] == "httplib2":
            return True
        frame = frame.f_back
    return False


def _needs_no_server(response: httplib2.Response) -> bool:
    """From the cache, or not there though nothing else would do."""
    return bool(response.fromcache) or response.status == 504


watch = Watch()


class Watched(asynchttp.Http):
    """What the forms have in common."""

    def __init__(self, cache: Any = None, timeout: float | None = None, **settings: Any) -> None:
        super().__init__(cache, timeout and timeout * LONGER, **settings)

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

        return watch.ask(ask, connection_type)

    def ask(self, *arguments: Any) -> Pair:
        """Make the request."""
        return super().request(*arguments)


class Blocking(Watched):
    """`Http(blocking=True)`: answers, or raises, in place."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings, blocking=True)


class Lazy(Watched):
    """The test gets the promise; the response, then the content, have been looked at."""

    def ask(self, *arguments: Any) -> Pair:
        promise = super().ask(*arguments)
        response, content = promise
        len(response), len(content)
        return promise


class Plain(httplib2.Http):
    """httplib2 itself, watched in the same way."""

    def request(self, *arguments: Any, **named: Any) -> Pair:
        ask = super().request
        return watch.ask(lambda: ask(*arguments, **named), named.get("connection_type"))


FORMS: dict[str, type[httplib2.Http]] = {"blocking": Blocking, "lazy": Lazy, "plain": Plain}


def watch_engine() -> None:
    """Each transfer of libcurl's is prepared, or starts as others like it before."""
    prepare, start = plans.prepare, Promise._start

    def prepared(transfer: Transfer, statuses: bytes) -> Prepared:
        watch.started()
        return prepare(transfer, statuses)

    def started(work: Promise, plans: dict[str, Plan], sent: bytes | None) -> bool:
        has_plan = start(work, plans, sent)
        if has_plan:
            watch.started()
        return has_plan

    vars(promise)["prepare"] = prepared
    Promise._start = started  # type: ignore[method-assign, assignment]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--form", choices=FORMS, required=True)
    parser.addoption("--report", type=Path, required=True)


def pytest_configure(config: pytest.Config) -> None:
    watch_engine()
    httplib2.Http = FORMS[config.getoption("form")]  # type: ignore[misc]  # that is the point


@pytest.fixture(autouse=True)
def _much_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the servers sleep for; not what lets a cache's entry grow old."""
    real_sleep = time.sleep

    def sleep(seconds: float) -> None:
        if seconds > AT_MOST:
            real_sleep(seconds)
        else:
            for _ in range(STEPS):
                real_sleep(seconds * MUCH_LONGER / STEPS)

    monkeypatch.setattr(time, "sleep", sleep)


def pytest_runtest_logstart(nodeid: str) -> None:
    watch.test = nodeid


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    stats = terminalreporter.stats
    failed = [*stats.get("failed", []), *stats.get("error", [])]
    report = {
        "passed": [each.nodeid for each in stats.get("passed", [])],
        "failed": {each.nodeid: each.longreprtext for each in failed},
        "ways": watch.ways,
    }
    config.getoption("report").write_text(json.dumps(report))
