"""How a program ends that uses asynchttp: what is queued is finished first, as with
`concurrent.futures`, unless the program ends by an unhandled exception or Ctrl-C; and nothing that
is idle keeps it alive.

The server lives in this process, the programs in theirs: what they did is what it saw.
"""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RawServers
from tests.programs import ended, interrupt, run, started
from tests.servers.certificates import Authority
from tests.servers.raw import head, send, until_closed
from tests.servers.web import WebServer

SOON = 5.0
"""Seconds within which a program ends that waits for nothing, on a busy machine: less than any
thread of asynchttp waits for more to do."""


@pytest.fixture
def soon() -> Iterator[None]:
    """The test is over soon."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < SOON


def targets(server: WebServer) -> list[str]:
    return sorted(received.target for received in server.received)


# Nothing pending


@pytest.mark.usefixtures("soon")
def test_an_idle_http_keeps_no_process_alive(server: WebServer) -> None:
    program = """
        http = Http()
        http.request(sys.argv[1]).result()
        http.request(sys.argv[1], callback=lambda promise: print("called")).result()
    """
    assert run(program, server.url()).fine() == ["called"]


@pytest.mark.usefixtures("soon")
def test_neither_does_one_that_was_never_used() -> None:
    assert run("http = Http()").fine() == []


# What is queued is finished first

QUEUES = {
    "plain": """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{url}{number}")
    """,
    "in an Http already dropped": """
        for number in range(6):
            Http().request(f"{url}{number}")
    """,
    "redirected": """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{origin}/status/307?Location={url}{number}")
    """,
    "to hosts that have to be looked up": """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{url}{number}".replace("127.0.0.1", ("127.1", "127.0.1")[number % 2]))
    """,
    "from a file": """
        import tempfile
        http = Http(max_workers=2)
        with tempfile.NamedTemporaryFile() as file:
            file.write(bytes(3 << 20))
            for number in range(6):
                file.seek(0)
                http.request(f"{url}{number}", "PUT", file.file)
    """,
    "with callbacks": """
        http = Http(max_workers=2)
        for number in range(6):
            http.request(f"{url}{number}", callback=lambda promise: print("called"))
    """,
    "by callbacks": """
        http = Http(max_workers=2)
        for number in range(3):
            http.request(f"{url}{number}", callback=lambda promise, number=number:
                http.request(f"{url}{number + 3}", callback=lambda promise: print("called")))
    """,
    "by callbacks that wait": """
        http = Http(max_workers=2)
        def call_back(promise, number):
            http.request(f"{url}{number + 3}").result()
            print("called")
        for number in range(3):
            http.request(f"{url}{number}", callback=lambda p, n=number: call_back(p, n))
    """,
    "by callbacks that wait for callbacks": """
        http = Http(max_workers=1)
        def call_back(promise, number):
            if number < 5:
                following = lambda promise: call_back(promise, number + 1)
                http.request(f"{url}{number + 1}", callback=following).result()
            print("called")
        http.request(f"{url}0", callback=lambda promise: call_back(promise, 0))
    """,
    "by callbacks that do not wait for callbacks": """
        http = Http(max_workers=1)
        def call_back(promise, number):
            if number < 5:
                following = lambda promise: call_back(promise, number + 1)
                http.request(f"{url}{number + 1}", callback=following)
            print("called")
        http.request(f"{url}0", callback=lambda promise: call_back(promise, 0))
    """,
    "by callbacks of each other": """
        one, other = Http(), Http()
        def call_back(promise, mine, its, number):
            print("called")
            if number < 5:
                ask(its, mine, number + 1)
        def ask(mine, its, number):
            following = lambda promise: call_back(promise, mine, its, number)
            mine.request(f"{url}{number}", callback=following)
        ask(one, other, 0)
    """,
    "by functions that follow": """
        http = Http(max_workers=2)
        for number in range(3):
            http.request(f"{url}{number}").then(lambda response, content, number=number:
                http.request(f"{url}{number + 3}"))
    """,
    "by done-callbacks": """
        http = Http(max_workers=2)
        for number in range(3):
            http.request(f"{url}{number}").add_done_callback(lambda future, number=number:
                http.request(f"{url}{number + 3}"))
    """,
    "by a callback that closes": """
        http = Http(max_workers=2)
        http.request(f"{url}0", callback=lambda promise: (print("called"), http.close()))
        for number in range(1, 6):
            http.request(f"{url}{number}")
    """,
}


@pytest.mark.parametrize("queue", QUEUES.values(), ids=QUEUES)
def test_requests_still_queued_when_the_program_ends_are_finished_first(
    queue: str, server: WebServer
) -> None:
    gate = server.gate()
    with at_its_end(queue, gate.url(), server.url("")) as program:
        gate.open()
        lines = ended(program).fine()
    assert sorted(gate.arrived) == list("012345")
    assert len(lines) == CALLED.get(queue, 0)
