"""Play a scenario to one client, and record results, requests and files in the cache.

Rule: each play has its own client, cache directory, clock and ScenarioRun.
"""

import email
import email.header
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeAlias

import httplib2

from asynchttp.policy.cache_entry import OWN
from tests.differential.clock import Clock, controlled_clock
from tests.differential.scenario import Scenario, Visit
from tests.differential.server import OriginServers, ScenarioRun
from tests.reference import Pair
from tests.servers.event_log import PATIENCE
from tests.servers.recording import RecordedRequest

Client: TypeAlias = Callable[..., httplib2.Http]
"""Makes a client: a class, for example, with httplib2.Http's arguments."""


StoredEntry: TypeAlias = tuple[tuple[tuple[str, str], ...], bytes]
"""The fields and the content of an entry of the cache."""


class Result(NamedTuple):
    """A response with its content, or the raised error."""

    fields: dict[str, str] | None = None
    status: int | None = None
    reason: str = ""
    version: int | None = None
    content: object = None
    fromcache: bool = False
    previous: "Result | None" = None
    error: type[BaseException] | None = None
    message: str = ""


class Observation(NamedTuple):
    """The observations of one visit."""

    result: Result
    requests: list[RecordedRequest]
    files: dict[str, StoredEntry]


def play(
    scenario: Scenario, client: Client, servers: OriginServers, trusted: Path
) -> list[Observation]:
    """Make each visit of the scenario, and observe the outcome."""
    with (
        controlled_clock() as clock,
        servers.playing(scenario, clock) as run,
        TemporaryDirectory() as cache,
        closing(_made(client, scenario, cache, servers, trusted)) as http,
    ):
        player = _Player(http, run, clock, servers, Path(cache))
        return [player.observe(visit) for visit in scenario.visits]


def _made(
    client: Client, scenario: Scenario, cache: str, servers: OriginServers, trusted: Path
) -> httplib2.Http:
    http = client(cache if scenario.cache else None, timeout=PATIENCE, ca_certs=str(trusted))
    for name, password, domain in scenario.credentials:
        http.add_credentials(name, password, servers.with_addresses(f"//{domain}")[2:])
    return http


class _Player(NamedTuple):
    http: httplib2.Http
    run: ScenarioRun
    clock: Clock
    servers: OriginServers
    cache: Path

    def observe(self, visit: Visit) -> Observation:
        self.clock.now += visit.after
        for name, value in visit.settings:
            setattr(self.http, name, value)
        seen = len(self.run.requests)
        return Observation(self._result(visit), self.run.requests[seen:], dict(self._files()))

    def _result(self, visit: Visit) -> Result:
        try:
            return _answered(*self._asked(visit))
        except Exception as error:  # noqa: BLE001 - the error is compared
            return _raised(error)

    def _asked(self, visit: Visit) -> Pair:
        headers = {name: self.run.value(value) for name, value in visit.headers}
        return self.http.request(
            self.servers.with_addresses(visit.url),
            visit.method,
            visit.body,
            headers,
            visit.redirections,
        )

    def _files(self) -> Iterator[tuple[str, StoredEntry]]:
        for path in sorted(self.cache.iterdir()):
            yield path.name, _as_read(path.read_bytes())


def _as_read(entry: bytes) -> StoredEntry:
    """The fields and the content of a cache entry: the two libraries encode values in different
    ways, and asynchttp adds fields of its own.
    """
    head, _, content = entry.partition(b"\r\n\r\n")
    fields = email.message_from_bytes(head).items()
    shared = ((name, _decoded(value)) for name, value in fields if not name.startswith(OWN))
    return tuple(shared), content


def _decoded(value: str) -> str:
    return str(email.header.make_header(email.header.decode_header(value)))


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
    """The error, with the attributes that callers read."""
    if not isinstance(error, httplib2.error.HttpLib2ErrorWithResponse):
        return Result(error=type(error), message=str(getattr(error, "errno", "")))
    result = Result(error=type(error), message=str(error), content=error.content)
    if isinstance(error.response, httplib2.Response):
        answered = _answered(error.response, error.content)
        result = answered._replace(error=type(error), message=str(error))
    return result
