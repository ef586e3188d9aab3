"""The benchmark in small: clients do as asked and notice what is wrong, rows find all that they
promise. Nothing is timed.

The clients run against the servers of the tests, which count what they are asked for; the rows'
programs start the benchmark's own.
"""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from bench.__main__ import main
from bench.contenders import CONTENDERS, load_contender
from bench.documents import CONTENT
from bench.load import Load, WrongAnswerError
from bench.machine import describe
from bench.process import MeasurementError
from bench.race import Entry, Trial, race, speedup
from bench.results import Results
from bench.rounds import interleave, ratios
from bench.row import Figure, Goal, Scale, at_least, at_most, load, number, save
from bench.rows import ROWS
from bench.servers import PROJECT, Server
from bench.table import write_into
from tests.servers.web import WebServer

RIGHT = f"/text/ascii?text={quote(CONTENT)}"
WRONG = "/text/ascii?text=0"

GOALS: dict[str, dict[str, Goal]] = {
    "throughput": {
        "throughput against bare pycurl, 5 at once": at_least(0.6),
        "throughput against bare pycurl, 20 at once": at_least(0.75),
        "throughput against bare pycurl, 100 at once": at_least(0.75),
        "throughput against bare pycurl, 1,000 at once": at_least(0.9),
    },
    "peers": {
        "against aiohttp on uvloop, 20 at once": at_least(3.5),
        "against pyreqwest on uvloop, 20 at once": at_least(2),
        "against httplib2 on threads, 20 at once": at_least(6),
        "against httpx on threads, 20 at once": at_least(15),
        "against niquests on threads, 20 at once": at_least(15),
        "against requests-futures, 20 at once": at_least(25),
    },
    "json_callback": {"with a JSON callback, against without, 20 at once": at_least(0.6)},
    "blocking": {
        "blocking=True against httplib2, threads: 1": at_least(1),
        "blocking=True against httplib2, threads: 20": at_least(3),
    },
    "overhead": {
        "overhead of a single request, pinned to one core": at_most(0.1),
        "until http.request returns, pinned to one core": at_most(0.1),
    },
    "cpu": {
        "CPU per request, 10,000 against 1,000": at_most(1.15),
        "CPU per request, 100,000 against 1,000": at_most(1.15),
        "CPU per request, 1,000,000 against 1,000": at_most(1.15),
    },
    "memory": {
        "memory of a queued request": at_most(1.2),
        "memory of a small one that is finished": at_most(2.5),
        "memory of a request in flight": at_most(12),
    },
    "crowd": {
        "10,000 in flight, answered after 1 s, cold: time": at_most(3.5),
        "10,000 in flight, answered after 1 s, cold: memory": at_most(200),
    },
    "large_body": {
        "100 MB into memory, against plain pycurl": at_least(0.9),
        "100 MB into memory: peak over the base": at_most(1.1),
    },
    "https": {
        "HTTPS against bare pycurl, 20 at once": at_least(0.75),
        "HTTPS against bare pycurl, 100 at once": at_least(0.75),
        "HTTP/2 against bare pycurl, 20 at once": at_least(0.75),
        "HTTP/2 against bare pycurl, 100 at once": at_least(0.75),
    },
    "gzip": {
        "gzip JSON of 100 kB, decoded, against aiohttp": at_least(1.5),
        "gzip JSON of 100 kB, decoded, against aiohttp with isal": at_least(1.5),
    },
    "import_time": {"import time against httplib2 and pycurl": at_most(1.3)},
}
"""The table of what is wanted, by row."""


# The clients.

MORE_CONNECTIONS = {
    "asynchttp_blocking": 1,  # a caller who is alone has one of his own
    "pyreqwest": 4,  # makes another while one is on its way back to those that are idle
}
"""Than there are requests at once."""


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_client_fetches_as_often_as_asked_and_keeps_its_connections(
    name: str, server: WebServer
) -> None:
    numbers = map(str, (4, 20, 10, 3))
    command = [sys.executable, "-m", "bench.trial", name, server.url(RIGHT), "", *numbers]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["rate"] > 0
    assert found["cpu"] > 0
    assert len(server.received) == 20 + 10 * 3
    assert {request.method for request in server.received} == {"GET"}
    assert len({request.port for request in server.received}) <= 4 + MORE_CONNECTIONS.get(name, 0)


@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize("path", [WRONG, "/status/404"])
def test_a_client_looks_at_every_answer(name: str, path: str, server: WebServer) -> None:
    client = load_contender(name)(Load(server.url(path), 1))
    with client as fetch, pytest.raises((WrongAnswerError, ExceptionGroup)) as caught:
        fetch(1)
    assert wrong_answer(caught.value)


def wrong_answer(error: BaseException) -> bool:
    """Also where tasks have put it into a group."""
    if isinstance(error, BaseExceptionGroup):
        return error.subgroup(WrongAnswerError) is not None
    return isinstance(error, WrongAnswerError)


# The rounds.


