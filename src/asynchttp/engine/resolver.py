"""Lookups by `socket.getaddrinfo`, where a program has put its own in its place.

Such a function may be slow, or wait for anything: each lookup has a thread of its own.
"""

from __future__ import annotations

import socket
from functools import partial

from .. import _core
from ..process.threads import OwnThread

RAISED = -32768  # no code of getaddrinfo's: the function raised something else than gaierror
_CODES: tuple[int, ...] = tuple(
    getattr(socket, name) for name in dir(socket) if name.startswith("EAI_")
)
MOST = 256  # exceptions that are remembered

_raised: dict[tuple[str, int], BaseException] = {}


def look_up_elsewhere(lookup: _core.Lookup) -> None:
    """Look a name up on another thread; here where there is none to be had: others have to wait."""
    name, _ = lookup.host
    try:
        OwnThread(partial(_look_up, lookup), f"lookup {name}").start()
    except RuntimeError:
        _look_up(lookup)


def _look_up(lookup: _core.Lookup) -> None:
    name, port = lookup.host
    try:
        infos = socket.getaddrinfo(name, port, 0, socket.SOCK_STREAM)
        found = dict.fromkeys(_bracketed(str(info[4][0])) for info in infos)
        lookup.finish(",".join(found) or None, 0 if found else socket.EAI_NONAME)
    except socket.gaierror as error:
        lookup.finish(None, _code_of(error))
    except BaseException as error:  # noqa: BLE001  # a program's function may raise anything
        _remember(lookup.host, error.with_traceback(None))  # frames would keep the lookup
        lookup.finish(None, RAISED)


def _code_of(error: socket.gaierror) -> int:
    # A program's function may raise one of any arguments.
    return next((code for code in _CODES if code == error.errno), socket.EAI_FAIL)


def _remember(host: tuple[str, int], error: BaseException) -> None:
    for old in list(_raised)[: max(0, len(_raised) - MOST + 1)]:
        _raised.pop(old, None)  # another thread may have been quicker
    _raised[host] = error


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def raised_for(host: tuple[str, int]) -> BaseException | None:
    """What the last lookup of a host raised, other than gaierror."""
    return _raised.get(host)
