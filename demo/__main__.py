"""`python -m demo`: starts the transit API and runs the race against it.

Exits with 1 if the two clients did not get the same answers.
"""

import sys

from rich.console import Console

from demo import transit
from demo.race import AT_ONCE, race

_INTRODUCTION = (
    "Fetching {} documents from a transit API that takes {:.0f} ms over each answer:"
    " first with httplib2, one by one, then with asynchttp, {} at once.\n"
)


def main() -> int:
    console = Console()
    figures = len(transit.PATHS), transit.LATENCY * 1000, AT_ONCE
    console.print(_INTRODUCTION.format(*figures))
    with transit.serving() as url:
        return 0 if race([url + path for path in transit.PATHS], console) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
