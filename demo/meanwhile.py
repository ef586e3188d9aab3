"""The second act: what gets done in the background while the main thread computes for two seconds.

Rules: both clients are asked for more than they can fetch in the time, with as many requests at
once, and what is answered before the clock starts does not count; the main thread draws the bars
between two stretches of counting.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httplib2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

import asynchttp
from demo.race import AT_ONCE

ASKED = 200_000
SECONDS = 2.0
_STRETCH = 0.02  # seconds

Pending = Sequence[Future[Any]]  # Any: an answer, in each client's own form
Client = Callable[[Sequence[str]], AbstractContextManager[Pending]]


@contextmanager
def on_threads(urls: Sequence[str]) -> Iterator[Pending]:
    """httplib2 in its usual place: a pool of threads, with an Http each."""
    local, https = threading.local(), list[httplib2.Http]()

    def make_http() -> None:
        local.http = httplib2.Http(proxy_info=None)
        https.append(local.http)

    def fetch(url: str) -> tuple[httplib2.Response, bytes]:
        answer: tuple[httplib2.Response, bytes] = local.http.request(url)
        return answer

    with ThreadPoolExecutor(AT_ONCE, initializer=make_http) as pool:
        yield [pool.submit(fetch, url) for url in urls]
        pool.shutdown(cancel_futures=True)
    for http in https:
        http.close()


@contextmanager
def in_background(urls: Sequence[str]) -> Iterator[Pending]:
    with asynchttp.Http(proxy_info=None, max_workers=AT_ONCE) as http:
        yield [http.request(url) for url in urls]
        http.close(cancel_futures=True)


CLIENTS: dict[str, Client] = {
    f"httplib2 on {AT_ONCE} threads": on_threads,
    f"asynchttp, {AT_ONCE} at once": in_background,
}


@dataclass(frozen=True)
class Act:
    client: str
    answered: int
    seconds: float
    counted: int
    """How far the main thread has counted."""


def count_for(seconds: float) -> int:
    """Something that keeps Python busy, and never waits."""
    number, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(1000):
            number += 1
    return number


def _count_done(pending: Pending, done: int) -> int:
    """How many are done, of which `done` were so before: answers come nearly in order."""
    while done < len(pending) and pending[done].done():
        done += 1
    return done


def _compute(client: str, urls: Sequence[str], show: Callable[[int, float], None]) -> Act:
    with CLIENTS[client](urls) as pending:
        before = done = _count_done(pending, 0)
        begin, counted, seconds = time.perf_counter(), 0, 0.0
        while seconds < SECONDS:
            counted += count_for(_STRETCH)
            done = _count_done(pending, done)
            seconds = time.perf_counter() - begin
            show(done - before, seconds)
        return Act(client, done - before, seconds, counted)


def _run(urls: Sequence[str], console: Console) -> list[Act]:
    clock = TextColumn("{task.fields[seconds]:.2f} s")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), clock
    with Progress(*columns, console=console, auto_refresh=False) as progress:
        bars = {name: progress.add_task(name, total=len(urls), seconds=0.0) for name in CLIENTS}

        def act(client: str) -> Act:
            def show(done: int, seconds: float) -> None:
                progress.update(bars[client], completed=done, seconds=seconds, refresh=True)

            return _compute(client, urls, show)

        return [act(client) for client in CLIENTS]


def _table(acts: Sequence[Act]) -> Table:
    table = Table("Client")
    for title in ("Answered", "Time", "Per second", "Counted to"):
        table.add_column(title, justify="right")
    for act, style in zip(acts, ("", "bold green"), strict=True):
        rate = f"{act.answered / act.seconds:.0f}"
        counted = f"{act.counted / 1e6:.0f} million"
        figures = str(act.answered), f"{act.seconds:.2f} s", rate, counted
        table.add_row(act.client, *figures, style=style)
    return table


def meanwhile(urls: Sequence[str], console: Console) -> list[Act]:
    """Run both clients while the main thread counts, and show how far each came."""
    acts = _run(urls, console)
    console.print()
    console.print(_table(acts))
    return acts
