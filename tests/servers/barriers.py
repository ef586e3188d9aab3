"""The transit API behind barriers: a request for a route, or a list of routes, is answered only
when a given number of such requests wait at once. A sequential client hangs.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Lock, Thread

from demo import transit


class FirstBarrier:
    """The first `count` threads wait for each other; later threads do not wait."""

    def __init__(self, count: int) -> None:
        self._awaited = count
        self._lock = Lock()
        self._meeting = Barrier(count)

    def join(self) -> None:
        with self._lock:
            self._awaited -= 1
            is_late = self._awaited < 0
        if not is_late:
            self._meeting.wait()


class Server(ThreadingHTTPServer):
    request_queue_size = 128  # for simultaneous connections


@contextmanager
def barrier_server(together: Mapping[str, int]) -> Iterator[str]:
    """Serve the transit API until the end of the block; yields the URL.

    `together`: by the beginning of a path, the number of requests that have to wait at once.
    """
    barriers = {path: FirstBarrier(count) for path, count in together.items()}

    class BarrierHandler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            for path, barrier in barriers.items():
                if self.path.startswith(path):
                    barrier.join()
            self.send_response(200)
            self.send_header("Content-Length", str(len(transit.BODIES[self.path])))
            self.end_headers()
            self.wfile.write(transit.BODIES[self.path])

        def log_message(self, *_: object) -> None:
            """Log nothing: tests assert that the program's standard error is empty."""

    with serve_handler(BarrierHandler) as url:
        yield url


@contextmanager
def serve_handler(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve by `handler`, on a thread for each connection; yields the URL."""
    with Server(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
