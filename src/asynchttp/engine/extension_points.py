"""Extension points: the parts of httplib2, and the sockets, that programs override or replace.

libcurl calls no such part. If a part is overridden or replaced, httplib2's own code makes the
request: overridden methods sign and guard requests, replaced connections record and replay, and
replaced sockets forbid the network or lead to a proxy.

Rules:
- The parts are read at each request, since a program may replace a part at any time. Whether all
  parts are original is decided only when a part has changed.
- An original function is known by its module, not by what was there when this module was imported:
  a program may replace a part before the import.
- Sockets of gevent and eventlet count as original: programs replace all sockets by these.
- Functions of `http.client` are no extension points: tracers replace them in every program.
- While httplib2's code runs with replaced connections or sockets, it makes the requests of all
  Https: in the middle of a request, vcrpy puts the original connections back for a moment.
"""

from __future__ import annotations

import _socket
import socket
from collections.abc import Callable
from operator import attrgetter
from types import ModuleType
from typing import Any

import httplib2

from ..process.lifetime import after_fork

# Any: a program may put anything in the place of a part.
Parts = tuple[bool, tuple[Any, ...], tuple[Any, ...], tuple[Any, ...], Any, Any]

# The methods that `httplib2.Http.request` calls.
_methods_of: Callable[[type], tuple[Any, ...]] = attrgetter(
    "_request", "_conn_request", "_auth_from_challenge", "_normalize_headers"
)
_GREEN = ("gevent", "eventlet")

running: list[object] = []
"""The requests that httplib2's code is making with replaced connections or sockets."""
after_fork(running.clear)


def parts_of(http: httplib2.Http) -> Parts:
    """The parts that a program may have replaced; to be compared with earlier parts."""
    own, sockets = vars(http), vars(httplib2)["socket"]
    return (
        "_request" in own
        or "_conn_request" in own
        or "_auth_from_challenge" in own
        or "_normalize_headers" in own,
        _methods_of(type(http)),
        (
            *vars(httplib2.HTTPConnectionWithTimeout).values(),
            *vars(httplib2.HTTPSConnectionWithTimeout).values(),
        ),
        (*httplib2.SCHEME_TO_CONNECTION.values(),),
        sockets.socket,
        getattr(sockets.socket, "connect", None),
    )


def are_original(parts: Parts) -> bool:
    """Whether a program has overridden or replaced none of the parts."""
    has_own_method, methods, *_ = parts
    are_methods_original = all(is_function_of(httplib2, each) for each in methods)
    return not has_own_method and are_methods_original and are_shared_original(parts)


def are_shared_original(parts: Parts) -> bool:
    """Whether the parts that all Https share, connections and sockets, are original."""
    _, _, members, connections, kind, connect = parts
    return (
        all(is_function_of(httplib2, each) for each in members if callable(each))
        and all(is_function_of(httplib2, _own_member(each, "connect")) for each in connections)
        and len(connections) == 2  # http and https
        and (_is_green(kind) or is_function_of(socket, _own_member(kind, "__init__")))
        and (_is_green(connect) or connect is _socket.socket.connect)
    )


def is_function_of(module: ModuleType, function: object) -> bool:
    """Whether a function in Python was made by the code of `module`."""
    return getattr(function, "__globals__", None) is vars(module)


def _own_member(kind: object, name: str) -> object:
    """The member that a class itself defines."""
    return getattr(kind, "__dict__", {}).get(name)


def _is_green(part: object) -> bool:
    return str(getattr(part, "__module__", "")).partition(".")[0] in _GREEN
