"""Blocking clients on threads, a thread for each request at once.

Rule: the threads take requests from a shared iterator, so that no thread waits for a slow thread.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.load import Fetch


@contextmanager
def on_threads(gets: Sequence[Callable[[], None]]) -> Iterator[Fetch]:
    """A thread for each function. A function fetches once, or raises `WrongAnswerError`."""
    with ThreadPoolExecutor(len(gets)) as threads:

        def fetch(count: int) -> None:
            turns = iter(range(count))
            for worker in [threads.submit(_work, get, turns) for get in gets]:
                worker.result()

        yield fetch


def _work(get: Callable[[], None], turns: Iterator[int]) -> None:
    for _ in turns:
        get()
