"""asynchttp through its public interface: ask for all, then look at each answer."""

from collections.abc import Iterator
from contextlib import contextmanager

from asynchttp import Http
from bench.load import Fetch, Load, WrongAnswerError, one_by_one


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with Http(max_workers=load.concurrency, ca_certs=load.ca_certs) as http:

        def fetch(count: int) -> None:
            promises = [http.request(load.url) for _ in range(count)]
            for response, content in one_by_one(promises):
                if response.status != 200 or content != load.content:
                    raise WrongAnswerError(response.status, bytes(content))

        yield fetch
