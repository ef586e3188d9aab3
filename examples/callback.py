"""A callback: decode answers in the background, and store the result on the response."""

import json
import sys
from pathlib import Path

from asynchttp import Http, Promise

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the demo server is there
from demo import transit


def decode(promise: Promise) -> None:
    """Runs on a worker thread. A look at the response raises the exceptions of this function."""
    document = json.loads(promise.content)
    if promise.response.status != 200:
        raise LookupError(document["error"])
    promise.response.document = document


with transit.serving() as api, Http() as http:
    names = ["metro-2", "tram-9", "ferry-3", "rail-4"]
    promises = [http.request(f"{api}/routes/{name}", callback=decode) for name in names]

    for promise in promises:
        route = promise.response.document  # waits until the callback has ended
        first, last = route["headsigns"]
        print(f"{route['name']:8} every {route['every_minutes']:2} min  {first} - {last}")

    print("\nNext, a callback that raises. The error is logged, with the place of the request:")
    missing = http.request(f"{api}/routes/tram-99", callback=decode)
    try:
        print(missing.response.status)
    except LookupError as error:
        print(f"\nLooking at it raises {error!r}")
