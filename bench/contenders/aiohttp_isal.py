"""aiohttp on uvloop, set to decode with isal, which needs less than half of zlib's time."""

from aiohttp import set_zlib_backend
from isal import isal_zlib

from bench.contenders.aiohttp import contender

__all__ = ["contender"]

set_zlib_backend(isal_zlib)
