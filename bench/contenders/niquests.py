"""niquests on threads that share a session, as its documentation permits."""

from collections.abc import Iterator
from contextlib import contextmanager

from niquests import Session

from bench.load import Fetch, Load, WrongAnswerError
from bench.threads import on_threads


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with Session(pool_maxsize=load.concurrency) as session:

        def get() -> None:
            response = session.get(load.url)
            if response.status_code != 200 or response.content != load.content:
                raise WrongAnswerError(response.status_code, response.content)

        with on_threads([get] * load.concurrency) as fetch:
            yield fetch
