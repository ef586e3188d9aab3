"""The benchmark in small: clients do as asked and notice wrong answers, and rows find all their
figures. Nothing is timed.

The clients run against the servers of the tests, which count the requests; the rows' programs start
the benchmark's own servers.
"""

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psutil
import pytest

from bench import meanwhile
from bench.__main__ import main
from bench.background import AT_ONCE, Scenario, rates
from bench.contenders import CONTENDERS, load_background, load_contender
from bench.cores import Placement, free, pinned
from bench.documents import CONTENT
from bench.load import Background, Load, WrongAnswerError
from bench.machine import describe
from bench.nginx import find_nginx
from bench.placements import measure_both
from bench.process import MeasurementError, measured
from bench.race import Entry, Trial, cpu_ratio, race, speedup
from bench.results import Results
from bench.rounds import interleave, ratios
from bench.row import Figure, Goal, Scale, at_least, at_most, load, number, save
from bench.rows import ROWS, instructions
from bench.servers import PROJECT, Server
from bench.table import write_into
from tests.servers.web import WebServer

RIGHT_PATH = f"/text/ascii?text={quote(CONTENT)}"
WRONG_PATH = "/text/ascii?text=0"
CORES = frozenset(os.sched_getaffinity(0))

GOALS: dict[str, dict[str, Goal]] = {
    "computing": {
        "main thread computes, server answers at once: kept": at_least(0.6),
        "main thread computes, against httplib2 on 20 threads": at_least(8),
        "main thread computes, server answers after 10 ms: kept": at_least(0.9),
    },
    "computing_with": {
        "main thread computes, credentials never asked for: kept": at_least(0.6),
        "main thread computes, JSON of 2 kB as gzip: kept": at_least(0.5),
        "main thread computes, callbacks that do nothing, 20 slots": at_least(4000),
        "main thread computes, a cache whose lookups find nothing, 20 slots": at_least(4000),
    },
    "callbacks": {
        "callbacks that compute 1 ms, 20 at once, server answers at once: time for N": at_most(1.1),
        "callbacks that compute 1 ms, 20 at once, server answers after 10 ms: time for N": at_most(
            1.1
        ),
    },
    "throughput": {
        "throughput against bare pycurl, 5 at once": at_least(0.7),
        "throughput against bare pycurl, 20 at once": at_least(1),
        "throughput against bare pycurl, 100 at once": at_least(1),
        "throughput against bare pycurl, 1,000 at once": at_least(1),
        "CPU per request against bare pycurl, 20 at once": at_most(1.4),
    },
    "peers": {
        "against pyreqwest on uvloop, 20 at once": at_least(2),
        "against pyreqwest with Futures, 20 at once": at_least(2.5),
        "against aiohttp on uvloop, 20 at once": at_least(4),
        "against httplib2 on threads, 20 at once": at_least(8),
        "against urllib3 on threads, 20 at once": at_least(8),
        "against niquests on threads, 20 at once": at_least(30),
        "against requests-futures, 20 at once": at_least(40),
    },
    "json_callback": {
        "with a JSON callback, against pyreqwest decoding in its tasks, 20 at once": at_least(1)
    },
    "blocking": {
        "blocking=True against httplib2, threads: 1": at_least(2.2),
        "blocking=True against httplib2, threads: 20": at_least(4),
    },
    "overhead": {
        "overhead of one request over a blocking perform()": at_most(0.04),
        "http.request returns (nothing else runs)": at_most(6),
    },
    "https": {
        "HTTPS against bare pycurl, 20 at once": at_least(0.9),
        "HTTPS against bare pycurl, 100 at once": at_least(0.9),
        "HTTP/2 against bare pycurl, 20 at once": at_least(0.9),
        "HTTP/2 against bare pycurl, 100 at once": at_least(0.9),
    },
    "gzip": {"gzip JSON of 100 kB, decoded, against aiohttp told to use isal": at_least(2)},
    "memory": {
        "memory of a queued request": at_most(0.6),
        "memory of a finished small one, looked at and kept": at_most(1.5),
        "memory of a request in flight": at_most(8),
    },
    "crowd": {
        "10,000 in flight, answered after 1 s, cold: time": at_most(2),
        "10,000 in flight, answered after 1 s, cold: memory": at_most(110),
    },
    "large_body": {
        "100 MB into memory, against plain pycurl": at_least(0.95),
        "100 MB into memory: peak over the base": at_most(1.1),
    },
    "cpu": {
        "CPU per request, 10,000 against 1,000": at_most(1.1),
        "CPU per request, 100,000 against 1,000": at_most(1.1),
        "CPU per request, 1,000,000 against 1,000": at_most(1.1),
    },
    "import_time": {"import time against httplib2 and pycurl": at_most(1.25)},
    "instructions": {"instructions per request": at_most(80_000)},
}
"""The goals, by row."""

