"""The program whose instructions are counted: a client that makes so many requests and ends.

python -m bench.instructions.client NAME URL AT_ONCE REQUESTS
"""

import gc
import sys

from bench.contenders import load_contender
from bench.load import Load


def main(name: str, url: str, at_once: int, count: int) -> None:
    with load_contender(name)(Load(url, at_once)) as fetch:
        gc.collect()
        gc.freeze()  # or a collection of all imported modules would fall into some runs only
        fetch(count)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
