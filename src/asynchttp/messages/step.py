"""Steps: what policy asks for, one after another, until there is an answer.

Transfer        one request on the wire, for an engine to make
BlockingCall    a call that may block, for a worker to make
Coalesce        the answer of the same request, where that is under way
StopCoalescing  the end of that
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from .transfer import Transfer


class BlockingCall(NamedTuple):
    """Something that may block, or is not ours: a cache, say. What it returns is sent back."""

    function: Callable[[], object]


class Coalesce(NamedTuple):
    """Asks for the answer of a request that is the same; None is sent back when there is none.

    Then this is the one that others with the same key wait for. They are given its answer if `may`
    says so, else each goes its own way.
    """

    key: tuple[str, Hashable]
    """The URL, and all else that makes it the same."""
    may: Callable[[Any], bool]  # Any: an Answer, which is above this layer


class StopCoalescing(NamedTuple):
    """What is under way for a URL may be out of date: who asks from now on does not wait for it."""

    url: str


Step = Transfer | BlockingCall | Coalesce | StopCoalescing
