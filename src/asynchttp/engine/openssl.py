"""What OpenSSL keeps for each thread: freed when the thread ends, but never while somebody forks.

Left to itself, OpenSSL frees it when the thread is all but gone, under a lock of the whole process.
A fork at that moment would leave the lock taken in the child for ever, and its first connection
over TLS would hang.
"""

from __future__ import annotations

import ctypes
import sys
import threading

import pycurl

lock = threading.RLock()
"""Whoever has it may fork."""

# Found among the libraries that pycurl was linked with, unless its TLS is another library's.
_compiled = sys.modules[pycurl.version_info.__module__].__file__
_free = getattr(ctypes.CDLL(_compiled), "OPENSSL_thread_stop", lambda: None)


class _Kept:
    """Goes with its thread, before OpenSSL's own does."""

    def __init__(self) -> None:
        self._thread = threading.get_ident()

    def __del__(self) -> None:
        # In a forked child Python lets go of what belonged to threads that are gone; at the end of
        # the process there is no need.
        if threading.get_ident() == self._thread and not sys.is_finalizing():
            with lock:
                _free()


class _Here(threading.local):
    kept: _Kept | None = None


_here = _Here()


def note_thread() -> None:
    """This thread is about to use libcurl."""
    if _here.kept is None:
        _here.kept = _Kept()
