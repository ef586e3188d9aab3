"""pyreqwest's asynchronous client on uvloop, whose tasks decode the JSON."""

import json
from collections.abc import Iterator
from contextlib import AbstractContextManager

from pyreqwest.client import Client

from bench.contenders.pyreqwest import on_uvloop
from bench.load import Fetch, Load, WrongAnswerError


def contender(load: Load) -> AbstractContextManager[Fetch]:
    document = json.loads(load.content)

    async def work(client: Client, turns: Iterator[int]) -> None:
        for _ in turns:
            response = await client.get(load.url).build().send()
            found = await response.json() if response.status == 200 else None
            if found != document:
                raise WrongAnswerError(response.status, found)

    return on_uvloop(load, work)
