"""httpx on threads, a client for each thread: a shared client measured a fifth slower."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from httpx import Client

from bench.load import Fetch, Load, WrongAnswerError
from bench.threads import on_threads


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with ExitStack() as stack:
        clients = [stack.enter_context(Client()) for _ in range(load.concurrency)]
        with on_threads([partial(_get, client, load) for client in clients]) as fetch:
            yield fetch


def _get(client: Client, load: Load) -> None:
    response = client.get(load.url)
    if response.status_code != 200 or response.content != load.content:
        raise WrongAnswerError(response.status_code, response.content)
