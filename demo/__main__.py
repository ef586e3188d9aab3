"""`python -m demo`: starts the transit API and runs the race.

The exit status is 1 if the two clients get different answers.
"""

import itertools
import sys

from rich.console import Console

from demo import quick, transit
from demo.meanwhile import ASKED, SECONDS, meanwhile
from demo.race import AT_ONCE, race

_INTRODUCTION = (
    "Fetching {} documents from a transit API that takes {:.0f} ms over each answer:"
    " first with httplib2, one by one, then with asynchttp, {} at once.\n"
)

_SECOND_INTRODUCTION = (
    "\nNow the API answers at once, and the main thread does not wait: it counts, in pure Python,"
    " for {:.0f} seconds. How many of {:,} requests are answered meanwhile?\n"
)


def main() -> int:
    console = Console()
    figures = len(transit.PATHS), transit.LATENCY * 1000, AT_ONCE
    console.print(_INTRODUCTION.format(*figures))
    with transit.serving() as url:
        are_same = race([url + path for path in transit.PATHS], console)
    console.print(_SECOND_INTRODUCTION.format(SECONDS, ASKED))
    with quick.serving() as url:
        paths = itertools.islice(itertools.cycle(transit.PATHS), ASKED)
        meanwhile([url + path for path in paths], console)
    return 0 if are_same else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit("interrupted")
