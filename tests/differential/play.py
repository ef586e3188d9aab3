"""A scenario played to one client: what it returned, asked of the servers and kept in its cache.

Rule: each play has a client, a cache directory, a clock and a run of the script of its own.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeAlias

import httplib2

from tests.differential.clock import Clock, standing_still
from tests.differential.scenario import Scenario, Visit
from tests.differential.server import Stage, World
from tests.oracle import Pair, Wire
from tests.servers.seen import PATIENCE

Client: TypeAlias = Callable[..., httplib2.Http]
"""Makes what a scenario is played to: a class, say, with httplib2.Http's arguments."""


class Result(NamedTuple):
    """A response with its content, or what was raised instead."""

    fields: dict[str, str] | None = None
    status: int | None = None
    reason: str = ""
    version: int | None = None
    content: object = None
    fromcache: bool = False
    previous: "Result | None" = None
    error: type[BaseException] | None = None
    message: str = ""


class Scene(NamedTuple):
    """All that can be seen of one visit."""

    result: Result
    requests: list[Wire]
    files: dict[str, bytes]


def play(scenario: Scenario, client: Client, world: World, trusted: Path) -> list[Scene]:
    """What comes of each visit."""
    with (
        standing_still() as clock,
        world.playing(scenario, clock) as stage,
        TemporaryDirectory() as cache,
        closing(_made(client, scenario, cache, world, trusted)) as http,
    ):
        player = _Player(http, stage, clock, world, Path(cache))
        return [player.scene(visit) for visit in scenario.visits]


def _made(
    client: Client, scenario: Scenario, cache: str, world: World, trusted: Path
) -> httplib2.Http:
    http = client(cache if scenario.cache else None, timeout=PATIENCE, ca_certs=str(trusted))
    for name, password, domain in scenario.credentials:
        http.add_credentials(name, password, world.real(f"//{domain}")[2:])
    return http


class _Player(NamedTuple):
    http: httplib2.Http
    stage: Stage
    clock: Clock
    world: World
    cache: Path

    def scene(self, visit: Visit) -> Scene:
        self.clock.now += visit.after
        for name, value in visit.settings:
            setattr(self.http, name, value)
        seen = len(self.stage.requests)
        return Scene(self._result(visit), self.stage.requests[seen:], dict(self._files()))

    def _result(self, visit: Visit) -> Result:
        try:
            return _answered(*self._asked(visit))
        except Exception as error:  # noqa: BLE001 - it is what is compared
            return _raised(error)

    def _asked(self, visit: Visit) -> Pair:
        headers = {name: self.stage.value(value) for name, value in visit.headers}
        return self.http.request(
            self.world.real(visit.url), visit.method, visit.body, headers, visit.redirections
        )

    def _files(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.cache.iterdir()):
            yield path.name, path.read_bytes()


def _answered(response: httplib2.Response, content: object = None) -> Result:
    previous = response.previous
    return Result(
        dict(response),
        response.status,
        response.reason,
        response.version,
        content,
        response.fromcache,
        None if previous is None else _answered(previous),
    )


def _raised(error: Exception) -> Result:
    """The error, with what callers look at in it."""
    if not isinstance(error, httplib2.error.HttpLib2ErrorWithResponse):
        return Result(error=type(error), message=str(getattr(error, "errno", "")))
    result = Result(error=type(error), message=str(error), content=error.content)
    if isinstance(error.response, httplib2.Response):
        answered = _answered(error.response, error.content)
        result = answered._replace(error=type(error), message=str(error))
    return result
