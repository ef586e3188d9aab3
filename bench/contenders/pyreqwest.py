"""pyreqwest's asynchronous client on uvloop, and as many tasks as are to fetch at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from pyreqwest.client import Client, ClientBuilder

from bench.load import Fetch, Load, WrongAnswerError


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        client = runner.run(_client())
        try:
            yield lambda count: runner.run(_fetch(client, load, count))
        finally:
            runner.run(client.close())


async def _client() -> Client:
    return ClientBuilder().build()


async def _fetch(client: Client, load: Load, count: int) -> None:
    turns = iter(range(count))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(load.concurrency):
            tasks.create_task(_worker(client, load, turns))


async def _worker(client: Client, load: Load, turns: Iterator[int]) -> None:
    for _ in turns:
        response = await client.get(load.url).build().send()
        content = await response.bytes()
        if response.status != 200 or content != load.content:
            raise WrongAnswerError(response.status, content)
