"""The application on hypercorn, on a thread with an event loop of its own.

Rules: the socket listens from the first moment, so that no test waits for the server's start;
`close` sends all held answers, since hypercorn waits for unanswered requests.
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

from tests.servers.app import App, HeldAnswers, ReceivedRequest
from tests.servers.event_log import PATIENCE, EventLog

log = logging.getLogger("tests.servers")
"""Hypercorn reports errors of the application to this log, which pytest shows for failed tests."""


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
    def received(self) -> EventLog[ReceivedRequest]:
        """The requests that came since the test began."""
        return self._app.received

    def url(self, path: str = "/echo") -> str:
        return self._origin + path

    def hold_answers(self) -> HeldAnswers:
        """New held answers, for the requests of one test."""
        return self._app.hold_answers()

    @contextmanager
    def used_by_one_test(self) -> Iterator[None]:
        """For one test: forget requests at the beginning, send all held answers at the end."""
        self._app.clear_received()
        try:
            yield
        finally:
            self._app.answer_all_held()

    def close(self) -> None:
        self._app.answer_all_held()
        self._stop.set_result(None)
        self._thread.join()

    def _serve(self, config: Config) -> None:
        app = cast(ASGIFramework, self._app)  # two spellings of the types of ASGI
        asyncio.run(serve(app, config, shutdown_trigger=self._stopped))

    async def _stopped(self) -> None:
        await asyncio.wrap_future(self._stop)


class _BriefGoodbye(ssl.SSLObject):
    """Sends close_notify, and does not wait for the client's close_notify.

    If a test has left a connection open, asyncio would wait for half a minute.
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
    config.keep_alive_timeout = 60  # the test, not the server, ends idle connections
    config.keep_alive_max_requests = 1_000_000  # and heavily used connections
    config.backlog = 1024
    config.ssl_handshake_timeout = PATIENCE
    config.graceful_timeout = 1  # at the end no client waits for an answer
    return config
