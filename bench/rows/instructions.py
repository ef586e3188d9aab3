"""Instructions per request, of all threads of the client, counted by valgrind's callgrind.

Rules: no rounds, since every run gives the same count. Without valgrind the row is empty. `make
instructions` compares the count with the recorded figure.
"""

from collections.abc import Sequence

from bench.instructions.__main__ import count, find_valgrind
from bench.row import Figure, Scale, at_most, main


def measure(_: Scale) -> Sequence[Figure]:
    valgrind = find_valgrind()
    if valgrind is None:
        print("Skipped: instructions were not counted, since valgrind is missing.")
        return []
    found = count(valgrind)
    return [
        Figure("instructions per request", [found.asynchttp], "instructions", at_most(80_000)),
        Figure("instructions per request, bare pycurl loop", [found.bare], "instructions"),
    ]


if __name__ == "__main__":
    main(measure)
