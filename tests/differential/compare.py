"""Compare two plays of one scenario, up to the first different visit.

Rule: a report is for readers: server names in place of addresses, and only the differences.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from tests.differential.play import Observation
from tests.differential.scenario import Scenario
from tests.differential.server import OriginServers


class Difference(NamedTuple):
    """A different part of a visit, with both values."""

    visit: int
    what: str
    theirs: object
    ours: object


def differences(theirs: list[Observation], ours: list[Observation]) -> list[Difference]:
    """The differences of the first different visit: later differences are consequences."""
    for number, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        if their != our:
            return list(_between(number, their, our))
    return []


def _between(number: int, their: Observation, our: Observation) -> Iterator[Difference]:
    theirs, ours = _parts(their), _parts(our)
    for what, part in theirs.items():
        if part != ours[what]:
            yield Difference(number, what, part, ours[what])


def _parts(observation: Observation) -> dict[str, object]:
    return {
        **observation.result._asdict(),
        "requests": observation.requests,
        "files": observation.files,
    }


def report(scenario: Scenario, found: list[Difference], servers: OriginServers) -> str:
    """The scenario and the differences, for a reader."""
    lines = [f"{scenario}"]
    for visit, what, theirs, ours in found:
        their, our = _only_different(theirs, ours)
        lines += [f"visit {visit}, {what}", f"  httplib2:  {their!r}", f"  asynchttp: {our!r}"]
    return servers.with_names("\n".join(lines))


def _only_different(theirs: object, ours: object) -> tuple[object, object]:
    """Of two dicts the different items; of two lists the first different pair."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return dict(theirs.items() - ours.items()), dict(ours.items() - theirs.items())
    if isinstance(theirs, list) and isinstance(ours, list):
        return next(pair for pair in zip_longest(theirs, ours) if pair[0] != pair[1])
    return theirs, ours
