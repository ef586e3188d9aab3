"""The clients, each in a file of its own that has one `contender`, known here by its name.

Rules: each in its best form, as its own documentation would write it. A client is imported
only by the program that measures it, so that one does not weigh on another's memory.
"""

from importlib import import_module
from typing import Final, cast

from bench.load import Contender

CONTENDERS: Final = {
    "asynchttp": "asynchttp",
    "asynchttp_json": "asynchttp, JSON callback",
    "asynchttp_blocking": "asynchttp, blocking=True",
    "bare": "bare pycurl multi loop",
    "aiohttp": "aiohttp on uvloop",
    "aiohttp_isal": "aiohttp on uvloop with isal",
    "pyreqwest": "pyreqwest on uvloop",
    "httplib2": "httplib2 on threads",
    "httpx": "httpx on threads",
    "niquests": "niquests on threads",
    "requests_futures": "requests-futures",
    "urllib3": "urllib3 on threads",
}
"""The name of each one's module, and what the table calls it."""


def load_contender(name: str) -> Contender:
    return cast(Contender, import_module(f"bench.contenders.{name}").contender)
