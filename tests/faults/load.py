"""Load: many requests, threads, cancels, and faults side by side on shared Https.

Rules:
- The content of an answer is the path of its request: an answer of another request is noticed.
- A load raises an AssertionError if a request ended wrongly. A request that does not end hangs.
- The seeds are fixed; the threads' order is not.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple

from asynchttp import Http, Promise
from tests.faults.echo import Url, echo_server
from tests.faults.kinds import KINDS
from tests.faults.known import known_fault
from tests.faults.play import Stage, met_by
from tests.faults.server import FAULT, HANGING, FaultServer
from tests.faults.table import TABLE, Cell
from tests.servers.event_log import PATIENCE

PATIENT = 6 * PATIENCE
"""Seconds: a request may wait for many others."""


def keep_in_flight(stage: Stage, size: int) -> None:
    """The server answers no request before all have come."""
    with echo_server() as url, Http(timeout=PATIENT, max_workers=size) as http:
        paths = [f"/hold/{size}/{number}" for number in range(size)]
        _assert_echoed({path: http.request(url(path)) for path in paths})


def queue(stage: Stage, size: int) -> None:
    """A single slot works the queue off; callbacks come in the order of the requests."""
    order: list[int] = []

    def note(number: int) -> Callable[[Promise], object]:
        return lambda _: order.append(number)

    with echo_server() as url, Http(timeout=PATIENT, max_workers=1) as http:
        paths = [f"/{number}" for number in range(size)]
        numbered = enumerate(paths)
        _assert_echoed({path: http.request(url(path), callback=note(n)) for n, path in numbered})
    assert order == list(range(size))


def cancel_at_random(stage: Stage, size: int) -> None:
    """Requests are cancelled while they are queued, under way, answered, or looked at."""
    at_once = 500
    chance = random.Random(size)
    with echo_server() as url, Http(timeout=PATIENT, max_workers=50) as http:
        waiting: deque[tuple[str, Promise]] = deque()
        cancelled: set[str] = set()
        for number in range(size):
            path = f"/after/{chance.randrange(5)}/{number}"
            waiting.append((path, http.request(url(path))))
            some_path, some = waiting[chance.randrange(len(waiting))]
            if chance.random() < 0.5 and some.cancel():
                cancelled.add(some_path)
            if len(waiting) == at_once:
                _assert_ended(*waiting.popleft(), cancelled)
        for each in waiting:
            _assert_ended(*each, cancelled)
    assert size / 10 < len(cancelled) < size


def share_among_threads(stage: Stage, size: int) -> None:
    """Fifty threads share some Https, and make, look at, cancel and drop requests, and close."""
    threads = 50
    with echo_server() as url:
        https = [Http(timeout=PATIENT, max_workers=8) for _ in range(5)]
        start = threading.Barrier(threads)

        def run(thread: int) -> None:
            chance = random.Random(thread)
            start.wait(PATIENCE)
            for number in range(size // threads):
                _do_anything(chance, https, url, f"/after/{chance.randrange(3)}/{thread}/{number}")

        with ThreadPoolExecutor(threads) as pool:
            for each in [pool.submit(run, thread) for thread in range(threads)]:
                each.result()
        for http in https:
            http.close()


def _do_anything(chance: random.Random, https: list[Http], url: Url, path: str) -> None:
    http = chance.choice(https)
    promise = http.request(url(path))
    match chance.randrange(10):
        case 0 | 1 | 2:
            is_cancelled = promise.cancel()
            _assert_ended(path, promise, {path} if is_cancelled else set())
        case 3 | 4:
            pass  # dropped
        case 5:
            http.close()
            _assert_ended(path, promise, set())
        case _:
            _assert_ended(path, promise, set())


def soak_in_faults(stage: Stage, size: int) -> None:
    """All kinds of faults, good answers and cancels share an Http, in any order."""
    chance = random.Random(size)
    with Http(timeout=PATIENCE, ca_certs=stage.authority_file) as http, echo_server() as url:
        for begin in range(0, size, _ROUND):
            numbers = range(begin, min(begin + _ROUND, size))
            _meet_faults(chance, stage, http, [url(f"/{number}") for number in numbers])


_ROUND = 2_000
"""Requests for which the faulty servers remember all connections."""


def _meet_faults(chance: random.Random, stage: Stage, http: Http, good_urls: list[str]) -> None:
    """Make two requests for each URL: the first to a faulty server, the second to the URL."""
    cells = list(_quick_cells())
    with ExitStack() as servers:
        urls = {
            cell.fault.name: servers.enter_context(FaultServer(cell.fault, stage.context)).url(
                FAULT
            )
            for cell in cells
            if cell.kind.is_idempotent
        }
        waiting: deque[Callable[[], None]] = deque()
        for good_url in good_urls:
            cell = chance.choice(cells)
            url = urls[cell.fault.name]
            body = None if cell.kind.is_idempotent else b"order=1234"
            waiting.append(partial(_assert_wanted, cell, http.request(url, cell.kind.method, body)))
            path = good_url[good_url.rindex("/") :]
            waiting.append(partial(_assert_ended, path, http.request(good_url), set()))
            if chance.random() < 0.1:
                http.request(url).cancel()
            while len(waiting) > 100:
                waiting.popleft()()
        for check in waiting:
            check()


def _quick_cells() -> Iterator[Cell]:
    """GET and POST, for faults that end soon, and happen each time in the same way."""
    kinds = [kind for kind in KINDS if kind.name in ("get", "post")]
    for fault in TABLE:
        is_slow = fault.is_silent or "endless" in fault.name or "flood" in fault.name
        is_slow |= any(max(fault.wanted(kind).sent) > 2 for kind in kinds)  # with pauses
        # Unasked bytes may come after the next request: then nobody can tell.
        is_odd = fault.strikes or fault.port or fault.settles or fault.at_connect
        # On a shared connection the end of one request is the end of others.
        ends_others = fault.is_http2 and not fault.keeps
        is_known = any(known_fault(Cell(fault, kind)) for kind in KINDS)
        if not (is_slow or is_odd or ends_others or is_known):
            yield from (Cell(fault, kind) for kind in kinds)


def _assert_wanted(cell: Cell, promise: Promise) -> None:
    assert promise.wait(HANGING), f"{cell.name} hangs"
    met = met_by(promise.result)
    # A request may be written on a kept connection just before the connection's end comes.
    ends = () if cell.fault.keeps else (ConnectionError,)
    assert met.is_one_of((*cell.wanted.results, *ends)), f"{cell.name}: {met.result!r}"


def _assert_echoed(promises: dict[str, Promise]) -> None:
    for path, promise in promises.items():
        _assert_ended(path, promise, set())


def _assert_ended(path: str, promise: Promise, cancelled: set[str]) -> None:
    """The request has ended once: with its own answer, or cancelled if in `cancelled`."""
    try:
        content = promise.result(HANGING)[1].decode()
    except CancelledError:
        assert path in cancelled, f"{path} was not cancelled"
        return
    assert path not in cancelled, f"{path} was cancelled, but has an answer"
    assert content == path


class Load(NamedTuple):
    run: Callable[[Stage, int], None]
    size: int
    """The number of requests in full."""
    size_in_ci: int

    @property
    def name(self) -> str:
        return self.run.__name__.replace("_", " ")


LOADS = (
    Load(keep_in_flight, 10_000, 500),
    Load(queue, 100_000, 2_000),
    Load(cancel_at_random, 100_000, 2_000),
    Load(share_among_threads, 20_000, 1_000),
    Load(soak_in_faults, 20_000, 300),
)
