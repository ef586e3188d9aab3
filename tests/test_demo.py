"""The demo: the transit server's answers, start and end, and the race in small.

The server under test is the users' server, a separate process. Expected answers are computed from
`demo.city`, not from the served documents.
"""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import httplib2
import pytest
from rich.console import Console

from demo import __main__ as program
from demo import city, meanwhile, quick, transit
from demo.race import RUNNERS, in_background, one_by_one, race
from tests.servers.barriers import barrier_server, serve_handler

PROJECT = Path(__file__).resolve().parent.parent
Json = Any  # the result of json.loads


@pytest.fixture(scope="module")
def api() -> Iterator[str]:
    with transit.serving(latency=0) as url:
        yield url


def get(url: str) -> tuple[httplib2.Response, Json]:
    http = httplib2.Http(proxy_info=None)
    response, content = http.request(url)
    http.close()
    return response, json.loads(content)


def document(url: str) -> Json:
    response, found = get(url)
    assert response.status == 200
    assert response["content-type"] == "application/json"
    return found


# Answers


def test_agencies_are_listed_and_served(api: str) -> None:
    expected = [{"id": a.id, "name": a.name, "vehicle": a.vehicle} for a in city.AGENCIES]
    assert document(f"{api}/agencies") == expected
    assert (
        document(f"{api}/agencies/ferry") == expected[[a.id for a in city.AGENCIES].index("ferry")]
    )


@pytest.mark.parametrize("agency", city.AGENCIES, ids=lambda agency: agency.id)
def test_agency_lists_its_routes(api: str, agency: city.Agency) -> None:
    expected = [{"id": r.id, "name": r.name, "colour": r.colour} for r in agency.routes]
    assert document(f"{api}/agencies/{agency.id}/routes") == expected


@pytest.mark.parametrize("route", city.ROUTES[::20], ids=lambda route: route.id)
def test_route_has_stops_and_headsigns(api: str, route: city.Route) -> None:
    found = document(f"{api}/routes/{route.id}")
    assert [(stop["id"], stop["name"]) for stop in found["stops"]] == [
        (stop.id, stop.name) for stop in route.stops
    ]
    assert found["headsigns"] == [route.stops[-1].name, route.stops[0].name]
    assert found["every_minutes"] == route.every_minutes
    assert re.fullmatch("#[0-9a-f]{6}", found["colour"])


@pytest.mark.parametrize("stop", city.STOPS[::20], ids=lambda stop: stop.id)
def test_stop_lists_exactly_its_routes(api: str, stop: city.Stop) -> None:
    routes = document(f"{api}/stops/{stop.id}")["routes"]
    calling = {route["id"] for route in routes}
    assert calling
    for route in city.ROUTES:
        assert (route.id in calling) == (stop.id in [other.id for other in route.stops])


def test_every_path_matches_one_listed_endpoint(api: str) -> None:
    endpoints = document(f"{api}/")["endpoints"]
    patterns = [endpoint.replace("{id}", "[a-z0-9-]+") for endpoint in endpoints]
    owners = [
        [pattern for pattern in patterns if re.fullmatch(pattern, path)]
        for path in transit.PATHS
        if path != "/"
    ]
    assert all(len(owner) == 1 for owner in owners)
    assert {pattern for [pattern] in owners} == set(patterns)


def test_every_path_has_a_different_document(api: str) -> None:
    http = httplib2.Http(proxy_info=None)
    answers = [http.request(api + path) for path in transit.PATHS]
    http.close()
    assert {response.status for response, _ in answers} == {200}
    assert len({content for _, content in answers}) == len(transit.PATHS) == 300


@pytest.mark.parametrize("path", ["/nothing", "/routes/tram-99", "/agencies/", "/routes"])
def test_unknown_path_is_404_in_json(api: str, path: str) -> None:
    response, found = get(api + path)
    assert response.status == 404
    assert response["content-type"] == "application/json"
    assert found == {"error": f"nothing at {path}"}


# Latency


def test_latencies_of_simultaneous_requests_overlap() -> None:
    latency = 1.0
    with transit.serving(latency) as url, ThreadPoolExecutor(8) as threads:
        start = time.perf_counter()
        list(threads.map(document, [f"{url}/agencies"] * 8))
        took = time.perf_counter() - start
    assert latency <= took < 8 * latency


# Start and end


def connect(url: str) -> socket.socket:
    parts = urlsplit(url)
    assert parts.hostname
    assert parts.port
    return socket.create_connection((parts.hostname, parts.port))


def test_server_ends_with_its_block() -> None:
    with transit.serving() as url:
        connect(url).close()
    with pytest.raises(ConnectionRefusedError):
        connect(url)


