"""The recorded figures, one for each Python version and kind of machine, and what they permit."""

import json
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pycurl

RECORDED: Final = Path(__file__).with_name("recorded.json")
TOLERANCE: Final = 0.1


@dataclass(frozen=True)
class Record:
    """Instructions per request, and what they were counted on."""

    asynchttp: int
    bare: int
    on: str

    def __str__(self) -> str:
        return (
            f"asynchttp {self.asynchttp:,}, the bare libcurl loop {self.bare:,}:"
            f" {self.asynchttp / self.bare:.2f} times as many ({self.on})"
        )


def platform_key() -> str:
    """Figures of another Python's minor version, or another processor, cannot be compared."""
    return f"CPython {'.'.join(platform.python_version_tuple()[:2])} {platform.machine()}"


def setting() -> str:
    """What else may matter."""
    curl = " ".join(pycurl.version.split()[:2])
    return f"Python {platform.python_version()} by {platform.python_compiler()}, {curl}"


def read(path: Path) -> dict[str, Record]:
    return {key: Record(**record) for key, record in json.loads(path.read_text("utf-8")).items()}


def write(path: Path, record: Record) -> None:
    records = {**read(path), platform_key(): record}
    document = {key: asdict(records[key]) for key in sorted(records)}
    path.write_text(json.dumps(document, indent=2) + "\n", "utf-8")


def increase(found: Record, recorded: Record) -> float:
    return found.asynchttp / recorded.asynchttp - 1
