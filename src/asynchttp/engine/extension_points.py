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
import copy
import socket
from collections.abc import Mapping
from types import MappingProxyType, ModuleType
from typing import Any

import httplib2

from ..process.lifetime import after_fork

_httplib2: Any = httplib2  # Any: httplib2's stubs leave these names out

# Any: a program may put anything in the place of a part.
Parts = tuple[tuple[Any, ...], tuple[Mapping[str, Any], ...], Mapping[str, Any], Any, Any]

METHODS = ("_request", "_conn_request", "_auth_from_challenge", "_normalize_headers")
"""The methods that `httplib2.Http.request` calls."""

# Taken at import. A program that replaces the classes puts others into SCHEME_TO_CONNECTION, too.
_PLAIN: Any = httplib2.HTTPConnectionWithTimeout
_SECURE: Any = httplib2.HTTPSConnectionWithTimeout
_GREEN = ("gevent", "eventlet")

running: list[object] = []
"""The requests that httplib2's code is making with replaced connections or sockets."""
after_fork(running.clear)


def parts_of(kind: Any) -> Parts:  # Any: httplib2's stubs leave the methods out
    """The parts that a program may have replaced, for a class of Http; to be compared with
    `copy_of` earlier parts. Written for speed, since each request calls this.
    """
    sockets = _httplib2.socket
    return (
        (kind._request, kind._conn_request, kind._auth_from_challenge, kind._normalize_headers),
        (_PLAIN.__dict__, _SECURE.__dict__),
        _httplib2.SCHEME_TO_CONNECTION,
        sockets.socket,
        getattr(sockets.socket, "connect", None),
    )


def copy_of(state: Any) -> Any:  # Any: parts, and whatever parts are made of
    """A copy of what can change in place: lists, dicts and sets."""
    if type(state) in (dict, MappingProxyType):
        return {name: copy_of(value) for name, value in state.items()}
    if type(state) is tuple:
        return tuple(map(copy_of, state))
    return copy.copy(state) if type(state) in (list, set) else state


def are_original(http: httplib2.Http) -> bool:
    """Whether a program has overridden or replaced none of the parts."""
    parts = parts_of(type(http))
    return (
        vars(http).keys().isdisjoint(METHODS)
        and all(is_function_of(httplib2, each) for each in parts[0])
        and are_shared_original(parts)
    )


def are_shared_original(parts: Parts) -> bool:
    """Whether the parts that all Https share, connections and sockets, are original."""
    _, classes, connections, kind, connect = parts
    members = [each for members in classes for each in members.values() if callable(each)]
    return (
        all(is_function_of(httplib2, each) for each in members)
        and all(
            is_function_of(httplib2, _own_member(each, "connect")) for each in connections.values()
        )
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
