"""What granian serves where there is no nginx: an RSGI application with one small document."""

from typing import Final, Protocol

from bench.load import CONTENT, PATH

_HEADERS: Final = [("content-type", "application/json")]


class Scope(Protocol):
    """The part of RSGI's scope that is used here."""

    path: str


class Answering(Protocol):
    """The part of RSGI's protocol object that is used here."""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...


async def answer(scope: Scope, protocol: Answering) -> None:
    if scope.path == PATH:
        protocol.response_bytes(200, _HEADERS, CONTENT)
    else:
        protocol.response_bytes(404, [], b"")
