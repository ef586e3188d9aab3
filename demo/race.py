"""The race: httplib2 fetches URLs one by one, then asynchttp fetches the same URLs.

Rules: the time includes opening and closing the client. Both clients keep every answer, and the
race counts only if the answers are the same. The environment's proxy is not used, since the race
would measure the proxy.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass

import httplib2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import asynchttp

AT_ONCE = 32

Answers = dict[str, tuple[int, bytes]]
Runner = Callable[[Sequence[str], Callable[[], None]], Answers]


def one_by_one(urls: Sequence[str], step: Callable[[], None]) -> Answers:
    http = httplib2.Http(proxy_info=None)
    answers: Answers = {}
    for url in urls:
        response, content = http.request(url)
        answers[url] = response.status, content
        step()
    http.close()
    return answers


def in_background(urls: Sequence[str], step: Callable[[], None]) -> Answers:
    with asynchttp.Http(proxy_info=None, max_workers=AT_ONCE) as http:
        promises = [http.request(url) for url in urls]
        for _ in as_completed(promises):
            step()
    pairs = (promise.result() for promise in promises)
    return {url: (pair[0].status, pair[1]) for url, pair in zip(urls, pairs, strict=True)}


RUNNERS: dict[str, Runner] = {
    "httplib2, one by one": one_by_one,
    f"asynchttp, {AT_ONCE} at once": in_background,
}


@dataclass(frozen=True)
class Lap:
    client: str
    answers: Answers
    seconds: float

    @property
    def rate(self) -> float:
        return len(self.answers) / self.seconds


def _lap(client: str, urls: Sequence[str], step: Callable[[], None]) -> Lap:
    start = time.perf_counter()
    answers = RUNNERS[client](urls, step)
    return Lap(client, answers, time.perf_counter() - start)


def _run(urls: Sequence[str], console: Console) -> list[Lap]:
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        tasks = {name: progress.add_task(name, total=len(urls), start=False) for name in RUNNERS}

        def lap(client: str) -> Lap:
            progress.start_task(tasks[client])
            return _lap(client, urls, lambda: progress.advance(tasks[client]))

        return [lap(client) for client in RUNNERS]


def _table(slow: Lap, fast: Lap) -> Table:
    table = Table("Client")
    for title in ("Requests", "Time", "Requests per second", "Speed-up"):
        table.add_column(title, justify="right")
    for lap, style in ((slow, ""), (fast, "bold green")):
        figures = str(len(lap.answers)), f"{lap.seconds:.2f} s", f"{lap.rate:.0f}"
        table.add_row(lap.client, *figures, f"{slow.seconds / lap.seconds:.1f}x", style=style)
    return table


def _verdict(slow: Lap, fast: Lap) -> tuple[bool, str]:
    different = [url for url in slow.answers if slow.answers[url] != fast.answers[url]]
    if different:
        return False, f"{len(different)} answers differ, first {different[0]}"
    return True, f"All {len(slow.answers)} answers, status and body, are the same from both."


def race(urls: Sequence[str], console: Console) -> bool:
    """Run both clients and print the times; true if the answers are the same."""
    slow, fast = _run(urls, console)
    same, verdict = _verdict(slow, fast)
    console.print(f"\n{verdict}\n", style="green" if same else "bold red", highlight=False)
    console.print(_table(slow, fast))
    return same
