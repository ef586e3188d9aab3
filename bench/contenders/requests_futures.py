"""requests-futures: a session with a worker for each request at once; make all requests, then look
at each answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from requests_futures.sessions import FuturesSession

from bench.load import Fetch, Load, WrongAnswerError, one_by_one


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with FuturesSession(max_workers=load.concurrency) as session:

        def fetch(count: int) -> None:
            for future in one_by_one([session.get(load.url) for _ in range(count)]):
                response = future.result()
                if response.status_code != 200 or response.content != load.content:
                    raise WrongAnswerError(response.status_code, response.content)

        yield fetch
