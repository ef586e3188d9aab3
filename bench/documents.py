"""What the servers have to offer: made the same way wherever it is served or compared."""

import json
from typing import Final
from urllib.parse import urlsplit

PATH: Final = "/route/17.json"
CONTENT: Final = b'{"id": "17", "name": "Harbour Line", "stops": ["Central", "Market", "Harbour"]}'
"""Neither a quote that ends nginx's string nor a dollar sign may be in it."""

ROUTES_PATH: Final = "/routes.json"
ROUTES: Final = json.dumps(
    [
        {"id": f"{number}", "name": f"Line {number}", "length": number * 7919 % 1000 / 10}
        for number in range(1900)
    ]
).encode()
"""About 100 kB; served as gzip."""

_CONTENTS: Final = {PATH: CONTENT, ROUTES_PATH: ROUTES}


def content_at(url: str) -> bytes:
    """What a client has to find there; the small document where the server is another's."""
    return _CONTENTS.get(urlsplit(url).path, CONTENT)


def late_path(seconds: float) -> str:
    """Where the small document comes after so many seconds."""
    return f"/late/{seconds}"


def archive_path(size: int) -> str:
    """Where there are so many bytes."""
    return f"/archive/{size}"


def archive(size: int) -> bytes:
    """So many bytes that cannot be in the wrong order unnoticed."""
    numbers = b"".join(number.to_bytes(4, "big") for number in range(250_000))
    return (numbers * -(-size // len(numbers)))[:size]
