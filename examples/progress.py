"""Fetch a list of URLs, with a progress bar that moves as the answers come in.

`python examples/progress.py` fetches all documents of the demo server, `progress.py URL URL...` the
given URLs, and `progress.py @FILE` the URLs in a file, one URL per line.
"""

import argparse
import sys
from collections import Counter
from concurrent.futures import Future, as_completed
from pathlib import Path

from rich.progress import track

from asynchttp import Http, Response

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the demo server is there
from demo import transit


def outcome(promise: Future[tuple[Response, bytes]]) -> tuple[str, int]:
    """The result of a request, as text, and the bytes of the content."""
    if error := promise.exception():
        return f"{type(error).__name__}: {error}", 0
    response, content = promise.result()
    return f"status {response.status}", len(content)


def fetch(urls: list[str]) -> None:
    with Http(timeout=10) as http:
        promises = [http.request(url) for url in urls]
        arriving = track(as_completed(promises), "Fetching", total=len(urls))
        outcomes = [outcome(promise) for promise in arriving]
    for description, count in Counter(description for description, _ in outcomes).most_common():
        print(f"{count:6} x {description}")
    print(f"{sum(size for _, size in outcomes):,} bytes in all")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, fromfile_prefix_chars="@")
    parser.add_argument("urls", nargs="*", metavar="URL")
    urls = parser.parse_args().urls
    if urls:
        fetch(urls)
    else:
        with transit.serving() as api:
            fetch([api + path for path in transit.PATHS])


main()
