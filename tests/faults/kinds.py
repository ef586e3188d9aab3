"""The kinds of request that meet each fault.

Rule: a kind differs from the others in what decides about sending again: the method, the form, and
whether the connection is new.
"""

from typing import NamedTuple


class Kind(NamedTuple):
    name: str
    method: str = "GET"
    is_kept: bool = False
    """The request is sent on a connection that has answered another request."""
    is_blocking: bool = False
    has_file: bool = False
    has_cache: bool = False
    has_callback: bool = False

    @property
    def is_idempotent(self) -> bool:
        return self.method == "GET"


KINDS = (
    Kind("get"),
    Kind("block", is_blocking=True),
    Kind("post", "POST"),
    Kind("file", "POST", has_file=True),
    Kind("cache", has_cache=True),
    Kind("callback", has_callback=True),
    Kind("warm", is_kept=True),
    Kind("warmpost", "POST", is_kept=True),
    Kind("warmblock", "POST", is_kept=True, is_blocking=True),
)
ON_NEW_CONNECTION = tuple(kind for kind in KINDS if not kind.is_kept)
"""For faults that are over once a connection has been made."""
WITHOUT_FILE = tuple(kind for kind in KINDS if not kind.has_file)
