"""The documents that the servers offer and the clients compare."""

import json
from typing import Final
from urllib.parse import urlsplit

PATH: Final = "/route/17.json"
CONTENT: Final = b'{"id": "17", "name": "Harbour Line", "stops": ["Central", "Market", "Harbour"]}'
"""The small document. A single quote or a dollar sign would break nginx's settings."""


def _routes(count: int) -> bytes:
    return json.dumps(
        [
            {"id": f"{number}", "name": f"Line {number}", "length": number * 7919 % 1000 / 10}
            for number in range(count)
        ]
    ).encode()


ROUTES_PATH: Final = "/routes.json"
ROUTES: Final = _routes(1900)
"""About 100 kB."""

FEW_ROUTES_PATH: Final = "/few-routes.json"
FEW_ROUTES: Final = _routes(42)
"""About 2 kB."""

GZIPPED: Final = {ROUTES_PATH: ROUTES, FEW_ROUTES_PATH: FEW_ROUTES}
"""The documents served as gzip, by path."""

_CONTENTS: Final = {PATH: CONTENT, **GZIPPED}


def content_at(url: str) -> bytes:
    """The content at a URL of our servers; for an unknown path, the small document."""
    return _CONTENTS.get(urlsplit(url).path, CONTENT)


def late_path(seconds: float) -> str:
    """The path of the small document, sent after so many seconds."""
    return f"/late/{seconds}"


def archive_path(size: int) -> str:
    """The path of an archive of `size` bytes."""
    return f"/archive/{size}"


def archive(size: int) -> bytes:
    """`size` bytes of counting numbers: a comparison finds pieces in the wrong order."""
    numbers = b"".join(number.to_bytes(4, "big") for number in range(250_000))
    return (numbers * -(-size // len(numbers)))[:size]
