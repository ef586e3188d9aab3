"""The rows of the table. A row is a program with a function `measure`; rows import no other row."""

from typing import Final

ROWS: Final = [
    "computing",
    "computing_with",
    "callbacks",
    "throughput",
    "peers",
    "json_callback",
    "blocking",
    "overhead",
    "https",
    "gzip",
    "memory",
    "crowd",
    "large_body",
    "cpu",
    "import_time",
    "instructions",
]
"""The names, in the order of the table."""
