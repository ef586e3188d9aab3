"""The rows of the table, each a program of its own with one `measure`.

Rules: the measurement of a row is in the row's file; a row imports no other row.
"""

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