def test_sides_take_turns() -> None:
    turns: list[str] = []
    sides = {"one": lambda: turns.append("one"), "other": lambda: turns.append("other")}
    assert interleave(sides, 2) == {"one": [None, None], "other": [None, None]}
    assert turns == ["one", "other", "one", "other"]


def test_ratios_are_taken_within_a_round() -> None:
    fast = [Trial(rate, 10, 0.5) for rate in (100, 20, 300)]
    slow = [Trial(rate, 10, 0.5) for rate in (50, 10, 60)]
    assert speedup("", fast, slow, at_least(2)) == Figure("", [2, 2, 5], "times", at_least(2))
    with pytest.raises(ValueError, match="zip"):
        ratios([1, 2], [1])


def test_a_race_counts_what_the_server_needs(server: WebServer) -> None:
    running = Server(server.url(RIGHT), psutil.Process())
    trials = race({"floor": Entry("bare", 2, 10, batches=2)}, running, rounds=2)
    assert [trial.rate > 0 and trial.busy >= 0 for trial in trials["floor"]] == [True, True]
    assert len(server.received) == 2 * (10 + 2 * 10)


def test_a_client_that_fails_is_named(refused: str) -> None:
    running = Server(refused, psutil.Process())
    with pytest.raises(MeasurementError, match=r"(?s)bench.trial bare .*onnect"):
        race({"floor": Entry("bare", 1, 1)}, running, rounds=1)


# Figures and goals.


def test_a_figure_is_the_median_of_its_rounds() -> None:
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
def test_a_goal_is_met_or_missed(goal: Goal, value: float, met: bool) -> None:
    figure = Figure("this", [value], goal=goal)
    assert figure.met is met
    assert str(figure).endswith(f"goal {goal}: {'met' if met else 'missed'}")


def test_a_scale_leaves_enough_to_measure() -> None:
    assert Scale().of(20_000) == 20_000
    assert Scale(size=0.1).of(20_000, least=5_000) == 5_000
    assert Scale(size=0.0001).of(100) == 1


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0123456, "0.0123"), (1.2345, "1.23"), (99.96, "100"), (12345.6, "12,346")],
)
def test_numbers_are_rounded_to_what_counts(value: float, text: str) -> None:
    assert number(value) == text


def test_figures_are_read_as_they_were_written(tmp_path: Path) -> None:
    figures = [Figure("this", [1.5, 2], "ms", at_most(3)), Figure("that", [1])]
    save(tmp_path / "new" / "row.json", figures)
    assert load(tmp_path / "new" / "row.json") == figures


def test_a_page_has_the_results_between_its_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text((PROJECT / "docs" / "benchmarks.md").read_text("utf-8"), "utf-8")
    for value in (1, 2):
        figures = [Figure("this", [value], goal=at_least(2)), Figure("that", [5], "ms")]
        write_into(page, Results({"machine": "fast"}, Scale(3, 0.1), {"row": figures}))
    written = page.read_text("utf-8")
    assert "| this | at least 2 times | 2 times | met | 2 to 2 |" in written
    assert "| that | 5 ms | 5 to 5 |" in written
    assert "- machine: fast\n- rounds: 3, at 10% of the full size" in written
    assert "| this | at least 2 times | 1 times" not in written
    assert written.endswith("puts the results here.\n")


# The rows' programs, and all together.


@pytest.mark.parametrize("row", ROWS)
def test_a_row_finds_what_it_promises(row: str, tmp_path: Path) -> None:
    output = tmp_path / "figures.json"
    arguments = ["--rounds", "2", "--size", "0.0005", "--output", str(output)]
    command = [sys.executable, "-m", f"bench.rows.{row}", *arguments]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    figures = load(output)
    assert {figure.what: figure.goal for figure in figures if figure.goal} == GOALS[row]
    assert len({figure.what for figure in figures}) == len(figures)
    for figure in figures:
        # So little may be nothing to the server's clock, and find its memory there already; and
        # less than nothing may lie between two times.
        assert figure.value > 0 or figure.unit in ("%", "bodies") or row == "overhead"
        assert figure.what in done.stdout


def test_the_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A row that fails is said to have failed; the others' results are there."""
    monkeypatch.setattr("bench.__main__._QUICK", Scale(rounds=1, size=0.001))
    monkeypatch.setattr("bench.__main__.ROWS", ["absent", "json_callback"])
    assert main(["--quick", "--output", str(tmp_path)]) == 1
    found = json.loads((tmp_path / "results.json").read_text("utf-8"))
    assert list(found["figures"]) == ["json_callback"]
    assert found["setting"]["server"].startswith(("nginx/", "granian/"))
    assert found["scale"] == {"rounds": 1, "size": 0.001}
    printed = capsys.readouterr().out
    assert "at least 0.6" in printed
    assert "absent" in printed


def test_an_unknown_row_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["throughput", "wget"])
    assert ended.value.code == 2
    assert "wget is no row" in capsys.readouterr().err


def test_every_package_is_named_once() -> None:
    packages = describe()["packages"].split(", ")
    assert len(packages) == len(set(packages))
    assert {"asynchttp", "pycurl", "isal", "aiohttp"} <= {each.split()[0] for each in packages}
