"""asynchttp with a callback that decodes the JSON in the background and stores the value."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from asynchttp import Http, Promise
from bench.load import Fetch, Load, WrongAnswerError, one_by_one


def decode(promise: Promise) -> None:
    response, content = promise
    if response.status == 200:
        response.document = json.loads(content)


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    document = json.loads(load.content)
    with Http(max_workers=load.concurrency) as http:

        def fetch(count: int) -> None:
            promises = [http.request(load.url, callback=decode) for _ in range(count)]
            for response, content in one_by_one(promises):
                if response.status != 200 or response.document != document:
                    raise WrongAnswerError(response.status, bytes(content))

        yield fetch
