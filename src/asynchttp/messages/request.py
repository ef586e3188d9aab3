"""Request: what the caller asked for, a snapshot of the arguments of `Http.request`.

Rule: what is made for each request has slots, and no attribute is set afterwards. To make and to
read a NamedTuple, or a frozen dataclass, would take 4 % more instructions for each request.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from .body import Body
from .callsite import CallSite, Frames

Text = str | bytes
# A Mapping is invariant in its keys: without the first two a dict[str, str] would not do.
Headers = Mapping[str, Text] | Mapping[bytes, Text] | Mapping[Text, Text]


@dataclass(slots=True)
class Request:
    """A request as it was made."""

    method: str
    uri: str
    headers: Headers | None
    """A copy of what was given."""
    body: Body | None
    redirections: int
    """How many redirects may be followed."""
    made: float
    """When, in seconds since the epoch."""
    frames: Frames
    """Where in the caller's code."""

    @property
    def site(self) -> CallSite:
        """The same, to be read."""
        return CallSite(self.frames)

    def __str__(self) -> str:
        return f"{self.method} {self.uri}"

    def __reduce__(self) -> tuple[type[Request], tuple[object, ...]]:
        given = self.method, self.uri, self.headers, self.body, self.redirections, self.made
        return Request, (*given, self.site.places())  # code cannot be pickled

    def age(self) -> float:
        """Seconds since it was made."""
        return time.time() - self.made