WITHOUT_PLACEMENTS = {"memory", "import_time", "instructions"}
BELOW_ZERO = {"overhead of one request over a blocking perform()"}
"""The difference of two times may be negative."""
MAY_BE_ZERO = {"%", "bodies", "of the rate", "requests/s"}
"""The units of figures that may be 0 in so small a run: the server's clock shows no time, the
memory is there already, and no request ends while the main thread computes."""


@pytest.fixture(scope="module", autouse=True)
def _nginx() -> None:
    """Look for nginx once, for all programs started by the tests."""
    find_nginx()


# The clients

MORE_CONNECTIONS = {
    "asynchttp_blocking": 1,  # a single caller has a separate connection
    # While a connection is on the way back to the idle connections, pyreqwest makes a new one.
    "pyreqwest": 4,
    "pyreqwest_futures": 4,
    "pyreqwest_json": 4,
}
"""The connections beyond a connection for each request at once."""


@pytest.mark.parametrize("name", CONTENDERS)
def test_client_makes_every_fetch_on_kept_connections(name: str, server: WebServer) -> None:
    numbers = map(str, (4, 20, 10, 3))
    command = [sys.executable, "-m", "bench.trial", name, server.url(RIGHT_PATH), "", *numbers]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["rate"] > 0
    assert found["cpu"] > 0
    assert len(server.received) == 20 + 10 * 3
    assert {request.method for request in server.received} == {"GET"}
    assert len({request.port for request in server.received}) <= 4 + MORE_CONNECTIONS.get(name, 0)


@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize("path", [WRONG_PATH, "/status/404"])
def test_client_notices_every_wrong_answer(name: str, path: str, server: WebServer) -> None:
    client = load_contender(name)(Load(server.url(path), 1))
    with client as fetch, pytest.raises((WrongAnswerError, ExceptionGroup)) as caught:
        fetch(1)
    assert has_wrong_answer_error(caught.value)


