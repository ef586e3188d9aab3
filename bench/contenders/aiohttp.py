"""aiohttp on uvloop: a session, and a task for each request at once."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import uvloop
from aiohttp import ClientSession, TCPConnector
from yarl import URL

from bench.load import Fetch, Load, WrongAnswerError


@contextmanager
def contender(load: Load) -> Iterator[Fetch]:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        session = runner.run(_session(load.concurrency))
        try:
            yield lambda count: runner.run(_fetch(session, load, count))
        finally:
            runner.run(session.close())


async def _session(limit: int) -> ClientSession:
    return ClientSession(connector=TCPConnector(limit=limit))


async def _fetch(session: ClientSession, load: Load, count: int) -> None:
    turns = iter(range(count))
    async with asyncio.TaskGroup() as tasks:
        for _ in range(load.concurrency):
            tasks.create_task(_worker(session, load, turns))


async def _worker(session: ClientSession, load: Load, turns: Iterator[int]) -> None:
    url = URL(load.url)
    for _ in turns:
        async with session.get(url) as response:
            content = await response.read()
        if response.status != 200 or content != load.content:
            raise WrongAnswerError(response.status, content)
