"""The application on hypercorn, on a thread with an event loop of its own.

Rules: the socket listens from the first moment, so nobody has to wait for the server to be up;
`close` lets every gate open, or it would wait for the requests that wait.
"""

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self, cast

from hypercorn.asyncio import serve
from hypercorn.config import Config
from hypercorn.typing import ASGIFramework

from tests.servers.app import App, Gate, Received
from tests.servers.seen import PATIENCE, Seen

log = logging.getLogger("tests.servers")
"""Where hypercorn reports errors of the application, and so pytest beside a test that failed."""


class WebServer:
    """Hypercorn over plain TCP, or over TLS with the key and certificate of `pem`."""

    def __init__(self, pem: Path | None = None, alpn: tuple[str, ...] = ("h2", "http/1.1")) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = listening.getsockname()[1]
        self._origin = f"https://localhost:{self.port}" if pem else f"http://127.0.0.1:{self.port}"
        self._app = App(self._origin)
        self._stop: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._serve, args=[_config(listening, pem, alpn)], name=f"web-{self.port}"
        )
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def received(self) -> Seen[Received]:
        """The requests that came since the test began."""
        return self._app.received

    def url(self, path: str = "/echo") -> str:
        return self._origin + path

    def gate(self) -> Gate:
        """A new gate, at which only this test's requests wait."""
        return self._app.new_gate()

    @contextmanager
    def borrowed(self) -> Iterator[None]:
        """For one test: nothing received when it begins, nobody left waiting when it ends."""
        self._app.forget()
        try:
            yield
        finally:
            self._app.open_gates()

    def close(self) -> None:
        self._app.open_gates()
        self._stop.set_result(None)
        self._thread.join()

    def _serve(self, config: Config) -> None:
        app = cast(ASGIFramework, self._app)  # two spellings of the types of ASGI
        asyncio.run(serve(app, config, shutdown_trigger=self._stopped))

    async def _stopped(self) -> None:
        await asyncio.wrap_future(self._stop)


class _BriefGoodbye(ssl.SSLObject):
    """Tells the client that TLS ends, and does not wait to be told the same.

    Where a test left a connection open, asyncio would wait for half a minute.
    """

    def unwrap(self) -> None:
        with suppress(ssl.SSLWantReadError):
            super().unwrap()


class _Config(Config):
    def create_ssl_context(self) -> ssl.SSLContext | None:
        context = super().create_ssl_context()
        if context is not None:
            context.sslobject_class = _BriefGoodbye
        return context


def _config(listening: socket.socket, pem: Path | None, alpn: tuple[str, ...]) -> Config:
    config = _Config()
    config.bind = [f"fd://{listening.detach()}"]
    config.certfile = config.keyfile = str(pem) if pem else None
    config.alpn_protocols = list(alpn)
    config.errorlog = log
    config.keep_alive_timeout = 60  # a test's idle connection ends when the test ends it,
    config.keep_alive_max_requests = 1_000_000  # not because it was used enough
    config.backlog = 1024
    config.ssl_handshake_timeout = PATIENCE
    config.graceful_timeout = 1  # nobody waits for an answer any more
    return config
