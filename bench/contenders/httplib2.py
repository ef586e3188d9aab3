"""httplib2 on threads, an `Http` for each thread, since threads may not share an `Http`."""

import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from httplib2 import Http

from bench.load import Background, Fetch, Load, WrongAnswerError
from bench.threads import on_threads


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    clients = [Http() for _ in range(load.concurrency)]
    with on_threads([partial(_get, http, load) for http in clients]) as fetch:
        yield fetch
    for http in clients:
        http.close()


@contextmanager
def background(load: Load) -> Iterator[Background[Future[None]]]:
    """A Future for each request; the thread that makes the request looks at the answer."""
    of_this_thread = threading.local()
    clients: list[Http] = []

    def begin_thread() -> None:
        of_this_thread.http = Http()
        clients.append(of_this_thread.http)

    def get() -> None:
        _get(of_this_thread.http, load)

    threads = ThreadPoolExecutor(load.concurrency, initializer=begin_thread)
    try:
        yield Background(lambda count: [threads.submit(get) for _ in range(count)], Future.result)
    finally:
        threads.shutdown(cancel_futures=True)
        for http in clients:
            http.close()


def _get(http: Http, load: Load) -> None:
    response, content = http.request(load.url)
    if response.status != 200 or content != load.content:
        raise WrongAnswerError(response.status, content)
