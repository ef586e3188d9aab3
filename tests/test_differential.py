"""asynchttp does what httplib2 does, whatever is asked and answered.

Each scenario that hypothesis draws is played to httplib2 and to asynchttp, and has to come out the
same: requests as the servers saw them, responses, `previous`, contents, errors, the cache's files.

Rule: httplib2 is right. Where asynchttp differs on purpose, `tests.differential.purposes` says why.
"""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httplib2
import pytest
from hypothesis import HealthCheck, Phase, event, find, given, settings
from hypothesis.errors import NoSuchExample

import asynchttp
from tests.differential.compare import Difference, differences, report
from tests.differential.drawing import scenarios
from tests.differential.mutants import MUTANTS, Mutant
from tests.differential.play import Client, play
from tests.differential.purposes import PURPOSES, purpose_of
from tests.differential.scenario import Scenario
from tests.differential.server import World
from tests.differential.themes import THEMES
from tests.servers.certificates import Authority, local

SCENARIOS = int(os.environ.get("SCENARIOS", "480"))
"""How many in all. Always the same ones, unless their number is given."""

DRAWN = settings(
    max_examples=SCENARIOS // len(THEMES),
    derandomize="SCENARIOS" not in os.environ,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

OURS: Client = partial(asynchttp.Http, blocking=True)


class Stages:
    """Plays scenarios to two clients at a time."""

    def __init__(self, world: World, trusted: Path) -> None:
        self.world = world
        self._trusted = trusted

    def compare(self, scenario: Scenario, other: Client = OURS) -> list[Difference]:
        theirs = play(scenario, httplib2.Http, self.world, self._trusted)
        return differences(theirs, play(scenario, other, self.world, self._trusted))

    def check(self, scenario: Scenario) -> None:
        if found := self.compare(scenario):
            purpose = purpose_of(scenario, found)
            assert purpose, report(scenario, found, self.world)
            event(purpose)


@pytest.fixture(scope="module")
def stages(authority: Authority) -> Iterator[Stages]:
    with World(local(authority)) as world:
        yield Stages(world, authority.pem)


@pytest.mark.parametrize("theme", THEMES)
def test_the_same_comes_of_it(theme: str, stages: Stages) -> None:
    DRAWN(given(scenarios(THEMES[theme]))(stages.check))()


@pytest.mark.parametrize("name", PURPOSES)
def test_what_differs_on_purpose_does(name: str, stages: Stages) -> None:
    purpose = PURPOSES[name]
    found = stages.compare(purpose.example)
    assert found, f"{name}: no difference; the entry can go"
    covers = bool(purpose_of(purpose.example, found))
    assert covers == purpose.covers_anything, report(purpose.example, found, stages.world)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_wrong_client_is_found_out(mutant: type[Mutant], stages: Stages) -> None:
    """That the comparison sees anything: httplib2 with one thing wrong does not pass."""

    def differs(scenario: Scenario) -> bool:
        return bool(stages.compare(scenario, mutant))

    quick = settings(DRAWN, max_examples=400, derandomize=True, phases=[Phase.generate])
    try:
        find(scenarios(THEMES[mutant.theme]), differs, settings=quick)
    except NoSuchExample:
        pytest.fail(f"no scenario shows what is wrong: {mutant.__doc__}")
