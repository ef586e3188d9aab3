"""Small GETs in the background while the main thread computes in pure Python. The figures are the
rate divided by the rate while the main thread sleeps, with a server that answers at once, and after
10 ms; and the rate divided by the rate of httplib2 on threads.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from bench.background import AT_ONCE, Scenario, rates
from bench.cores import Placement
from bench.documents import late_path
from bench.placements import measure_both
from bench.rounds import ratios
from bench.row import Figure, Scale, at_least, main
from bench.servers import serving, serving_late

_DELAY: Final = 0.01
_LATE: Final = "small GETs answered after 10 ms"


def measure(scale: Scale) -> Sequence[Figure]:
    return measure_both(_figures, scale)


def _figures(placement: Placement, scale: Scale) -> Iterator[Figure]:
    with serving(placement) as prompt, serving_late(placement) as slow:
        late = slow.at(late_path(_DELAY))
        scenarios = {
            "asleep": Scenario("asynchttp", prompt, "sleeps"),
            "computing": Scenario("asynchttp", prompt, "computes"),
            "httplib2 asleep": Scenario("httplib2", prompt, "sleeps"),
            "httplib2 computing": Scenario("httplib2", prompt, "computes"),
            "late asleep": Scenario("asynchttp", late, "sleeps", _LATE),
            "late computing": Scenario("asynchttp", late, "computes", _LATE),
        }
        found = rates(scenarios, scale)
    kept = ratios(found["computing"], found["asleep"])
    yield Figure(
        "main thread computes, server answers at once: kept", kept, "of the rate", at_least(0.6)
    )
    yield Figure(
        f"main thread computes, against httplib2 on {AT_ONCE} threads",
        ratios(found["computing"], found["httplib2 computing"]),
        goal=at_least(8),
    )
    kept_late = ratios(found["late computing"], found["late asleep"])
    yield Figure(
        "main thread computes, server answers after 10 ms: kept",
        kept_late,
        "of the rate",
        at_least(0.9),
    )
    for key, scenario in scenarios.items():
        yield scenario.details(found[key])


if __name__ == "__main__":
    main(measure)