def test_server_ends_with_parent_process() -> None:
    code = (
        "from demo import transit\nwith transit.serving() as url: print(url, flush=True); input()"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", code], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with starter:
        assert starter.stdout
        url = starter.stdout.readline().decode().strip()
        with connect(url) as connection:
            starter.kill()
            assert connection.recv(1) == b""  # waits until the server hangs up
    with pytest.raises(ConnectionRefusedError):
        connect(url)


def test_failed_start_of_server_raises_error() -> None:
    with pytest.raises(RuntimeError, match="did not start"), transit.serving(cast("float", "soon")):
        pass


def test_server_command_runs_until_ctrl_c() -> None:
    command = [sys.executable, "-m", "demo.transit", "--port", "0", "--latency", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdout=pipe, stderr=pipe, text=True) as server:
        assert server.stdout
        url = server.stdout.readline().strip()
        assert document(f"{url}/agencies/tram")["name"] == "City Tramways"
        server.send_signal(signal.SIGINT)
        assert server.communicate() == ("", "")
    assert server.returncode == 0


# The race


def race_in_text(urls: list[str]) -> tuple[bool, str]:
    console = Console(file=StringIO(), width=100)
    same = race(urls, console)
    assert isinstance(console.file, StringIO)
    return same, console.file.getvalue()


@pytest.mark.parametrize("client", RUNNERS)
def test_runner_returns_and_counts_every_answer(api: str, client: str) -> None:
    steps: list[None] = []
    urls = [f"{api}/routes/{route.id}" for route in city.ROUTES[:10]]
    answers = RUNNERS[client]([*urls, f"{api}/nothing"], lambda: steps.append(None))
    names = {url: json.loads(answers[url][1])["name"] for url in urls}
    assert names == {url: route.name for url, route in zip(urls, city.ROUTES, strict=False)}
    assert answers[f"{api}/nothing"][0] == 404
    assert len(steps) == len(answers) == 11


def test_race_prints_table_of_clients(api: str) -> None:
    same, text = race_in_text([api + path for path in transit.PATHS[:12]])
    assert same
    assert "All 12 answers, status and body, are the same from both." in text
    row = r"│ {} +│ +12 │ +[\d.]+ s │ +\d+ │ +[\d.]+x │"
    for client in RUNNERS:
        assert f"{client} " in text
        assert re.search(row.format(re.escape(client)), text)


def test_asynchttp_runner_makes_requests_at_once() -> None:
    paths = [f"/routes/{route.id}" for route in city.ROUTES[:20]]
    with barrier_server({"/routes/": len(paths)}) as url:
        answers = in_background([url + path for path in paths], lambda: None)
    assert [content for _, content in answers.values()] == [transit.BODIES[path] for path in paths]


def test_race_prints_speed_up_over_first() -> None:
    with transit.serving(latency=0.1) as url:
        _, text = race_in_text([url + path for path in transit.PATHS[:10]])
    seconds = [float(figure) for figure in re.findall(r"│ ([\d.]+) s │", text)]
    first, second = (float(figure) for figure in re.findall(r"([\d.]+)x", text))
    assert first == 1
    assert second == pytest.approx(seconds[0] / seconds[1], rel=0.1)  # both are rounded


@contextmanager
def fickle_server() -> Iterator[str]:
    """A server that never gives the same answer twice."""
    answers = count()

    class Fickle(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(str(next(answers)).encode())

    with serve_handler(Fickle) as url:
        yield url


def test_race_names_different_answers() -> None:
    with fickle_server() as url:
        same, text = race_in_text([f"{url}/same", f"{url}/other"])
    assert not same
    assert f"2 answers differ, first {url}/same" in text


def test_quick_server_answers_as_the_api_does(api: str) -> None:
    with quick.serving() as url:
        answers = one_by_one([url + path for path in (*transit.PATHS, "/nothing")], lambda: None)
    found = {address.removeprefix(url): answer for address, answer in answers.items()}
    assert found.pop("/nothing") == (404, b"")
    assert found == {path: (200, body) for path, body in transit.BODIES.items()}


def test_second_act_shows_what_each_client_got_while_main_thread_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(meanwhile, "SECONDS", 0.3)
    text = StringIO()
    with quick.serving() as url:
        urls = [url + path for path in transit.PATHS] * 200
        acts = meanwhile.meanwhile(urls, Console(file=text, width=100))
    assert [act.client for act in acts] == list(meanwhile.CLIENTS)
    for act in acts:
        assert 0.3 <= act.seconds < 3
        assert act.counted > 0
        assert f"│ {act.answered:8} │ {act.seconds:.2f} s │" in text.getvalue()
    assert acts[1].answered > 0  # httplib2 may have got nothing in so short a time


def run_program(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(transit, "PATHS", transit.PATHS[:5])
    monkeypatch.setattr(program, "ASKED", 1000)
    monkeypatch.setattr(meanwhile, "SECONDS", 0.1)
    return program.main()


def test_demo_program_describes_the_race(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(monkeypatch) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert text.startswith("Fetching 5 documents from a transit API that takes 50 ms")
    assert "All 5 answers" in text
    assert "How many of 1,000 requests are answered meanwhile?" in text


def test_demo_program_fails_if_answers_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transit, "serving", fickle_server)
    assert run_program(monkeypatch) == 1
