"""The smallest program: ask for a few things at once, look at them when they are needed."""

import sys
from pathlib import Path

from asynchttp import Http

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the demo server is there
from demo import transit

with transit.serving() as api, Http() as http:
    # None of these waits: four requests are on their way.
    response, content = http.request(f"{api}/routes/tram-7")
    missing, explanation = http.request(f"{api}/routes/tram-99")
    head, nothing = http.request(f"{api}/agencies", "HEAD")
    refused, _ = http.request("http://127.0.0.1:1/")  # nobody listens there

    # Looking waits, for as long as it has to.
    print("status:", response.status)
    print("type:  ", response["content-type"])
    print("text:  ", str(content)[:66], "...")

    # An answer that says no is an answer like any other.
    print("\nmissing:", missing.status, str(explanation))
    print("head:   ", head["content-length"], "bytes announced,", len(nothing), "sent")

    # A request that failed raises when it is looked at, as often as it is looked at.
    try:
        print(refused.status)
    except ConnectionRefusedError as error:
        print("\nrefused:", error)
        print(*error.__notes__, sep="\n")  # which request it was, and who made it
