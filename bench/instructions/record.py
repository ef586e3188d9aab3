"""The recorded figures, for each minor version of Python and kind of processor."""

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
    """Instructions per request, and the build of Python and libcurl."""

    asynchttp: int
    bare: int
    on: str

    def __str__(self) -> str:
        return (
            f"asynchttp {self.asynchttp:,}, the bare libcurl loop {self.bare:,}:"
            f" {self.asynchttp / self.bare:.2f} times as many ({self.on})"
        )


def platform_key() -> str:
    """The key of comparable figures: the minor version of Python, and the processor."""
    return f"CPython {'.'.join(platform.python_version_tuple()[:2])} {platform.machine()}"


def setting() -> str:
    """The builds, which may change the figures by a tenth."""
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
