"""asynchttp: httplib2's interface, requests in the background, libcurl underneath.

    from asynchttp import Http

    response, content = Http().request("http://example.org/")   # returns at once
    response.status                                             # blocks only if it has to

Any name of httplib2's that is not defined here is httplib2's own.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import httplib2

from .http import Http
from .messages.errors import LostInForkError
from .messages.request import Request
from .messages.response import Response
from .promise.lazy_pair import Content
from .promise.promise import Promise

__all__ = ["Content", "Http", "LostInForkError", "Promise", "Request", "Response"]
__version__ = "1.0.0.dev0"


def __getattr__(name: str) -> Any:  # Any: whatever httplib2 has
    return getattr(httplib2, name)


_before: dict[str, Any] = {}  # what was set, and what it was; Any: as above


class _Module(ModuleType):
    """This one: httplib2's settings (debuglevel, CA_CERTS...) are set where they take effect."""

    def __setattr__(self, name: str, value: object) -> None:
        if name in vars(self) or not hasattr(httplib2, name):
            super().__setattr__(name, value)
        else:
            _before.setdefault(name, getattr(httplib2, name))
            setattr(httplib2, name, value)

    def __delattr__(self, name: str) -> None:  # so do pytest and mock undo a patch
        if name in vars(self) or name not in _before:
            super().__delattr__(name)
        else:
            setattr(httplib2, name, _before.pop(name))


sys.modules[__name__].__class__ = _Module
