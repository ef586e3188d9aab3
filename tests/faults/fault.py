"""A fault of a server: a row of the matrix."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from tests.faults.http2 import StreamStep
from tests.faults.kinds import KINDS, Kind
from tests.faults.wanted import Rule
from tests.servers.raw import Step


class Certificate(Enum):
    """The certificate that the server shows in the TLS handshake."""

    GOOD = "good"
    OTHER_HOST = "of another host"
    EXPIRED = "expired"
    SELF_SIGNED = "signed by an unknown authority"
    TLS_1_0 = "good, in TLS 1.0"
    TLS_1_1 = "good, in TLS 1.1"


Port: TypeAlias = Callable[[], AbstractContextManager[int]]


@dataclass(frozen=True)
class Fault:
    """The rows name the server's steps, and the rule of what has to happen."""

    name: str
    wanted: Rule
    steps: tuple[Step, ...] = ()
    """Steps in HTTP/1.1, when the request has been read."""
    stream_steps: tuple[StreamStep, ...] = ()
    """Steps in HTTP/2, when the request has been read."""
    at_connect: tuple[Step, ...] = ()
    """Steps on each new connection, before the TLS handshake, until the next request."""
    keeps: bool = False
    """After the steps the server goes on with the connection, in place of closing."""
    at_head: bool = False
    """The steps begin at the end of the request's head."""
    is_silent: bool = False
    """The server falls silent, so that the request needs a short timeout."""
    settles: bool = False
    """The next request is made when the steps are over."""
    strikes: int | None = None
    """How often the fault happens; without a number at each reading of the request."""
    certificate: Certificate | None = None
    """With a certificate the server speaks TLS."""
    is_http2: bool = False
    settings: dict[int, int] = field(default_factory=dict)
    """SETTINGS of the HTTP/2 server."""
    grants_window: bool = True
    """Whether the HTTP/2 server lets an upload go on beyond the first window."""
    port: Port | None = None
    """A port where no server answers. The next request is sent to a good server."""
    kinds: tuple[Kind, ...] = KINDS
