"""The demands of cells, and the rules that give a demand by the kind of request.

Rules on sending again (RFC 9110, 9.2.2; RFC 9112, 9.3.1; RFC 9113, 8.7):
- A request is sent again only if the server cannot have processed the request, or if the method
  is idempotent and no part of an answer has come; in the blocking form also after the end of a
  connection without an answer, as in httplib2, whatever the method.
- A reset is no end: on a new connection nothing is sent again after a reset.
- An answer that has begun is the last word.
"""

from collections.abc import Callable
from http.client import RemoteDisconnected
from typing import NamedTuple, TypeAlias

from tests.faults.kinds import Kind


class Answer(NamedTuple):
    """A response, as far as a cell demands something of the response."""

    status: int = 200
    content: bytes = b"ok"
    without: tuple[str, ...] = ()
    """Names of header fields that the response may not have."""


OK = Answer()

Result: TypeAlias = Answer | type[Exception]


class Wanted(NamedTuple):
    results: tuple[Result, ...]
    """Any of these is right. There are several if the RFCs or the kernel leave a choice."""
    sent: tuple[int, ...] = (1,)
    """How often the server may have read the request."""
    is_reused: bool | None = False
    """Whether the next request is sent on the same connection; if None, both are right."""


Rule: TypeAlias = Callable[[Kind], Wanted]


def always(
    *results: Result, sent: int | tuple[int, ...] = 1, is_reused: bool | None = False
) -> Rule:
    """The same for each kind of request."""
    wanted = Wanted(results, (sent,) if isinstance(sent, int) else sent, is_reused)
    return lambda _: wanted


def answered(*results: Answer, is_reused: bool | None = True) -> Rule:
    """Answered at once, on a connection that stays open."""
    return always(*(results or (OK,)), is_reused=is_reused)


def by_kind(rule: Rule, **others: Rule) -> Rule:
    """`rule`, but for the kinds that are named."""
    return lambda kind: others.get(kind.name, rule)(kind)


def may_resend_after_end(kind: Kind) -> bool:
    return kind.is_idempotent or kind.is_blocking


def _resends_after_reset(kind: Kind) -> bool:
    return kind.is_idempotent and kind.is_kept


def ends(kind: Kind) -> Wanted:
    """Each connection ends (FIN) when the server has read the request."""
    return Wanted((RemoteDisconnected,), (2,) if may_resend_after_end(kind) else (1,))


def resets(kind: Kind) -> Wanted:
    """Each connection is reset when the server has read the request."""
    return Wanted((ConnectionResetError,), (2,) if _resends_after_reset(kind) else (1,))


def ends_once(kind: Kind) -> Wanted:
    """The first connection ends, and the second answers."""
    return Wanted((OK,), (2,), True) if may_resend_after_end(kind) else ends(kind)


def resets_once(kind: Kind) -> Wanted:
    """The first connection is reset, and the second answers."""
    return Wanted((OK,), (2,), True) if _resends_after_reset(kind) else resets(kind)
