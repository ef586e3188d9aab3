"""The rows of the table, each a program of its own with one `measure`.

Rules: what one row measures is in its file; a row imports no other row.
"""

from typing import Final

ROWS: Final = [
    "throughput",
    "peers",
    "json_callback",
    "blocking",
    "overhead",
    "cpu",
    "memory",
    "crowd",
    "large_body",
    "https",
    "gzip",
    "import_time",
]
"""The names, in the order of the table."""
