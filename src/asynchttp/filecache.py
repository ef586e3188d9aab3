"""SafeFileCache: httplib2's FileCache, for any number of threads and processes at once.

The files are those of FileCache: both classes can share a directory. `set` writes an entry to a
draft, and renames the draft: a reader gets the old entry or the new entry, even if the writer is
killed.

A new directory is for the user alone: the entries are answers to this user. A directory that exists
keeps its mode, and so do new files in the directory: a group may share the directory.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path

import httplib2

from .messages.settings import Cache


class SafeFileCache(httplib2.FileCache):
    """A FileCache whose entries are always complete."""

    def __init__(self, cache: str, safe: Callable[[str], str] = httplib2.safename) -> None:
        directory = Path(cache)
        if not directory.exists():  # `exist_ok`, since another process may make it meanwhile
            directory.mkdir(0o700, parents=True, exist_ok=True)
        super().__init__(cache, safe)

    def set(self, key: str, value: bytes) -> None:
        """Store `value`. Raises `OSError` if the file cannot be written."""
        path = Path(self.cache, self.safe(key))
        draft = Path(self.cache, f".draft-{secrets.token_hex(16)}")  # no entry has such a name
        try:
            draft.write_bytes(value)
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def get(self, key: str) -> bytes | None:
        """Return the stored value, or None."""
        try:
            return Path(self.cache, self.safe(key)).read_bytes()
        except OSError:
            return None

    def delete(self, key: str) -> None:
        """Delete the entry, which another process may have deleted already."""
        Path(self.cache, self.safe(key)).unlink(missing_ok=True)


def as_safe_cache(cache: Cache) -> Cache:
    """Return `cache`, or a SafeFileCache in place of a plain FileCache."""
    if type(cache) is httplib2.FileCache:
        return SafeFileCache(cache.cache, cache.safe)
    return cache
