"""A server without sockets: the transfers of an Http wait until a test answers.

A transfer carries what libcurl would be told, and ends exactly as a transfer of libcurl's engine
ends. The test alone decides when a transfer ends.

>>> server = ScriptedServer()
>>> with server.http() as http:
...     promise = http.request("http://server.test/path")
...     transfer = server.wait_for_transfer()
...     transfer.answer(200, "X: y", content=b"content")
...     promise.response["x"]
'y'

Rules:
- The script runs on the worker with the dispatcher's role: the script notes the transfer, or
  answers by a rule, and never waits.
- At the end of a `with` block the Http waits for pending requests, but only for a while, and not
  after an exception: a failing test must not wait for missing answers.
"""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

import pycurl

from asynchttp import Http, Promise
from asynchttp.dispatch.dispatcher import Dispatcher
from asynchttp.engine.outcome import ANSWERED, CUT_HEAD, FAILED, NOT_FOUND, SILENT, TransferError
from asynchttp.engine.outcome import REFUSED as STREAM_IS_REFUSED
from asynchttp.engine.plans import ON_NEW_CONNECTION
from tests.servers.event_log import PATIENCE, EventLog

HOST = "http://server.test"
"""The origin of the URLs in the tests; any other origin would do."""


@dataclass(eq=False)
class ScriptedTransfer:
    """A transfer that waits for an answer."""

    promise: Promise
    number: int
    """The number of the transfer among all transfers of the promise."""
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None
    """The body, unless libcurl would read the body in pieces."""
    is_on_new_connection: bool
    is_answered: bool = field(default=False, init=False)

    @property
    def path(self) -> str:
        return self.url.removeprefix(HOST)

    def answer(self, status: int = 200, *fields: str, content: bytes = b"") -> bool:
        """Answer; False if the transfer was answered before, or cancelled."""
        head = "\r\n".join([f"HTTP/1.1 {status} Reason", *fields, "", ""]).encode("latin-1")
        return self._end(ANSWERED, status, head, content, None)

    def fail(self, failure: Failure, head: bytes = b"", content: bytes = b"") -> bool:
        """Fail after this part of an answer; False as in `answer`."""
        return self._end(failure.outcome, 0, head, content, failure.error)

    def _end(
        self, outcome: int, status: int, head: bytes, content: bytes, error: TransferError | None
    ) -> bool:
        self.is_answered = True
        return self.promise._give_answer(self.number, outcome, status, head, content, False, error)

    def __repr__(self) -> str:
        return f"<{self.method} {self.url}>"


Rule = Callable[[ScriptedTransfer], object]


def answer_with(status: int = 200, *fields: str, content: bytes = b"") -> Rule:
    """A rule that answers with these arguments."""
    return lambda transfer: transfer.answer(status, *fields, content=content)


# Failures.


class Failure(NamedTuple):
    """The reason for a missing answer: an outcome of core.h, and libcurl's error."""

    outcome: int
    error: TransferError


def failure(outcome: int, code: int, message: str = "", **rest: Any) -> Failure:  # Any: any field
    """`rest`: further fields of TransferError."""
    blank = TransferError(code, message, 0, 0, 0, 0, -1, False, False, False, 0, 0)
    return Failure(outcome, blank._replace(**rest))


REFUSED = failure(
    FAILED,
    pycurl.E_COULDNT_CONNECT,
    "Failed to connect",
    os_errno=errno.ECONNREFUSED,
)
UNREACHABLE = failure(
    FAILED, pycurl.E_COULDNT_CONNECT, "Failed to connect", os_errno=errno.ENETUNREACH
)
RESET = failure(
    FAILED,
    pycurl.E_RECV_ERROR,
    f"Recv failure: {os.strerror(errno.ECONNRESET)}",
    os_errno=errno.ECONNRESET,
    is_connected=True,
)
STALE = Failure(RESET.outcome, RESET.error._replace(is_reused=True))
"""The server had closed a kept connection; no byte of an answer came."""
STREAM_REFUSED = failure(STREAM_IS_REFUSED, pycurl.E_RECV_ERROR, is_connected=True)
CLOSED = failure(FAILED, pycurl.E_GOT_NOTHING, "Empty reply", is_connected=True)
CUT_SHORT = failure(FAILED, pycurl.E_PARTIAL_FILE, "closed", is_connected=True, length=100)
CUT_IN_HEAD = failure(CUT_HEAD, 0, is_connected=True)
UNKNOWN_HOST = failure(NOT_FOUND, -2)
TIMED_OUT = failure(SILENT, pycurl.E_OPERATION_TIMEDOUT, is_connected=True)


