"""The transit API of a made-up city: 300 small JSON documents, each sent after some latency.

`python -m demo.transit` serves the API until Ctrl-C; `serving()` runs the same in a child process,
so that the server's work is not counted as the client's.

Rules: all documents are made before the first request. The socket is bound once, by default to a
free port, and kept.
"""

import argparse
import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework, ASGIReceiveCallable, ASGISendCallable, Scope

from demo import city

LATENCY = 0.05
_PROJECT = Path(__file__).resolve().parent.parent


def _agency(agency: city.Agency) -> dict[str, object]:
    return {"id": agency.id, "name": agency.name, "vehicle": agency.vehicle}


def _route(route: city.Route) -> dict[str, object]:
    return {"id": route.id, "name": route.name, "colour": route.colour}


def _stop(stop: city.Stop) -> dict[str, object]:
    return {"id": stop.id, "name": stop.name}


def _route_details(route: city.Route) -> dict[str, object]:
    return {
        **_route(route),
        "every_minutes": route.every_minutes,
        "headsigns": route.headsigns,
        "stops": [_stop(stop) for stop in route.stops],
    }


def _stop_details(stop: city.Stop) -> dict[str, object]:
    return {**_stop(stop), "routes": [_route(r) for r in city.ROUTES if stop in r.stops]}


def _index() -> dict[str, object]:
    endpoints = ["/agencies", "/agencies/{id}", "/agencies/{id}/routes", "/routes/{id}"]
    return {"city": city.NAME, "endpoints": [*endpoints, "/stops/{id}"]}


def _documents() -> Iterator[tuple[str, object]]:
    yield "/", _index()
    yield "/agencies", [_agency(agency) for agency in city.AGENCIES]
    for agency in city.AGENCIES:
        yield f"/agencies/{agency.id}", _agency(agency)
        yield f"/agencies/{agency.id}/routes", [_route(route) for route in agency.routes]
    for route in city.ROUTES:
        yield f"/routes/{route.id}", _route_details(route)
    for stop in city.STOPS:
        yield f"/stops/{stop.id}", _stop_details(stop)


BODIES = {path: json.dumps(document).encode() for path, document in _documents()}
PATHS = tuple(BODIES)


def _answer(path: str) -> tuple[int, bytes]:
    if path in BODIES:
        return 200, BODIES[path]
    return 404, json.dumps({"error": f"nothing at {path}"}).encode()


def application(latency: float) -> ASGIFramework:
    """The API as an ASGI application. Each answer is sent after `latency` seconds."""

    async def transit(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        await asyncio.sleep(latency)
        status, body = _answer(scope["path"])
        length = str(len(body)).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", length)]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return transit


@contextmanager
def serving(latency: float = LATENCY) -> Iterator[str]:
    """Serve the API from another process until the block ends; the value is the URL.

    The server ends at the end of its standard input: when the block ends, or this process, even
    killed.
    """
    command = [sys.executable, "-m", "demo.transit", "--until-eof", f"--latency={latency}"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=_PROJECT, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None  # a pipe
        url = server.stdout.readline().strip()
        if not url:
            raise RuntimeError("the transit server did not start")
        yield url


def _listen(port: int) -> socket.socket:
    """A listening socket: clients can connect when the URL is printed."""
    listener = socket.create_server(("127.0.0.1", port))
    print("http://{}:{}".format(*listener.getsockname()), flush=True)
    return listener


def _config(listener: socket.socket) -> Config:
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.loglevel = "WARNING"
    return config


async def _eof() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process
    await asyncio.to_thread(sys.stdin.read)


def _arguments() -> argparse.Namespace:
    description = "Serve the transit API of a made-up city on 127.0.0.1 until Ctrl-C."
    parser = argparse.ArgumentParser(prog="python -m demo.transit", description=description)
    parser.add_argument("--port", type=int, default=0, help="default: any free port")
    parser.add_argument("--latency", type=float, default=LATENCY, metavar="SECONDS")
    parser.add_argument(
        "--until-eof", action="store_true", help="stop at the end of standard input"
    )
    return parser.parse_args()


def main() -> None:
    arguments = _arguments()
    config = _config(_listen(arguments.port))
    end = _eof if arguments.until_eof else None
    asyncio.run(serve(application(arguments.latency), config, shutdown_trigger=end))


if __name__ == "__main__":
    main()
