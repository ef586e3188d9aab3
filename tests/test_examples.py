"""The examples run as for users: as programs, from any directory.

Expected output is computed from `demo.city`.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo import city, transit
from tests.servers.barriers import barrier_server

PROJECT = Path(__file__).resolve().parent.parent
EXAMPLES = PROJECT / "examples"
ROUTES = {route.id: route for route in city.ROUTES}
MISSING = "nothing at /routes/tram-99"


@pytest.fixture(autouse=True)
def outside_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Examples must not need the project's directory."""
    monkeypatch.chdir(tmp_path)


def run(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stderr
    return done


def quiet_output(name: str, *arguments: str) -> str:
    """The output of an example without errors or warnings."""
    done = run(name, *arguments)
    assert done.stderr == ""
    return done.stdout


def line_with(name: str, code: str) -> int:
    """The number of the example's only line with this code."""
    lines = (EXAMPLES / name).read_text().splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if code in line]
    return number


def test_every_example_is_tested_here() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.suffix} == {
        "simple.py",
        "callback.py",
        "client.py",
        "progress.py",
    }


def test_simple_example_prints_answers() -> None:
    lines = quiet_output("simple.py").splitlines()
    assert "status: 200" in lines
    assert "type:   application/json" in lines
    [text] = [line.removeprefix("text:   ") for line in lines if line.startswith("text:")]
    assert text.startswith(
        f'{{"id": "tram-7", "name": "Tram 7", "colour": "{ROUTES["tram-7"].colour}'
    )
    assert f"missing: 404 {json.dumps({'error': MISSING})}" in lines
    assert f"head:    {len(transit.BODIES['/agencies'])} bytes announced, 0 sent" in lines


def test_simple_example_prints_error_with_call_site() -> None:
    _, _, error = quiet_output("simple.py").partition("refused: ")
    assert "refused" in error.lower()
    assert "GET http://127.0.0.1:1/" in error
    assert f'simple.py", line {line_with("simple.py", "127.0.0.1:1/")}' in error


def test_callback_example_prints_parsed_routes() -> None:
    text = run("callback.py").stdout
    for name in ("metro-2", "tram-9", "ferry-3", "rail-4"):
        route = ROUTES[name]
        ends = f"{route.stops[-1].name} - {route.stops[0].name}"
        line = f"{route.name} +every +{route.every_minutes} min +{ends}"
        assert re.search(f"^{line}$", text, re.MULTILINE)


def test_callback_example_raises_and_logs_call_site() -> None:
    done = run("callback.py")
    assert f"Looking at it raises LookupError('{MISSING}')" in done.stdout
    assert f"LookupError: {MISSING}" in done.stderr
    assert f'callback.py", line {line_with("callback.py", "missing = ")}' in done.stderr


def test_client_example_prints_longest_routes() -> None:
    text = quiet_output("client.py")
    for agency in city.AGENCIES:
        longest = max(agency.routes, key=lambda route: len(route.stops))
        first, *_, last = longest.stops
        assert (
            f"{agency.name} has {len(agency.routes)} routes, the longest is {longest.name}:\n"
            f"    a {agency.vehicle} every {longest.every_minutes} minutes,"
            f" {len(longest.stops)} stops from {first.name} to {last.name}\n"
        ) in text


def test_client_example_prints_duration() -> None:
    *_, last = quiet_output("client.py").splitlines()
    figures = re.fullmatch(r"(\d+) requests in [\d.]+ s; one by one at least ([\d.]+) s", last)
    assert figures
    requests, one_by_one = (float(figure) for figure in figures.groups())
    assert requests == 1 + len(city.AGENCIES) + len(city.ROUTES)
    assert one_by_one == pytest.approx(requests * transit.LATENCY)


RUN_WITH_OTHER_SERVER = """
import runpy, sys
from contextlib import nullcontext
from demo import transit
url, example = sys.argv[1:]
transit.serving = lambda: nullcontext(url)
runpy.run_path(example, run_name="__main__")
"""


def test_client_example_makes_requests_in_parallel() -> None:
    together = {"/agencies/": len(city.AGENCIES), "/routes/": 20}
    with barrier_server(together) as url:
        command = [sys.executable, "-c", RUN_WITH_OTHER_SERVER, url, str(EXAMPLES / "client.py")]
        subprocess.run(command, cwd=PROJECT, timeout=50, check=True)


def test_progress_example_fetches_all_documents() -> None:
    text = quiet_output("progress.py")
    assert "Fetching ━" in text
    assert "100%" in text
    assert f"{len(transit.PATHS)} x status 200" in text
    assert f"{sum(map(len, transit.BODIES.values())):,} bytes in all" in text


def test_progress_example_counts_given_urls(refused_url: str) -> None:
    with transit.serving() as url:
        text = quiet_output(
            "progress.py", f"{url}/agencies", f"{url}/", f"{url}/nothing", refused_url
        )
    assert "2 x status 200" in text
    assert "1 x status 404" in text
    assert "1 x ConnectionRefusedError: " in text


def test_progress_example_reads_urls_from_file(tmp_path: Path) -> None:
    with transit.serving() as url:
        (tmp_path / "urls.txt").write_text(f"{url}/agencies\n{url}/stops/elm-gate\n")
        text = quiet_output("progress.py", "@urls.txt")
    assert "2 x status 200" in text
    bodies = transit.BODIES["/agencies"] + transit.BODIES["/stops/elm-gate"]
    assert f"{len(bodies):,} bytes in all" in text