# The server.


class ScriptedServer:
    """Receives the transfers of its Https; a test answers each transfer, or a rule does."""

    def __init__(self) -> None:
        self.arrived: EventLog[ScriptedTransfer] = EventLog()
        """All transfers, in the order of arrival."""
        self._lock = threading.Lock()
        self._rules: list[tuple[str, str, Rule]] = []
        self._default_rule: Rule | None = None
        self._taken = 0
        self.most_waiting = 0
        """The largest number of transfers that were under way at once."""

    def http(self, **options: Any) -> ScriptedHttp:  # Any: options of Http
        """An Http whose transfers come to this server."""
        return ScriptedHttp(self, **options)

    def add_rule(self, method: str, path: str, rule: Rule) -> None:
        """From now on `rule` answers each transfer of this method to this path."""
        self._rules.append((method, path, rule))

    def answer_all_from_now_on(self, rule: Rule | None = None) -> None:
        """Answer all waiting transfers, and from now on each new transfer without a rule."""
        with self._lock:
            self._default_rule = rule or answer_with()
            waiting = self.waiting
        for transfer in waiting:
            self._default_rule(transfer)

    @property
    def waiting(self) -> list[ScriptedTransfer]:
        """The transfers neither answered nor cancelled, in the order of arrival."""
        return [each for each in self.arrived if not (each.is_answered or each.promise.done())]

    def wait_for_begun_transfers(self) -> None:
        """Wait until no transfer can arrive any more before the test does something.

        The core reports transfers of all Https in the order of beginning; a transfer of another
        Http, begun now, arrives last.
        """
        fence = ScriptedServer()
        with fence.http() as http:
            http.request(HOST)
            fence.wait_for_transfer().answer()

    @property
    def paths(self) -> list[str]:
        """The paths of all transfers, in the order of arrival."""
        return [each.path for each in self.arrived]

    def wait_for_transfer(self) -> ScriptedTransfer:
        """Wait for the next transfer, in the order of arrival."""
        self._taken += 1
        return self.arrived.wait_for(self._taken)[-1]

    def wait_for_transfers(self, count: int) -> list[ScriptedTransfer]:
        """Wait for the next `count` transfers, in the order of arrival."""
        self._taken += count
        return self.arrived.wait_for(self._taken)[-count:]

    # The script.

    def receive(self, promise: Promise) -> None:
        """Note that a transfer of the promise has begun, and answer by a rule if one applies."""
        method, url, lines, body, flags = promise._get_sent()
        is_on_new_connection = bool(flags & ON_NEW_CONNECTION)
        transfer = ScriptedTransfer(
            promise, promise._transfers, method, url, _fields(lines), body, is_on_new_connection
        )
        rule = self._find_rule(transfer)
        with self._lock:
            self.arrived.add(transfer)
            self.most_waiting = max(self.most_waiting, len(self.waiting))
            rule = rule or self._default_rule
        if rule is not None:
            rule(transfer)

    def _find_rule(self, transfer: ScriptedTransfer) -> Rule | None:
        for method, path, rule in self._rules:
            if (method, path) == (transfer.method, transfer.path):
                return rule
        return None


def _fields(lines: list[bytes]) -> dict[str, str]:
    """The sent header lines, without the lines that only suppress headers of libcurl's own."""
    split = [line.decode("latin-1").partition(": ") for line in lines]
    return {name.rstrip(";"): value for name, colon, value in split if colon or name[-1] == ";"}


class MemoryCache:
    """A cache that takes no time."""

    def __init__(self) -> None:
        self._entries: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self._entries.get(key)

    def set(self, key: str, value: bytes) -> None:
        self._entries[key] = value

    def delete(self, key: str) -> None:
        self._entries.pop(key, None)


class ScriptedHttp(Http):
    """An Http whose transfers go to a ScriptedServer."""

    __slots__ = ("_server",)

    def __init__(self, server: ScriptedServer, **options: Any) -> None:  # Any: options of Http
        super().__init__(**options)
        self._server = server
        self._dispatcher = Dispatcher(self.max_workers, server.receive)
        self.max_callbacks = self.max_callbacks

    @property
    def pending(self) -> int:
        """The number of requests and calls in the core."""
        return self._dispatcher.account.pending

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        is_idle = kind is None and self._dispatcher.account.wait(PATIENCE)
        self.close(cancel_futures=not is_idle)
        assert is_idle or kind is not None, f"never answered: {self._server.waiting}"
