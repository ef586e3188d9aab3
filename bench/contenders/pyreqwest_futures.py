"""pyreqwest's blocking client, shared by a thread pool, with a Future for each request: make all
requests, then look at each answer.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from pyreqwest.bytes import Bytes
from pyreqwest.client import SyncClientBuilder

from bench.load import Fetch, Load, WrongAnswerError, one_by_one


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with SyncClientBuilder().build() as client, ThreadPoolExecutor(load.concurrency) as threads:

        def get() -> tuple[int, Bytes]:
            response = client.get(load.url).build().send()
            return response.status, response.bytes()

        def fetch(count: int) -> None:
            for future in one_by_one([threads.submit(get) for _ in range(count)]):
                status, content = future.result()
                if status != 200 or content != load.content:
                    raise WrongAnswerError(status, content)

        yield fetch
