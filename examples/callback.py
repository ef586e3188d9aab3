"""Work on an answer in the background: decode it there, and find the result on the promise."""

import json
import sys
from pathlib import Path

from asynchttp import Http, Promise

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the demo server is there
from demo import transit


def decode(promise: Promise) -> None:
    """Runs on a worker thread when the answer is there; what it raises, the looker gets."""
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

    print("\nNext, one whose callback raises; that is logged, with the place of the request:")
    missing = http.request(f"{api}/routes/tram-99", callback=decode)
    try:
        print(missing.response.status)
    except LookupError as error:
        print(f"\nLooking at it raises {error!r}")
