"""Steps: the operations that policy yields until an answer is found.

Transfer        make a request on the wire; done by an engine
BlockingCall    call a function that may block; done by a worker
Coalesce        wait for the answer of an equal request under way
StopCoalescing  let no new request wait for the requests under way
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

from .transfer import Transfer


class BlockingCall(NamedTuple):
    """A function that may block or is user code, such as a cache's. The result is the value."""

    function: Callable[[], object]
    is_exclusive: bool = False
    """Whether only one of these calls may run at a time, of all requests of an Http."""


class Coalesce(NamedTuple):
    """Wait for the answer of an equal request under way. The result is the answer; or None, if no
    equal request is under way.

    After None, equal requests wait for this request. The waiting requests get this request's answer
    if `is_shareable(answer)`; otherwise each is made.
    """

    key: tuple[str, Hashable]
    """The URL, and all other properties in which equal requests agree."""
    is_shareable: Callable[[Any], bool]  # Any: an Answer, which this file cannot import


class StopCoalescing(NamedTuple):
    """Answers under way for a URL may be out of date: new requests do not wait for them."""

    url: str


Step = Transfer | BlockingCall | Coalesce | StopCoalescing
