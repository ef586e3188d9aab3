"""The matrix as text: a line for each row, a column for each kind, and what is wrong below."""

from collections.abc import Iterator, Mapping
from http.client import BadStatusLine, HTTPException, IncompleteRead, RemoteDisconnected
from ssl import SSLCertVerificationError, SSLError

from httplib2 import FailedToDecompressContent
from httplib2.decode import DecodeLimitError, DecodeRatioError

from tests.faults.kinds import KINDS
from tests.faults.known import known_fault
from tests.faults.play import Outcome
from tests.faults.table import TABLE, Cell
from tests.faults.wanted import Answer

_SHORT: tuple[tuple[type[BaseException], str], ...] = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (RemoteDisconnected, "gone"),
    (IncompleteRead, "cut"),
    (BadStatusLine, "bad"),
    (HTTPException, "http"),
    (ConnectionError, "reset"),
    (SSLCertVerificationError, "cert"),
    (SSLError, "tls"),
    (FailedToDecompressContent, "coding"),
    (DecodeLimitError, "limit"),
    (DecodeRatioError, "limit"),
)
LEGEND = """\
A cell: the status or the failure, how often the server has read the request, and + if the next
request went over the same connection. ! is wrong, ~ is known to be wrong, ? is mended but known.
gone: closed without an answer; reset: ConnectionError; cut: IncompleteRead; bad: BadStatusLine;
http: HTTPException; tls: SSLError; cert: not verified; coding: not decoded; limit: too large"""

Result = Outcome | Exception
"""The outcome of a cell, or an exception if the server or the test failed."""


def problems(cell: Cell, result: Result) -> list[str]:
    """How the result differs from what the table and known.py say."""
    found = _differences(cell, result)
    known = known_fault(cell)
    if known is None:
        return found
    if found or not known.is_certain:
        return []
    return [f"does what is demanded: delete from known.py: {known.reason}"]


def _differences(cell: Cell, result: Result) -> list[str]:
    if isinstance(result, Exception):
        return [repr(result)]
    return result.problems(cell.wanted)


def lines(results: Mapping[str, Result]) -> Iterator[str]:
    """The matrix, by the names of cells."""
    width = max(len(fault.name) for fault in TABLE)
    header = "".join(f"{kind.name:<12}" for kind in KINDS)
    yield f"{'':{width}}  {header}"
    for fault in TABLE:
        cells = [Cell(fault, kind) for kind in KINDS]
        if any(cell.name in results for cell in cells):
            shown = "".join(f"{_shown(cell, results.get(cell.name)):<12}" for cell in cells)
            yield f"{fault.name:{width}}  {shown}".rstrip()
    yield LEGEND


def _shown(cell: Cell, result: Result | None) -> str:
    if result is None:
        return ""
    is_right, is_known = not problems(cell, result), known_fault(cell) is not None
    mark = ("~" if is_known else "") if is_right else ("?" if is_known else "!")
    if isinstance(result, Exception):
        return f"{mark}ERROR"
    return f"{mark}{_short(result.met.result)} {result.sent}{'+' if result.is_reused else ''}"


def _short(result: Answer | Exception) -> str:
    if isinstance(result, Answer):
        return str(result.status)
    found = (short for kind, short in _SHORT if isinstance(result, kind))
    return next(found, type(result).__name__)
