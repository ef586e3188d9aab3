"""The fault matrix and the loads at a reduced size: `make torture` plays them in full.

Rule: each fault meets two kinds of request, the first of all kinds, and another in turn.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.faults.known import KNOWN_FAULTS, KnownFault, known_fault
from tests.faults.load import LOADS, Load
from tests.faults.play import Outcome, Stage, play
from tests.faults.table import TABLE, Cell, all_cells, some_cells

AT_ONCE = 16
"""Cells at once: most of a cell's time is waiting."""

Outcomes = Mapping[str, Future[Outcome]]


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Outcomes]:
    """The outcomes of all cells that this run has selected."""
    stage = Stage(tmp_path_factory.mktemp("faults"))
    cells = filter(None, map(_cell_of, request.session.items))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {cell.name: pool.submit(play, cell, stage) for cell in cells}


def _cell_of(item: pytest.Item) -> Cell | None:
    cell = item.callspec.params.get("cell") if hasattr(item, "callspec") else None
    return cell if isinstance(cell, Cell) else None


def _param(cell: Cell) -> object:
    known = known_fault(cell)
    return pytest.param(cell, id=cell.name, marks=[_fails(known)] if known else [])


def _fails(known: KnownFault) -> pytest.MarkDecorator:
    return pytest.mark.xfail(reason=known.reason, raises=AssertionError, strict=known.is_certain)


@pytest.mark.parametrize("cell", [_param(cell) for cell in some_cells()])
def test_request_that_meets_fault_has_wanted_outcome(cell: Cell, outcomes: Outcomes) -> None:
    """A known fault that is mended fails here: delete its entry in `tests.faults.known`."""
    outcome = outcomes[cell.name].result()
    assert outcome.problems(cell.wanted) == [], f"{cell.wanted} instead of {outcome}"


@pytest.mark.parametrize("load", LOADS, ids=lambda load: load.name)
def test_requests_end_rightly_under_load(load: Load, tmp_path: Path) -> None:
    load.run(Stage(tmp_path), load.size_in_ci)


def test_rows_of_fault_matrix_have_different_names() -> None:
    names = [fault.name for fault in TABLE]
    assert len(names) == len(set(names))


def test_known_faults_name_cells_of_fault_matrix() -> None:
    cells = {(cell.fault.name, cell.kind.name) for cell in all_cells()}
    for known in KNOWN_FAULTS:
        assert {(row, kind) for row in known.rows for kind in known.kinds} <= cells


def test_each_kind_of_request_is_played_in_ci() -> None:
    assert {cell.kind for cell in some_cells()} == {cell.kind for cell in all_cells()}
