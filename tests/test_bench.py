"""The benchmark in small: clients do as asked and notice what is wrong. Nothing is timed.

The clients run as they do in the benchmark, each in a process of its own, against the servers of
the tests, which count what they are asked for. Only the last tests start the benchmark's server.
"""

import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from bench.__main__ import main
from bench.contenders import CONTENDERS
from bench.cores import share_out
from bench.load import CONTENT
from bench.rounds import Measured, Plan, play
from bench.servers import PROJECT, Server
from bench.summary import Failure, Figure, Row, summarise
from bench.trial import Trial
from tests.servers.web import WebServer

RIGHT = f"/text/ascii?text={quote(CONTENT)}"
WRONG = "/text/ascii?text=0"


def trial(name: str, url: str, *numbers: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.trial", name, url, *map(str, numbers)]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


# The clients.


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_client_fetches_as_often_as_asked(name: str, server: WebServer) -> None:
    done = trial(name, server.url(RIGHT), 4, 5, 12)
    assert done.stderr == ""
    assert all(figure > 0 for figure in json.loads(done.stdout).values())
    assert len(server.received) == 5 + 12
    assert {request.method for request in server.received} == {"GET"}


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_client_keeps_its_connections(name: str, server: WebServer) -> None:
    trial(name, server.url(RIGHT), 4, 40, 40)
    assert len({request.port for request in server.received}) <= 4


@pytest.mark.parametrize("name", CONTENDERS)
@pytest.mark.parametrize("path", [WRONG, "/status/404"])
def test_a_client_looks_at_every_answer(name: str, path: str, server: WebServer) -> None:
    done = trial(name, server.url(path), 2, 1, 1)
    assert done.returncode == 1
    assert "WrongAnswerError: status" in done.stderr


@pytest.mark.parametrize("name", CONTENDERS)
def test_a_client_that_gets_no_answer_fails(name: str, refused: str) -> None:
    done = trial(name, refused, 2, 1, 1)
    assert done.returncode == 1
    assert "refused" in done.stderr.lower() or "could not connect" in done.stderr.lower()


# The rounds and what they come to.


def test_a_client_that_fails_stops_no_other(server: WebServer) -> None:
    calls: list[None] = []
    plan = Plan(["absent", "bare"], rounds=2, requests=3, concurrency=1)
    results = play(
        plan,
        Server(server.url(RIGHT), "the tests'", psutil.Process()),
        share_out().clients,
        lambda: calls.append(None),
    )
    assert "No module named 'bench.contenders.absent'" in str(results["absent"].error)
    assert results["bare"].error is None
    assert len(results["bare"].trials) == 2
    assert len(calls) == 4


def test_figures_are_medians_and_ratios_are_taken_within_a_round() -> None:
    fast = Measured([Trial(rate, 10, 1) for rate in (100, 20, 300)], [2500, 2500, 2500])
    slow = Measured([Trial(rate, 10, 1) for rate in (50, 10, 60)], [2500, 2500, 2500])
    rows = summarise({"fast": fast, "slow": slow}, "fast")
    assert isinstance(rows["slow"], Row)
    assert rows["slow"].rate == Figure(50, 10, 60)
    assert rows["slow"].ratio == 2
    assert rows["slow"].server_busy == 0.125
    assert rows["fast"] == Row(
        rate=Figure(100, 20, 300),
        cpu=Figure(10, 10, 10),
        memory=Figure(1, 1, 1),
        server_busy=0.25,
        ratio=1,
    )


def test_a_failure_has_no_figures() -> None:
    rows = summarise({"broken": Measured(error="why")}, "broken")
    assert rows == {"broken": Failure("why")}


# All together.


def test_the_benchmark(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "new" / "results.json"
    arguments = "--only httplib2,bare --rounds 2 --requests 40 --concurrency 4 --output"
    assert main([*arguments.split(), str(output)]) == 0
    found = json.loads(output.read_text("utf-8"))
    assert list(found["rows"]) == ["httplib2", "bare"]
    assert found["rows"]["httplib2"]["ratio"] == 1
    assert [len(found["trials"][name]["trials"]) for name in found["rows"]] == [2, 2]
    printed = capsys.readouterr().out
    assert CONTENDERS["bare"] in printed
    assert found["setting"]["server"].startswith(("nginx/", "granian/"))


def test_an_unknown_client_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--only", "bare,wget"])
    assert ended.value.code == 2
    assert "wget" in capsys.readouterr().err
