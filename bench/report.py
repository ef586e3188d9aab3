"""The results on the terminal, for people, and in a file, for programs."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from bench.contenders import CONTENDERS
from bench.rounds import Measured, Plan
from bench.summary import Failure, Figure, Row, Rows

_LEGEND: Final = """\
Ratio: the req/s of {} over this client's. CPU: the client's, user and system, for one
request. MB: its resident memory at the peak, over that of a bare interpreter. Busy: how much of
its core the server needed; near 100 % it is the server that is measured, not the client.
"""


def show(
    console: Console, plan: Plan, rows: Rows, reference: str, setting: Mapping[str, str]
) -> None:
    for name, value in setting.items():
        console.print(f"{name:>9}  {value}", soft_wrap=True, highlight=False)
    console.print(_table(plan, rows))
    console.print(_LEGEND.format(reference), soft_wrap=True, highlight=False)
    for name, row in rows.items():
        if isinstance(row, Failure):
            console.print(f"{CONTENDERS[name]} failed:\n{row.error}", markup=False, style="red")


def _table(plan: Plan, rows: Rows) -> Table:
    title = (
        f"\nThe same small GET, {plan.requests:,} times, {plan.concurrency} at once;"
        f" medians of rounds: {plan.rounds}"
    )
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    table.add_column("client", no_wrap=True)
    for heading in ("req/s", "spread", "CPU µs", "MB", "busy", "ratio"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, row in rows.items():
        table.add_row(CONTENDERS[name], *(_cells(row) if isinstance(row, Row) else ["failed"]))
    return table


def _cells(row: Row) -> list[str]:
    return [
        f"{row.rate.median:,.0f}",
        _spread(row.rate),
        f"{row.cpu.median:.1f}",
        f"{row.memory.median:.1f}",
        f"{row.server_busy:.0%}",
        f"{row.ratio:.2f}",
    ]


def _spread(figure: Figure) -> str:
    return f"±{(figure.high - figure.low) / 2 / figure.median:.0%}"


def save(
    path: Path, plan: Plan, results: Mapping[str, Measured], rows: Rows, setting: Mapping[str, str]
) -> None:
    """Everything: what was asked for, on what, each trial, and what they come to."""
    document = {
        "setting": dict(setting),
        "plan": asdict(plan),
        "rows": {name: asdict(row) for name, row in rows.items()},
        "trials": {name: asdict(measured) for name, measured in results.items()},
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")
