"""The transit API for those who ask for many things at once: it answers no route, and no list of
routes, before so many requests for one are there at the same time. Who asks one by one waits for
ever.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Barrier, Lock, Thread

from demo import transit


class Crowd:
    """The first so many wait for each other; those after them for nobody."""

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
    request_queue_size = 128  # connections that come together


@contextmanager
def sociable_server(together: Mapping[str, int]) -> Iterator[str]:
    """Serve it for as long as the block lasts; `together`: how many have to ask at once for what
    begins so. Gives its URL.
    """
    crowds = {path: Crowd(count) for path, count in together.items()}

    class Sociable(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            for path, crowd in crowds.items():
                if self.path.startswith(path):
                    crowd.join()
            self.send_response(200)
            self.send_header("Content-Length", str(len(transit.BODIES[self.path])))
            self.end_headers()
            self.wfile.write(transit.BODIES[self.path])

        def log_message(self, *_: object) -> None:
            """Says nothing: the program's standard error is the test's to look at."""

    with served_by(Sociable) as url:
        yield url


@contextmanager
def served_by(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Serve whatever it answers, on a thread for each connection; gives the URL."""
    with Server(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
