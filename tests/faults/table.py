"""The table: all rows, and the cells of each row."""

from collections.abc import Iterator
from typing import NamedTuple

from tests.faults.fault import Fault
from tests.faults.kinds import Kind
from tests.faults.rows import connection, content, framing, head, http2, tls
from tests.faults.wanted import Wanted

TABLE: tuple[Fault, ...] = (
    *connection.ROWS,
    *head.ROWS,
    *framing.ROWS,
    *content.ROWS,
    *tls.ROWS,
    *http2.ROWS,
)


class Cell(NamedTuple):
    fault: Fault
    kind: Kind

    @property
    def name(self) -> str:
        return f"{self.fault.name} - {self.kind.name}"

    @property
    def wanted(self) -> Wanted:
        return self.fault.wanted(self.kind)


def all_cells() -> Iterator[Cell]:
    for fault in TABLE:
        for kind in fault.kinds:
            yield Cell(fault, kind)


def some_cells() -> Iterator[Cell]:
    """Two cells of each row: the first kind, and each other kind in turn."""
    for number, fault in enumerate(TABLE):
        first, *others = fault.kinds
        yield Cell(fault, first)
        if others:
            yield Cell(fault, others[number % len(others)])
