"""httplib2 on threads, an `Http` each: it may not be shared."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from httplib2 import Http

from bench.load import Fetch, Load, WrongAnswerError
from bench.threads import on_threads


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    clients = [Http() for _ in range(load.concurrency)]
    with on_threads([partial(_get, http, load) for http in clients]) as fetch:
        yield fetch
    for http in clients:
        http.close()


def _get(http: Http, load: Load) -> None:
    response, content = http.request(load.url)
    if response.status != 200 or content != load.content:
        raise WrongAnswerError(response.status, content)
