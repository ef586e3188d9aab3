"""A client for the transit API whose objects are promises.

A new object requests its data at once, and waits for the data at the first look. Programs use plain
loops, and yet the requests are made in parallel.
"""

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from asynchttp import Content, Http, Response

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the demo server is there
from demo import transit

T = TypeVar("T")
Json = Any  # the result of json.loads


def decode(response: Response, content: Content) -> Json:
    if response.status != 200:
        raise LookupError(str(content))
    return json.loads(content)


class Transit:
    """The city's agencies."""

    def __init__(self, http: Http, url: str) -> None:
        self.http, self.url = http, url
        self.asked: list[str] = []
        self._agencies = self.fetch(
            "/agencies", lambda entries: [Agency(self, entry) for entry in entries]
        )

    def fetch(self, path: str, build: Callable[[Json], T]) -> Future[T]:
        """Request a document, and build objects from the answer in the background."""
        self.asked.append(path)
        promise = self.http.request(self.url + path)
        return promise.then(lambda response, content: build(decode(response, content)))

    @property
    def agencies(self) -> "list[Agency]":
        return self._agencies.result()


class Agency:
    def __init__(self, city: Transit, entry: Json) -> None:
        self.name, self.vehicle = entry["name"], entry["vehicle"]
        path = f"/agencies/{entry['id']}/routes"
        self._routes = city.fetch(path, lambda entries: [Route(city, entry) for entry in entries])

    @property
    def routes(self) -> "list[Route]":
        return self._routes.result()


class Route:
    def __init__(self, city: Transit, entry: Json) -> None:
        self.name = entry["name"]
        self._details = city.fetch(f"/routes/{entry['id']}", dict[str, Json])

    @property
    def every_minutes(self) -> int:
        return int(self._details.result()["every_minutes"])

    @property
    def stops(self) -> list[str]:
        return [stop["name"] for stop in self._details.result()["stops"]]


with transit.serving() as url, Http() as http:
    start = time.perf_counter()
    city = Transit(http, url)
    for agency in city.agencies:
        longest = max(agency.routes, key=lambda route: len(route.stops))
        print(f"{agency.name} has {len(agency.routes)} routes, the longest is {longest.name}:")
        print(f"    a {agency.vehicle} every {longest.every_minutes} minutes,", end=" ")
        print(f"{len(longest.stops)} stops from {longest.stops[0]} to {longest.stops[-1]}")
    took, one_by_one = time.perf_counter() - start, len(city.asked) * transit.LATENCY
    print(f"\n{len(city.asked)} requests in {took:.2f} s; one by one at least {one_by_one:.2f} s")
