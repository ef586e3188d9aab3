"""The clients. Each file has a `contender`, and some files a `background`, for a client that works
while the main thread does other things.

Rules: each client has its best form, by the client's own documentation. Only the program that
measures a client imports the client: no client adds to the memory of the others.
"""

from importlib import import_module
from typing import Final, cast

from bench.load import BackgroundContender, Contender

CONTENDERS: Final = {
    "asynchttp": "asynchttp",
    "asynchttp_json": "asynchttp, JSON callback",
    "asynchttp_blocking": "asynchttp, blocking=True",
    "asynchttp_credentials": "asynchttp, credentials",
    "asynchttp_callback": "asynchttp, callbacks that do nothing",
    "asynchttp_cache": "asynchttp, a cache that finds nothing",
    "bare": "bare pycurl multi loop",
    "aiohttp": "aiohttp on uvloop",
    "aiohttp_isal": "aiohttp on uvloop with isal",
    "pyreqwest": "pyreqwest on uvloop",
    "pyreqwest_futures": "pyreqwest with Futures",
    "pyreqwest_json": "pyreqwest on uvloop, JSON in its tasks",
    "httplib2": "httplib2 on threads",
    "httpx": "httpx on threads",
    "niquests": "niquests on threads",
    "requests_futures": "requests-futures",
    "urllib3": "urllib3 on threads",
}
"""The name of each client's module, and its name in the table."""


def load_contender(name: str) -> Contender:
    return cast(Contender, import_module(f"bench.contenders.{name}").contender)


def load_background(name: str) -> BackgroundContender:
    return cast(BackgroundContender, import_module(f"bench.contenders.{name}").background)
