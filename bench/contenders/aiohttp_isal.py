"""The same with the library that asynchttp decodes with, which aiohttp takes if it is told to."""

from aiohttp import set_zlib_backend
from isal import isal_zlib

from bench.contenders.aiohttp import contender

__all__ = ["contender"]

set_zlib_backend(isal_zlib)
