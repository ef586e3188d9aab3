"""httplib2 on threads, an `Http` each: it may not be shared."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from httplib2 import Http

from bench.load import Fetch, Load, WrongAnswerError


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    clients = [Http() for _ in range(load.concurrency)]
    with ThreadPoolExecutor(load.concurrency) as threads:

        def fetch(count: int) -> None:
            turns = iter(range(count))
            for worker in [threads.submit(_work, http, load, turns) for http in clients]:
                worker.result()

        yield fetch
    for http in clients:
        http.close()


def _work(http: Http, load: Load, turns: Iterator[int]) -> None:
    for _ in turns:
        response, content = http.request(load.url)
        if response.status != 200 or content != load.content:
            raise WrongAnswerError(response.status, content)
