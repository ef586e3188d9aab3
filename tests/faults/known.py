"""The cells in which asynchttp does not yet do what the table demands, each with the reason.

Rule: an entry is as strict as a demand. A cell that is named here and does what the table demands
fails, so that the entry goes together with the fault; but for faults that show at times only.
"""

from typing import NamedTuple

from tests.faults.kinds import KINDS
from tests.faults.table import Cell

ALL = tuple(kind.name for kind in KINDS)


class KnownFault(NamedTuple):
    reason: str
    rows: tuple[str, ...]
    kinds: tuple[str, ...] = ALL
    is_certain: bool = True
    """Whether the fault shows each time; otherwise both outcomes pass."""


KNOWN_FAULTS = (
    KnownFault(
        "bytes that come just before the end of the connection may not count as a begun answer",
        ("closes in the status line",),
        ("get", "block", "cache", "callback", "warm", "warmblock"),
        is_certain=False,
    ),
    KnownFault(
        "bytes that come just before the reset of the connection may not count as a begun answer",
        ("resets in the status line",),
        ("warm",),
        is_certain=False,
    ),
    KnownFault(
        "a request is sent again after an interim answer",
        ("closes after an interim answer",),
        ("get", "block", "cache", "callback", "warm", "warmblock"),
    ),
    KnownFault(
        "the end of a malformed answer is not known (RFC 9112, 6.3), but its connection is reused",
        (
            "status line 'HTTP/1.1 2000 OK'",
            "status line 'HTTP/1.1 200000 OK'",
            "status line 'HTTP/1.1 200OK'",
            "status line 'HTTP/1.1 200.5 OK'",
        ),
    ),
    KnownFault(
        "chunks within chunks are taken for content (RFC 9112, 6.1)",
        ("Transfer-Encoding: chunked, chunked",),
    ),
    KnownFault(
        "a violation of HTTP/2 is a ConnectionResetError, in place of an HTTPException",
        (
            "HTTP/2: content shorter than the length",
            "HTTP/2: content longer than the length",
            "HTTP/2: no :status",
            "HTTP/2: :status of letters",
            "HTTP/2: field name in upper case",
            "HTTP/2: a field of the connection",
            "HTTP/2: a frame larger than allowed",
            "HTTP/2: PUSH_PROMISE",
            "HTTP/2: DATA before HEADERS",
            "HTTP/2: DATA on an idle stream",
            "HTTP/2: garbage in place of HPACK",
            "HTTP/2: index beyond HPACK's table",
            "HTTP/2: garbage in place of frames",
        ),
    ),
)

_KNOWN = {
    (row, kind): known for known in KNOWN_FAULTS for row in known.rows for kind in known.kinds
}


def known_fault(cell: Cell) -> KnownFault | None:
    """Why the cell does not do what the table demands, if so."""
    return _KNOWN.get((cell.fault.name, cell.kind.name))
