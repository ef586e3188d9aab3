"""asynchttp with `blocking=True` on threads that share an `Http`."""

from collections.abc import Iterator
from contextlib import contextmanager

from asynchttp import Http
from bench.load import Fetch, Load, WrongAnswerError
from bench.threads import on_threads


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with Http(blocking=True, max_workers=load.concurrency) as http:

        def get() -> None:
            response, content = http.request(load.url)
            if response.status != 200 or content != load.content:
                raise WrongAnswerError(response.status, content)

        with on_threads([get] * load.concurrency) as fetch:
            yield fetch