def has_wrong_answer_error(error: BaseException) -> bool:
    """Whether `error`, or an error in the group of a task, is a WrongAnswerError."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(WrongAnswerError) is not None
    return isinstance(error, WrongAnswerError)


# The clients in the background

BACKGROUNDS = [
    "asynchttp",
    "asynchttp_credentials",
    "asynchttp_callback",
    "asynchttp_cache",
    "httplib2",
]


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_background_client_fetches_all_and_looks(name: str, server: WebServer) -> None:
    with load_background(name)(Load(server.url(RIGHT_PATH), 4)) as client:
        pending = client.ask(20)
        for each in pending:
            client.look(each)
        assert all(each.done() for each in pending)
    assert len(server.received) == 20


@pytest.mark.parametrize("name", BACKGROUNDS)
@pytest.mark.parametrize("path", [WRONG_PATH, "/status/404"])
def test_background_client_notices_wrong_answer(name: str, path: str, server: WebServer) -> None:
    with load_background(name)(Load(server.url(path), 1)) as client:
        (pending,) = client.ask(1)
        with pytest.raises(WrongAnswerError):
            client.look(pending)


@pytest.mark.parametrize("name", BACKGROUNDS)
def test_background_client_cancels_pending_requests_at_end(name: str, server: WebServer) -> None:
    with load_background(name)(Load(server.url(RIGHT_PATH), 1)) as client:
        client.ask(2000)
    assert len(server.received) < 2000


def test_cache_contender_requests_each_url_once(server: WebServer) -> None:
    with load_contender("asynchttp_cache")(Load(server.url(RIGHT_PATH), 4)) as fetch:
        fetch(10)
        fetch(10)
    assert len({request.target for request in server.received}) == 20


# The pastimes of the main thread


class ScriptedClient:
    """Completes a fixed number of requests during each pastime of the main thread."""

    def __init__(self, during_pastime: int) -> None:
        self.asked: list[int] = []
        self.looked_at: list[int] = []
        self.completed = 0
        self._during_pastime = during_pastime

    def ask(self, count: int) -> list["NumberedRequest"]:
        self.completed = 0
        self.asked.append(count)
        return [NumberedRequest(self, number) for number in range(count)]

    def look(self, request: "NumberedRequest") -> None:
        self.looked_at.append(request.number)

    def pass_time(self, seconds: float) -> None:
        self.completed += self._during_pastime


@dataclass
class NumberedRequest:
    client: ScriptedClient
    number: int

    def done(self) -> bool:
        return self.number < self.client.completed


def test_meanwhile_looks_only_at_completed_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meanwhile, "_warm_up", lambda *_: 10.0)
    client = ScriptedClient(during_pastime=7)
    background = Background(client.ask, client.look)
    assert meanwhile.measure(background, 2, client.pass_time, 1) > 0
    assert client.asked == [42]
    assert client.looked_at == [*range(7)]


def test_meanwhile_asks_for_more_if_all_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meanwhile, "_warm_up", lambda *_: 1.0)
    client = ScriptedClient(during_pastime=10)
    background = Background(client.ask, client.look)
    assert meanwhile.measure(background, 2, client.pass_time, 1) > 0
    assert client.asked == [6, 12]


def test_meanwhile_raises_if_requests_run_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meanwhile, "_warm_up", lambda *_: 1.0)
    client = ScriptedClient(during_pastime=1000)
    background = Background(client.ask, client.look)
    with pytest.raises(meanwhile.NotEnoughError, match="48 requests were too few for 1 s"):
        meanwhile.measure(background, 2, client.pass_time, 1)


@pytest.mark.parametrize("main_thread", ["sleeps", "computes"])
@pytest.mark.parametrize("name", ["asynchttp", "httplib2"])
def test_pastime_is_measured_in_separate_process(
    name: str, main_thread: Literal["sleeps", "computes"], server: WebServer
) -> None:
    running = Server(server.url(RIGHT_PATH), psutil.Process(), CORES)
    pastime = Scenario(name, running, main_thread)
    found = rates({name: pastime}, Scale(rounds=2, size=0.2))
    assert [rate >= 0 for rate in found[name]] == [True, True]
    assert len(server.received) >= 2 * 25 * AT_ONCE


def test_callbacks_program_notices_wrong_answer(server: WebServer) -> None:
    found = measured("bench.callbacks", server.url(RIGHT_PATH), 2, 10, cores=CORES)
    assert found["each"] >= 1
    assert len(server.received) == 2 * 25 + 10
    with pytest.raises(MeasurementError, match="WrongAnswerError: status 404"):
        measured("bench.callbacks", server.url("/status/404"), 2, 1, cores=CORES)


# The placements


def test_pinned_placement_has_one_core_for_each_side() -> None:
    assert free() == Placement(CORES, CORES)
    assert [len(cores) for cores in (pinned().server, pinned().clients)] == [1, 1]
    assert (pinned().server == pinned().clients) == (len(CORES) == 1)


def cores_and_rounds(placement: Placement, scale: Scale) -> list[Figure]:
    return [Figure("cores", [len(placement.clients)] * scale.rounds, "", at_least(1))]


def test_pinned_values_stand_beside_free_values(monkeypatch: pytest.MonkeyPatch) -> None:
    two = frozenset({0, 1})
    monkeypatch.setattr("bench.placements.free", lambda: Placement(two, two))
    alone = Placement(frozenset({0}), frozenset({1}))
    monkeypatch.setattr("bench.placements.pinned", lambda: alone)
    both = Figure("cores", [2] * 3, "", at_least(1), pinned=[1] * 2)
    assert measure_both(cores_and_rounds, Scale(rounds=3)) == [both]
    assert str(both).endswith("met; pinned 1")
    free_only = Scale(rounds=3, free_only=True)
    assert measure_both(cores_and_rounds, free_only) == [replace(both, pinned=None)]
    monkeypatch.setattr("bench.placements.free", lambda: alone)
    assert measure_both(cores_and_rounds, Scale(rounds=3))[0].pinned is None


def test_placements_with_different_figures_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.placements.free", lambda: Placement(CORES, frozenset({0, 1})))

    def differ(placement: Placement, _: Scale) -> list[Figure]:
        return [Figure(f"with {len(placement.clients)}", [1])]

    with pytest.raises(ValueError, match="'with 1' does not belong beside 'with 2'"):
        measure_both(differ, Scale())


# The rounds


def test_rounds_interleave_the_sides() -> None:
    turns: list[str] = []
    sides = {"one": lambda: turns.append("one"), "other": lambda: turns.append("other")}
    assert interleave(sides, 2) == {"one": [None, None], "other": [None, None]}
    assert turns == ["one", "other", "one", "other"]


def test_ratios_compare_trials_of_same_round() -> None:
    fast = [Trial(rate, 10, 0.5) for rate in (100, 20, 300)]
    slow = [Trial(rate, 10, 0.5) for rate in (50, 10, 60)]
    assert speedup("", fast, slow, at_least(2)) == Figure("", [2, 2, 5], "times", at_least(2))
    dear = [Trial(rate, 25, 0.5) for rate in (50, 10, 60)]
    assert cpu_ratio("of it", dear, slow) == Figure("CPU per request of it", [2.5] * 3)
    with pytest.raises(ValueError, match="zip"):
        ratios([1, 2], [1])


def test_ratio_to_rate_of_zero_is_infinite() -> None:
    assert ratios([1, 2], [0, 1]) == [math.inf, 2]


def test_race_measures_busy_time_of_server(server: WebServer) -> None:
    running = Server(server.url(RIGHT_PATH), psutil.Process(), CORES)
    trials = race({"floor": Entry("bare", 2, 10, batches=2)}, running, rounds=2)
    assert [trial.rate > 0 and trial.busy >= 0 for trial in trials["floor"]] == [True, True]
    assert len(server.received) == 2 * (10 + 2 * 10)


def test_race_names_failed_client(refused_url: str) -> None:
    running = Server(refused_url, psutil.Process(), CORES)
    with pytest.raises(MeasurementError, match=r"(?s)bench.trial bare .*onnect"):
        race({"floor": Entry("bare", 1, 1)}, running, rounds=1)


# Figures and goals


def test_figure_is_median_of_its_rounds() -> None:
    figure = Figure("speed", [3, 1, 2], "requests/s")
    assert figure.value == 2
    assert figure.met is None
    assert str(figure) == "speed: 2 requests/s (1 to 3)"


@pytest.mark.parametrize(
    ("goal", "value", "met"),
    [
        (at_least(0.75), 0.75, True),
        (at_least(0.75), 0.74, False),
        (at_most(0.1), 0.1, True),
        (at_most(0.1), 0.11, False),
    ],
)
def test_figure_says_if_goal_is_met(goal: Goal, value: float, met: bool) -> None:
    figure = Figure("this", [value], goal=goal)
    assert figure.met is met
    assert str(figure).endswith(f"goal {goal}: {'met' if met else 'missed'}")


def test_scale_keeps_minimum_to_measure() -> None:
    assert Scale().of(20_000) == 20_000
    assert Scale(size=0.1).of(20_000, least=5_000) == 5_000
    assert Scale(size=0.0001).of(100) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.0123"), (1.2345, "1.23"), (99.96, "100"), (12345.6, "12,346")],
)
def test_numbers_are_rounded_to_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_saved_figures_are_loaded_unchanged(tmp_path: Path) -> None:
    figures = [Figure("this", [1.5, 2], "ms", at_most(3), pinned=[1]), Figure("that", [1])]
    save(tmp_path / "new" / "row.json", figures)
    assert load(tmp_path / "new" / "row.json") == figures


def test_results_are_written_between_page_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((PROJECT / "docs" / "benchmarks.md").read_text("utf-8"), "utf-8")
    for value in (1, 2):
        figures = [
            Figure("this", [value], goal=at_least(2), pinned=[3, 4, 5]),
            Figure("that", [5], "ms"),
        ]
        write_into(page, Results({"machine": "fast"}, Scale(3, 0.1), {"row": figures}))
    written = page.read_text("utf-8")
    assert "| this | at least 2 times | 2 times | met | 2 to 2 | 4 |" in written
    assert "| that | 5 ms | 5 to 5 |  |" in written
    assert "- machine: fast\n- rounds: 3, 2 with pinned cores, at 10% of the full size" in written
    assert "| this | at least 2 times | 1 times" not in written
    assert written.endswith("puts the results here.\n")


# The rows' programs, and the whole benchmark


VALGRIND = """#!/bin/sh
shift 2; "$@" || exit; for last; do :; done
echo "==1== Collected : $((1000 + last * 7))" >&2
"""
"""Counts a thousand instructions, and seven for each request."""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Our environment, with a quick valgrind."""
    valgrind = tmp_path / "bin" / "valgrind"
    valgrind.parent.mkdir()
    valgrind.write_text(VALGRIND)
    valgrind.chmod(0o755)
    return {**os.environ, "PATH": f"{valgrind.parent}:{os.environ['PATH']}"}


