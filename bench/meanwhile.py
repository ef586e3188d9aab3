"""Measures the requests that a client completes while the main thread sleeps or computes. Prints
the requests per second as JSON:

    python -m bench.meanwhile NAME URL AT_ONCE ACTIVITY SECONDS

Rules: the client is warm. The client is given more requests than the time allows; between the two
counts of completed requests the main thread does not touch the client. After the time all received
answers are looked at, and all other requests are cancelled.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from bench.compute import compute
from bench.contenders import load_background
from bench.documents import content_at
from bench.load import Background, Load, P, Pending

ACTIVITIES: Final[dict[str, Callable[[float], None]]] = {"sleeps": time.sleep, "computes": compute}

_WARM_UPS_PER_SLOT: Final = 25
_PLENTY: Final = 4
"""The number of requests, as a multiple of the number expected by the warm-up's rate."""
_ATTEMPTS: Final = 4


class NotEnoughError(Exception):
    """All requests were completed before the time was over."""


def measure(
    client: Background[P], at_once: int, activity: Callable[[float], None], seconds: float
) -> float:
    """Requests per second, after a warm-up."""
    count = round(_PLENTY * _warm_up(client, at_once) * seconds) + at_once
    for _ in range(_ATTEMPTS):
        pending = client.ask(count)
        rate = _rate(pending, activity, seconds)
        all_done = all(each.done() for each in pending)
        _look_at_done(client, pending)
        if not all_done:
            return rate
        count *= 2
    raise NotEnoughError(f"{count // 2} requests were too few for {seconds} s")


def _warm_up(client: Background[P], at_once: int) -> float:
    """Requests per second while the main thread only looks at answers."""
    began = time.perf_counter()
    pending = client.ask(at_once * _WARM_UPS_PER_SLOT)
    for each in pending:
        client.look(each)
    return len(pending) / (time.perf_counter() - began)


def _rate(pending: Sequence[Pending], activity: Callable[[float], None], seconds: float) -> float:
    began, before = time.perf_counter(), _done(pending)
    activity(seconds)
    ended, after = time.perf_counter(), _done(pending)
    return (after - before) / (ended - began)


def _done(pending: Sequence[Pending]) -> int:
    return sum(each.done() for each in pending)


def _look_at_done(client: Background[P], pending: Sequence[P]) -> None:
    for each in [each for each in pending if each.done()]:
        client.look(each)


def main(name: str, url: str, at_once: str, activity: str, seconds: str) -> None:
    load = Load(url, int(at_once), content_at(url))
    with load_background(name)(load) as client:
        rate = measure(client, load.concurrency, ACTIVITIES[activity], float(seconds))
        print(json.dumps({"rate": rate}))


if __name__ == "__main__":
    main(*sys.argv[1:])
