"""Every way in which a program can wait for a promise."""

import asyncio
import concurrent.futures as cf
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from asynchttp import Promise
from tests.servers.event_log import PATIENCE


def wait_in_thread(promise: Promise) -> None:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(promise.result).result()


async def gather_twice(promise: Promise) -> None:
    await asyncio.gather(promise, promise)


async def wait_in_asyncio(promise: Promise) -> None:
    await asyncio.wait_for(promise, PATIENCE)


def wait_for_done_callback(promise: Promise) -> None:
    done = threading.Event()
    promise.add_done_callback(lambda _: done.set())
    done.wait()


WAYS_OF_WAITING: dict[str, Callable[[Promise], object]] = {
    "the response": lambda promise: promise.response.status,
    "the content": lambda promise: len(promise.content),
    "result": lambda promise: promise.result(),
    "exception": lambda promise: promise.exception(),
    "wait": lambda promise: promise.wait(),
    "wait at most": lambda promise: promise.wait(PATIENCE),
    "cf.wait": lambda promise: cf.wait([promise]),
    "as_completed": lambda promise: list(cf.as_completed([promise])),
    "then": lambda promise: promise.then(lambda response, content: len(content)).result(),
    "asyncio.gather": lambda promise: asyncio.run(gather_twice(promise)),
    "asyncio.wait_for": lambda promise: asyncio.run(wait_in_asyncio(promise)),
    "a thread": wait_in_thread,
    "an event": wait_for_done_callback,
}
each_way_of_waiting = pytest.mark.parametrize("wait", WAYS_OF_WAITING.values(), ids=WAYS_OF_WAITING)
"""Runs a test with each function, as the parameter `wait`."""
