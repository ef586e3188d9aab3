"""Blocking clients on threads, as many as are to fetch at once.

Rules: they share the count of what is still to fetch, so that none waits for the slowest.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.load import Fetch


@contextmanager
def on_threads(gets: Sequence[Callable[[], None]]) -> Iterator[Fetch]:
    """A thread for each of these, which fetch once and raise if the answer is not right."""
    with ThreadPoolExecutor(len(gets)) as threads:

        def fetch(count: int) -> None:
            turns = iter(range(count))
            for worker in [threads.submit(_work, get, turns) for get in gets]:
                worker.result()

        yield fetch


def _work(get: Callable[[], None], turns: Iterator[int]) -> None:
    for _ in turns:
        get()
