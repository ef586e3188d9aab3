"""gevent and eventlet: requests are answered, the hub goes on while greenlets wait, and a program
ends without a word. Both replace Python's threads and locks before asynchttp is imported.

They are in an environment of their own: `make greenlets`.
"""

import sys
import textwrap

import pytest

from tests.programs import PATIENCE, Program
from tests.servers.web import WebServer

pytest.importorskip("gevent", reason="make greenlets has gevent")
LIBRARIES = {
    "gevent": "import gevent.monkey; gevent.monkey.patch_all(); from gevent import sleep, spawn",
    "eventlet": "import eventlet; eventlet.monkey_patch(); from eventlet import sleep, spawn",
}
each_library = pytest.mark.parametrize("library", LIBRARIES.values(), ids=LIBRARIES)


def run_patched(library: str, source: str, *arguments: str) -> list[str]:
    """The printed lines of a program that ends without messages on standard error."""
    start = f"""
import signal, sys, warnings
signal.alarm({PATIENCE})
warnings.simplefilter("ignore")  # eventlet's own are about eventlet
{library}
from asynchttp import Http
url, held = sys.argv[1:]
http = Http()
"""
    with Program([sys.executable, "-c", start + textwrap.dedent(source), *arguments]) as program:
        return program.wait_for_end().assert_clean()


PROGRAMS = {
    "result": ("print(http.request(url).result()[0].status)", ["200"]),
    "look": ("print(http.request(url).response.status)", ["200"]),
    "name": (
        "print(http.request(url.replace('127.0.0.1', 'localhost')).result()[0].status)",
        ["200"],
    ),
    "blocking": ("print(Http(blocking=True).request(url)[0].status)", ["200"]),
    "callback": (
        "http.request(url, callback=lambda promise: print(promise.response.status)).result()",
        ["200"],
    ),
    "nested callbacks": (
        """
        def call_back(promise):
            print(http.request(url, callback=lambda promise: print("inner")).response.status)
        http.request(url, callback=call_back).result()
        """,
        ["inner", "200"],
    ),
    "submit": ("print(http.submit(pow, 2, 3).result())", ["8"]),
    "timeout": ("print(http.request(held).wait(0.1)); http.close(cancel_futures=True)", ["False"]),
    "cancel": (
        "promise = http.request(held); print(promise.cancel(), promise.done())",
        ["True True"],
    ),
    "close": ("http.request(url); http.close()", []),
    "with": ("with http: promise = http.request(url)\nprint(promise.done())", ["True"]),
    "nothing": ("", []),
    "pending at the end": ("http.request(url)", []),
    "callback pending at the end": (
        "http.request(url, callback=lambda _: print('called'))",
        ["called"],
    ),
    "many": (
        "print({promise.result()[0].status for promise in [http.request(url) for _ in range(99)]})",
        ["{200}"],
    ),
}


@each_library
@pytest.mark.parametrize(("source", "printed"), PROGRAMS.values(), ids=PROGRAMS)
def test_patched_program_works_and_ends_silently(
    server: WebServer, library: str, source: str, printed: list[str]
) -> None:
    assert run_patched(library, source, server.url(), server.hold_answers().url()) == printed


@each_library
def test_hub_goes_on_while_a_greenlet_waits(server: WebServer, library: str) -> None:
    source = """
        ticks = []

        def tick():
            while True:
                ticks.append(1)
                sleep(0.01)

        spawn(tick)
        http.request(url).result()
        print(len(ticks) > 5)
    """
    assert run_patched(library, source, server.url("/slow?head=0.5"), "") == ["True"]
