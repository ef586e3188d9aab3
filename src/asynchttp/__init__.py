"""asynchttp: httplib2's interface, requests in the background, libcurl underneath.

    from asynchttp import Http

    response, content = Http().request("http://example.org/")   # returns at once
    response.status                                             # blocks only if it has to

Other names (`asynchttp.FileCache`, say) are those of httplib2.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import httplib2

from .http import Http
from .messages.errors import (
    ContentTooLargeError,
    LostInForkError,
    RequestTimeoutError,
    ResultTimeoutError,
)
from .messages.request import Request
from .messages.response import Response
from .promise.lazy_pair import Content
from .promise.promise import Promise

__all__ = [
    "Content",
    "ContentTooLargeError",
    "Http",
    "LostInForkError",
    "Promise",
    "Request",
    "RequestTimeoutError",
    "Response",
    "ResultTimeoutError",
]
__version__ = "1.0.0.dev0"


def __getattr__(name: str) -> Any:  # Any: names of httplib2 have no types
    try:
        return getattr(httplib2, name)
    except AttributeError:
        raise AttributeError(
            f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__]
        ) from None


_originals: dict[str, Any] = {}  # httplib2's values before a program set others; Any: as above


class _Module(ModuleType):
    """The class of this module: setting a name of httplib2 (debuglevel, CA_CERTS...) sets the
    name in httplib2, where the setting takes effect.
    """

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self) or not hasattr(httplib2, name):
            super().__setattr__(name, value)
        else:
            _originals.setdefault(name, getattr(httplib2, name))
            setattr(httplib2, name, value)

    def __delattr__(self, name: str) -> None:  # pytest and mock undo a patch by `del`
        if name in vars(self) or name not in _originals:
            super().__delattr__(name)
        else:
            setattr(httplib2, name, _originals.pop(name))


sys.modules[__name__].__class__ = _Module
