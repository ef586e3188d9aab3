"""`threading`, with real threads and locks also where gevent or eventlet has replaced Python's.

The threads of this package wait in C: as greenlets they would stop the hub, and so themselves.
Where `threading` has been patched before the import of this package, the package uses a copy of the
module, with Python's own functions.
"""

from __future__ import annotations

import sys
import threading as replaceable
from importlib.machinery import BuiltinImporter, ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import TYPE_CHECKING


def has_native_locks() -> bool:
    """Whether locks are Python's own: gevent and eventlet replace them, so that a waiting greenlet
    does not stop the hub, as a wait in C would.
    """
    return replaceable.Lock.__module__ == "_thread"


def _copy_of(spec: ModuleSpec | None) -> ModuleType:
    assert spec is not None  # both modules are part of every Python
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _copy_of_threading() -> ModuleType:
    replaced = sys.modules["_thread"]
    sys.modules["_thread"] = _copy_of(BuiltinImporter.find_spec("_thread"))
    try:
        return _copy_of(find_spec("threading"))
    finally:
        sys.modules["_thread"] = replaced


if TYPE_CHECKING:
    import threading as threading  # noqa: PLC0414  # for other modules
else:
    threading = replaceable if has_native_locks() else _copy_of_threading()
