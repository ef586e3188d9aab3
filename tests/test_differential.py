"""asynchttp does the same as httplib2, whatever is asked and answered.

hypothesis draws scenarios. Each scenario is played to httplib2 and to asynchttp; compared are
requests as seen by the servers, responses, `previous`, contents, errors, files of the cache.

Rule: httplib2 is right. Where asynchttp differs on purpose,
`tests.differential.intended_differences` says why.
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
from tests.differential.broken_clients import BROKEN_CLIENTS, BrokenClient
from tests.differential.compare import Difference, differences, report
from tests.differential.intended_differences import (
    INTENDED_DIFFERENCES,
    find_intended_difference,
)
from tests.differential.play import Client, play
from tests.differential.scenario import Scenario
from tests.differential.server import OriginServers
from tests.differential.strategies import scenarios
from tests.differential.value_tables import VALUE_TABLES
from tests.servers.certificates import Authority, sign_for_this_machine

SCENARIOS = int(os.environ.get("SCENARIOS", "480"))
"""The number of scenarios in all. The scenarios are the same each time, unless SCENARIOS is set."""

DRAWN = settings(
    max_examples=SCENARIOS // len(VALUE_TABLES),
    derandomize="SCENARIOS" not in os.environ,
    deadline=None,
    database=None,
    print_blob=True,
    phases=[Phase.generate, Phase.shrink],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

OURS: Client = partial(asynchttp.Http, blocking=True)


class ScenarioPlayer:
    """Plays scenarios to two clients."""

    def __init__(self, servers: OriginServers, trusted: Path) -> None:
        self.servers = servers
        self._trusted = trusted

    def compare(self, scenario: Scenario, other: Client = OURS) -> list[Difference]:
        theirs = play(scenario, httplib2.Http, self.servers, self._trusted)
        return differences(theirs, play(scenario, other, self.servers, self._trusted))

    def check_differences(self, scenario: Scenario) -> None:
        if found := self.compare(scenario):
            excuse = find_intended_difference(scenario, found)
            assert excuse, report(scenario, found, self.servers)
            event(excuse)


@pytest.fixture(scope="module")
def player(authority: Authority) -> Iterator[ScenarioPlayer]:
    with OriginServers(sign_for_this_machine(authority)) as servers:
        yield ScenarioPlayer(servers, authority.pem)


@pytest.mark.parametrize("table", VALUE_TABLES)
def test_asynchttp_does_same_as_httplib2(table: str, player: ScenarioPlayer) -> None:
    DRAWN(given(scenarios(VALUE_TABLES[table]))(player.check_differences))()


def page_of_differences() -> str:
    """The table of docs/differences.md."""
    rows = (f"| {name} | {each.reason} |" for name, each in INTENDED_DIFFERENCES.items())
    return "\n".join(["| case | what asynchttp does, and why |", "|---|---|", *rows])


def test_page_of_differences_has_every_intended_difference() -> None:
    page = (Path(__file__).parent.parent / "docs" / "differences.md").read_text()
    assert page.endswith(page_of_differences() + "\n")


@pytest.mark.parametrize("name", INTENDED_DIFFERENCES)
def test_documented_difference_still_exists(name: str, player: ScenarioPlayer) -> None:
    difference = INTENDED_DIFFERENCES[name]
    found = player.compare(difference.example)
    assert found, f"{name}: no difference; the entry can go"
    covers = bool(find_intended_difference(difference.example, found))
    assert covers == difference.covers_anything, report(difference.example, found, player.servers)


@pytest.mark.parametrize(
    "broken_client", BROKEN_CLIENTS, ids=lambda broken_client: broken_client.__name__
)
def test_comparison_finds_wrong_client(
    broken_client: type[BrokenClient], player: ScenarioPlayer
) -> None:
    """httplib2 with a single fault must not pass, or the comparison sees nothing."""

    def differs(scenario: Scenario) -> bool:
        return bool(player.compare(scenario, broken_client))

    quick = settings(DRAWN, max_examples=400, derandomize=True, phases=[Phase.generate])
    try:
        find(scenarios(VALUE_TABLES[broken_client.area]), differs, settings=quick)
    except NoSuchExample:
        pytest.fail(f"no scenario shows what is wrong: {broken_client.__doc__}")
