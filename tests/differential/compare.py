"""Two plays of one scenario side by side: the first thing that is not the same.

Rule: what is shown is for readers: servers by their names, and only what differs.
"""

from collections.abc import Iterator
from itertools import zip_longest
from typing import NamedTuple

from tests.differential.play import Scene
from tests.differential.scenario import Scenario
from tests.differential.server import World


class Difference(NamedTuple):
    """What is not the same at which visit, and how the two have it."""

    visit: int
    what: str
    theirs: object
    ours: object


def differences(theirs: list[Scene], ours: list[Scene]) -> list[Difference]:
    """Those of the first visit that has any: what comes after is their consequence."""
    for number, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        if their != our:
            return list(_between(number, their, our))
    return []


def _between(number: int, their: Scene, our: Scene) -> Iterator[Difference]:
    theirs, ours = _parts(their), _parts(our)
    for what, part in theirs.items():
        if part != ours[what]:
            yield Difference(number, what, part, ours[what])


def _parts(scene: Scene) -> dict[str, object]:
    return {**scene.result._asdict(), "requests": scene.requests, "files": scene.files}


def report(scenario: Scenario, found: list[Difference], world: World) -> str:
    """All that a reader needs to see why."""
    lines = [f"{scenario}"]
    for visit, what, theirs, ours in found:
        their, our = _parting(theirs, ours)
        lines += [f"visit {visit}, {what}", f"  httplib2:  {their!r}", f"  asynchttp: {our!r}"]
    return world.named("\n".join(lines))


def _parting(theirs: object, ours: object) -> tuple[object, object]:
    """Of dicts what differs; of lists the first that does."""
    if isinstance(theirs, dict) and isinstance(ours, dict):
        return dict(theirs.items() - ours.items()), dict(ours.items() - theirs.items())
    if isinstance(theirs, list) and isinstance(ours, list):
        return next(pair for pair in zip_longest(theirs, ours) if pair[0] != pair[1])
    return theirs, ours
