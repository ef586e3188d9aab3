"""pyreqwest's asynchronous client on uvloop, a task for each request at once."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import uvloop
from pyreqwest.client import Client, ClientBuilder

from bench.load import Fetch, Load, WrongAnswerError

Work: TypeAlias = Callable[[Client, Iterator[int]], Coroutine[object, object, None]]
"""A task: fetches and looks once for each item of the shared iterator."""


def contender(load: Load) -> AbstractContextManager[Fetch]:
    async def work(client: Client, turns: Iterator[int]) -> None:
        for _ in turns:
            response = await client.get(load.url).build().send()
            content = await response.bytes()
            if response.status != 200 or content != load.content:
                raise WrongAnswerError(response.status, content)

    return on_uvloop(load, work)


@contextmanager
def on_uvloop(load: Load, work: Work) -> Iterator[Fetch]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        client = runner.run(_client())
        try:
            yield lambda count: runner.run(_fetch(client, work, load.concurrency, count))
        finally:
            runner.run(client.close())


async def _client() -> Client:
    return ClientBuilder().build()


async def _fetch(client: Client, work: Work, tasks: int, count: int) -> None:
    turns = iter(range(count))
    async with asyncio.TaskGroup() as group:
        for _ in range(tasks):
            group.create_task(work(client, turns))
