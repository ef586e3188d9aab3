"""Counts the instructions per request, and compares the count with the recorded figure.

    python -m bench.instructions [--record]

The exit status is 1 if a request costs a tenth more than recorded. Without valgrind, or without a
record for this Python, a message is printed and the exit status is 0.
"""

import subprocess
import sys
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bench.instructions.count import per_request
from bench.instructions.record import (
    RECORDED,
    TOLERANCE,
    Record,
    increase,
    platform_key,
    read,
    setting,
    write,
)
from bench.servers import PROJECT

_HOW_TO_RECORD: Final = "If that is as it should be, record it: make instructions RECORD=--record"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = ArgumentParser("bench.instructions", description=__doc__)
    parser.add_argument("--record", action="store_true", help="record the new figure")
    options = parser.parse_args(arguments)
    valgrind = find_valgrind()
    if valgrind is None:
        print("Skipped: instructions per request were not counted, since valgrind is missing.")
        return 0
    found = count(valgrind)
    print(f"Instructions per request: {found}")
    if options.record:
        write(RECORDED, found)
        return 0
    return judge(found, read(RECORDED).get(platform_key()))


def find_valgrind() -> Path | None:
    """The path of valgrind, after a download if necessary; or None if not available."""
    script = [str(PROJECT / "scripts" / "valgrind")]
    done = subprocess.run(script, cwd=PROJECT, stdout=subprocess.PIPE, text=True, check=False)
    return None if done.returncode else Path(done.stdout.strip())


def count(valgrind: Path) -> Record:
    figures = {name: round(per_request(valgrind, name)) for name in ("asynchttp", "bare")}
    return Record(**figures, on=setting())


def judge(found: Record, recorded: Record | None) -> int:
    if recorded is None:
        print(f"Nothing is recorded for {platform_key()} to compare with. {_HOW_TO_RECORD}")
        return 0
    more = increase(found, recorded)
    print(f"{more:+.1%} on what was recorded: {recorded}")
    if found.on != recorded.on:
        print("It was counted on another build, which can differ by a tenth for that alone.")
    if abs(more) > TOLERANCE:
        print(f"That is more than {TOLERANCE:.0%} {'up' if more > 0 else 'down'}. {_HOW_TO_RECORD}")
    return int(more > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
