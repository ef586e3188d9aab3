"""httpx on threads, which share one client: it may be shared, and keeps its connections best so."""

from collections.abc import Iterator
from contextlib import contextmanager

from httpx import Client, Limits

from bench.load import Fetch, Load, WrongAnswerError
from bench.threads import on_threads


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    limits = Limits(max_connections=load.concurrency, max_keepalive_connections=load.concurrency)
    with Client(limits=limits) as client:

        def get() -> None:
            response = client.get(load.url)
            if response.status_code != 200 or response.content != load.content:
                raise WrongAnswerError(response.status_code, response.content)

        with on_threads([get] * load.concurrency) as fetch:
            yield fetch
