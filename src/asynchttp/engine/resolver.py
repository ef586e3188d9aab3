"""Lookups by `socket.getaddrinfo`, if a program has replaced this function.

A user's function may be slow or wait forever: each lookup has a thread of its own.
"""

from __future__ import annotations

import socket
from functools import partial

from .. import _core
from ..process.threads import OwnThread

RAISED = -32768  # unused by getaddrinfo; means that the function raised another error than gaierror
_CODES: tuple[int, ...] = tuple(
    getattr(socket, name) for name in dir(socket) if name.startswith("EAI_")
)
MOST = 256  # exceptions to keep

_raised: dict[tuple[str, int], BaseException] = {}


def resolve_on_thread(lookup: _core.Lookup) -> None:
    """Resolve a name on a new thread; on this thread, which other work waits for, if no thread can
    be started.
    """
    name, _ = lookup.host
    try:
        OwnThread(partial(_resolve, lookup), f"lookup {name}").start()
    except RuntimeError:
        _resolve(lookup)


def _resolve(lookup: _core.Lookup) -> None:
    name, port = lookup.host
    try:
        infos = socket.getaddrinfo(name.strip("[]"), port, 0, socket.SOCK_STREAM)
        found = dict.fromkeys(_bracketed(str(info[4][0])) for info in infos)
        lookup.finish(",".join(found) or None, 0 if found else socket.EAI_NONAME)
    except socket.gaierror as error:
        lookup.finish(None, _code_of(error))
    except BaseException as error:  # noqa: BLE001  # a user's function may raise any exception
        _keep_exception(lookup.host, error.with_traceback(None))  # frames reference the lookup
        lookup.finish(None, RAISED)


def _code_of(error: socket.gaierror) -> int:
    # A user's function may raise a gaierror with any arguments.
    return next((code for code in _CODES if code == error.errno), socket.EAI_FAIL)


def _keep_exception(host: tuple[str, int], error: BaseException) -> None:
    for old in list(_raised)[: max(0, len(_raised) - MOST + 1)]:
        _raised.pop(old, None)  # perhaps removed by another thread
    _raised[host] = error


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def lookup_exception(host: tuple[str, int]) -> BaseException | None:
    """The exception that the last lookup of a host raised, if not a gaierror."""
    return _raised.get(host)
