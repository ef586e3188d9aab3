"""asynchttp with a cache in memory whose lookups find no entry: each request has a new URL.

Every answer is stored, as by httplib2. The URLs differ in the query, which the server ignores.
"""

from itertools import count as numbers

from asynchttp import Http
from bench.contenders.asynchttp import Ask, background_of, contender_of
from bench.load import Load


class MemoryCache:
    """The interface of httplib2's caches."""

    def __init__(self) -> None:
        self._stored: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self._stored.get(key)

    def set(self, key: str, value: bytes) -> None:
        self._stored[key] = value

    def delete(self, key: str) -> None:
        self._stored.pop(key, None)


def with_cache(load: Load) -> tuple[Http, Ask]:
    http = Http(cache=MemoryCache(), max_workers=load.concurrency)
    separator = "&" if "?" in load.url else "?"
    number = numbers()
    return http, lambda count: [
        http.request(f"{load.url}{separator}number={next(number)}") for _ in range(count)
    ]


contender = contender_of(with_cache)
background = background_of(with_cache)
