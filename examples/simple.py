"""The smallest program: make some requests at once, look at the answers when needed."""

import sys
from pathlib import Path

from asynchttp import Http

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the demo server is there
from demo import transit

with transit.serving() as api, Http() as http:
    # These calls return at once: four requests are under way.
    response, content = http.request(f"{api}/routes/tram-7")
    missing, explanation = http.request(f"{api}/routes/tram-99")
    head, nothing = http.request(f"{api}/agencies", "HEAD")
    refused, _ = http.request("http://127.0.0.1:1/")  # a port without a server

    # A look at a response or a content waits for the answer.
    print("status:", response.status)
    print("type:  ", response["content-type"])
    print("text:  ", str(content)[:66], "...")

    # A 404 is an answer, not an error.
    print("\nmissing:", missing.status, str(explanation))
    print("head:   ", head["content-length"], "bytes announced,", len(nothing), "sent")

    # A failed request raises its error at each look.
    try:
        print(refused.status)
    except ConnectionRefusedError as error:
        print("\nrefused:", error)
        print(*error.__notes__, sep="\n")  # the request, and the place in the caller's code
