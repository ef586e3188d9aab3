"""urllib3 on threads that share a pool, with a connection for each thread."""

from collections.abc import Iterator
from contextlib import contextmanager

from urllib3 import PoolManager

from bench.load import Fetch, Load, WrongAnswerError
from bench.threads import on_threads


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with PoolManager(maxsize=load.concurrency) as pool:

        def get() -> None:
            response = pool.request("GET", load.url)
            if response.status != 200 or response.data != load.content:
                raise WrongAnswerError(response.status, response.data)

        with on_threads([get] * load.concurrency) as fetch:
            yield fetch
