"""SafeFileCache: httplib2's FileCache, for any number of threads and processes at once.

The same files, so that both can share a directory. An entry is written beside its place and then
put there in one step: who reads finds the old one or the new one, even if the writer is killed.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import httplib2

from .messages.settings import Cache


class SafeFileCache(httplib2.FileCache):
    """A FileCache whose entries are never half there."""

    def set(self, key: str, value: bytes) -> None:
        """Keep `value`; raises `OSError` if it cannot be written."""
        place = Path(self.cache, self.safe(key))
        draft = Path(self.cache, f".draft-{secrets.token_hex(16)}")  # no entry has such a name
        try:
            draft.write_bytes(value)
            draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)

    def get(self, key: str) -> bytes | None:
        """What is kept, or None."""
        try:
            return Path(self.cache, self.safe(key)).read_bytes()
        except OSError:
            return None

    def delete(self, key: str) -> None:
        """Forget it; another may be quicker."""
        Path(self.cache, self.safe(key)).unlink(missing_ok=True)


def safe(cache: Cache) -> Cache:
    """`cache`, but a SafeFileCache in place of a plain FileCache."""
    if type(cache) is httplib2.FileCache:
        return SafeFileCache(cache.cache, cache.safe)
    return cache
