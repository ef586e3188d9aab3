"""Builds a test program of the core in C, with a sanitizer in it."""

import subprocess
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CORE: Final = HERE.parent.parent / "src" / "asynchttp" / "core"

SANITIZERS: Final = ("address,undefined", "thread")

# test_slots has each allocation of slots.c fail in turn.
COUNTED: Final = ("-Dmalloc=test_malloc", "-Dcalloc=test_calloc", "-Dfree=test_free")

ALL: Final = tuple(path.name for path in sorted(CORE.glob("*.c")))

SOURCES: Final = {
    "test_decode": ("decode.c", "buffer.c"),
    "test_slots": ("slots.c",),
    "test_queue": ALL,
    "test_loop": ALL,
    "test_exit": ALL,
}


def build(program: str, sanitizer: str, directory: Path) -> Path:
    """Compile tests/core/PROGRAM.c and what it tests; the program, in `directory`."""
    built = directory / program
    command = [
        "cc",
        *("-std=c11", "-g", "-O1", "-Wall", "-Wextra", "-Wshadow", "-Werror"),
        *(f"-fsanitize={sanitizer}", "-fno-sanitize-recover=all"),
        *(COUNTED if program == "test_slots" else ()),
        f"-I{CORE}",
        str(HERE / f"{program}.c"),
        *(str(CORE / name) for name in SOURCES[program]),
        *("-o", str(built), "-lpthread", "-ldl", "-lm"),
    ]
    subprocess.run(command, check=True)
    return built