@pytest.mark.parametrize("row", ROWS)
def test_row_measures_every_promised_figure(
    row: str, tmp_path: Path, environment: dict[str, str]
) -> None:
    output = tmp_path / "figures.json"
    arguments = ["--rounds", "1", "--size", "0.0005", "--output", str(output)]
    command = [sys.executable, "-m", f"bench.rows.{row}", *arguments]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = load(output)
    assert {figure.what: figure.goal for figure in figures if figure.goal} == GOALS[row]
    assert len({figure.what for figure in figures}) == len(figures)
    pinned_too = row not in WITHOUT_PLACEMENTS and len(CORES) > 1
    for figure in figures:
        assert figure.what in done.stdout
        assert (figure.pinned is not None) == pinned_too
        for value in (*figure.values, *(figure.pinned or ())):
            least = 0 if figure.unit in MAY_BE_ZERO else sys.float_info.min
            assert value >= least or figure.what in BELOW_ZERO


def test_instructions_row_is_empty_without_valgrind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(instructions, "find_valgrind", lambda: None)
    assert instructions.measure(Scale()) == []
    assert "Skipped" in capsys.readouterr().out


def test_benchmark_reports_failed_row_and_continues(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The failed row is named; the results of the other rows are saved."""
    quick = Scale(rounds=1, size=0.001, free_only=True)
    monkeypatch.setattr("bench.__main__._QUICK", quick)
    monkeypatch.setattr("bench.__main__.ROWS", ["absent", "json_callback", "instructions"])
    assert main(["--quick", "--output", str(tmp_path)]) == 1
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert list(found["figures"]) == ["json_callback"]
    assert found["setting"]["server"].startswith(("nginx/", "granian/"))
    assert found["scale"] == {"rounds": 1, "size": 0.001, "free_only": True}
    printed = capsys.readouterr().out
    assert "at least 1 times" in printed
    assert "absent" in printed


def test_unknown_row_is_named_and_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["throughput", "wget"])
    assert ended.value.code == 2
    assert "wget is no row" in capsys.readouterr().err


def test_machine_description_names_packages_once() -> None:
    packages = describe()["packages"].split(", ")
    assert len(packages) == len(set(packages))
    assert {"asynchttp", "pycurl", "isal", "aiohttp"} <= {each.split()[0] for each in packages}
