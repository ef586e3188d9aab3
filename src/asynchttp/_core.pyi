"""The binding of the core, whose rules are in core/core.h."""

from collections.abc import Sequence
from typing import Any

def load(path: str | None) -> str:
    """Find libcurl through the library at `path`, which is loaded already, and return libcurl's
    version.
    """

def wait(seconds: float, has_role: bool, /) -> int:
    """Wait at most `seconds`, without the GIL, for the dispatcher's role or for `call_waiting`.

    Returns WAIT_... of core.h.
    """

# Any: work of any kind.
def take_events(events: list[Any], /) -> None:
    """Append the works and lookups to which events have happened."""

def pass_on() -> None:
    """Give the dispatcher's role back, for another thread that waits in `wait`."""

def call_waiting() -> bool:
    """Make one thread return from `wait`; False when no thread waits."""

def count_waiting() -> int:
    """How many threads wait in `wait`."""

# Any: the class of promises and the types of their parts, which are above this layer.
def ask(
    cls: Any,
    owner: Any,
    account: Account,
    settings: Any,
    method: str,
    uri: str,
    redirections: int,
    /,
) -> Any:
    """Make a promise of class `cls`, with a number, the time, and the frames of the caller of the
    calling function.
    """

def frames_of_caller() -> tuple[Any, ...]:
    """Code and offset of four frames, innermost first, from the caller of the calling function."""

def origin_of(uri: str, /) -> str:
    """Scheme and authority of a URI that is sent unchanged; empty for any other URI."""

def parse_head(head: bytes, response: dict[str, str], /) -> str:
    """Add the fields of the final response in `head` to `response`, and return the status line.

    The values of repeated fields become the attribute `_several`.
    """

class Profile:
    """Options of libcurl that are set on easy handles once, for many transfers."""

    def __new__(
        cls, options: tuple[tuple[int, int | bytes | tuple[bytes, ...]], ...], /
    ) -> Profile: ...

class Headers:
    """Header lines, in the form of CURLOPT_HTTPHEADER."""

    def __new__(cls, lines: tuple[bytes, ...], /) -> Headers: ...

class Route:
    """The origin of transfers, or the proxy, and the host names to look up."""

    def __new__(
        cls,
        origin: str,
        is_https: bool,
        proxy_takes: int,
        hosts: tuple[tuple[str, int], ...],
        /,
    ) -> Route: ...

class Plan:
    """All settings of a transfer but URL and body, shared by many transfers."""

    def __new__(
        cls,
        profile: Profile,
        route: Route,
        headers: Headers,
        timeout: float | None,
        flags: int,
        limits: tuple[float, int, int, int],
        statuses: bytes,
        /,
    ) -> Plan: ...

class Account:
    """The queue, the limit and the connections of one Http.

    `is_scripted`: no transfer uses the network; `Work._give_answer` answers (core/scripted.c).
    """

    def __new__(cls, limit: int, is_scripted: bool = False, /) -> Account: ...
    def limit(self, limit: int, /) -> None:
        """Set the limit of work that has a slot at the same time."""

    def works(self) -> list[Any]:
        """Pending work, in the order of submission. Any: work of any kind."""

    def wait(self, seconds: float, /) -> bool:
        """Wait at most `seconds` for all work that is pending now; False after the timeout."""

    def waits_since(self) -> float | None:
        """If work waits for a slot, the time at which work last got a slot, by the monotonic clock;
        otherwise None.
        """

    def begin_era(self) -> int:
        """Begin a new era, for `wait_for_past`; returns the number of the era. New work belongs to
        the era, except work that user code of earlier work of this account asks for.
        """

    def wait_for_past(self, era: int, seconds: float, /) -> bool:
        """Wait at most `seconds` for work from before `era`; False after the timeout."""

    def close(self) -> None:
        """Close the connections without waiting, those in use as soon as no transfer uses them."""

    def join(self, seconds: float, /) -> bool:
        """Wait at most `seconds` until `close` has closed the connections that were not in use;
        False otherwise.
        """

    @property
    def pending(self) -> int: ...

class Work:
    """The base of work of the core (a ticket). The names are private to the derived classes."""

    def _bind(self, account: Account | None, rank: int, /) -> None: ...
    def _set_transfer(
        self, plan: Plan, url: str, flags: int, body: bytes | None, size: int, /
    ) -> None: ...
    def _start(self, plans: dict[str, Plan], sent: bytes | None, /) -> bool:
        """Set the first transfer by the plan for the origin of the request; False without plan."""

    def _submit(self, scope: Scope | None, /) -> bool:
        """Queue the work; False in a forked child of the process that made the account."""

    def _submit_and_wait(self, seconds: float, /) -> bool:
        """`_submit` without scope; then, while the core's thread rests, do its work on this thread:
        at most `seconds`, until this work is done.
        """

    def _transfer(self) -> None: ...
    def _delay(self, seconds: float, /) -> None:
        """Delay the next transfer; the work has no slot meanwhile."""

    def _leave(self) -> None: ...
    def _stop(self) -> None: ...
    def _observe(self) -> bool: ...
    def _run(self) -> bool: ...
    def _finish(self) -> bool: ...
    def _cancel(self) -> bool: ...
    def _wake(self) -> None: ...
    def _wait(self, seconds: float, /) -> bool:
        """Wait at most `seconds`, negative for ever, until the work is done; returns whether."""

    def _give_piece(self, transfer: int, piece: bytes | None, /) -> None:
        """Give a piece of the body to a transfer, by number; ignored after a later transfer."""

    def _get_sent(self) -> tuple[str, str, list[bytes], bytes | None, int]:
        """Method, URL, header lines, body and flags of the transfer, as given to libcurl. A body
        that is read in pieces is None.
        """

    def _give_answer(
        self,
        transfer: int,
        outcome: int,
        status: int,
        head: bytes,
        content: bytes,
        is_decoded: bool,
        error: tuple[int, str, int, int, int, int, int, bool, bool, bool, int, int] | None,
        /,
    ) -> bool:
        """Answer a transfer of a scripted account, by number; False after the first answer."""

    def _take_what(self) -> int:
        """The events since the last call: bits of EVENT_... in core.h."""

    def _take_trace(self) -> Sequence[tuple[int, bytes]]: ...
    def _read(self, response: dict[str, str], /) -> tuple[str, bytes, bool] | None:
        """Add the fields of the answer to `response`; return status line, content, and whether the
        content was decoded; or None after `_forget_answer`.
        """

    def _forget_answer(self) -> None: ...
    def _get_outcome(self) -> int: ...
    def _get_status(self) -> int: ...
    def _get_head(self) -> bytes: ...
    def _get_content(self) -> bytes: ...
    def _get_is_decoded(self) -> bool: ...
    def _get_error(
        self,
    ) -> tuple[int, str, int, int, int, int, int, bool, bool, bool, int, int] | None: ...
    def _get_connected(self) -> tuple[str, int, bool, float] | None: ...
    _transfers: int
    """The number of transfers so far."""
    _asking: int
    """The number of the transfer that needed a piece last."""
    _state: str
    """Read-only, unlike the attribute of concurrent.futures.Future."""
    @property
    def _is_done(self) -> bool: ...
    @property
    def _has_slot(self) -> bool: ...

class Scope:
    """User code that runs on behalf of work."""

    def __new__(cls, work: Work, /) -> Scope: ...
    def close(self) -> None: ...
    def expect(self, work: Work, /) -> None: ...

class Lookup:
    """A host name to be looked up; has failed where the object goes without an answer."""

    @property
    def host(self) -> tuple[str, int]: ...
    def finish(self, addresses: str | None, code: int, /) -> None:
        """Give the addresses found, separated by commas; or None and an error of getaddrinfo."""

def note_collection(phase: str, info: object, /) -> None:
    """Note that a garbage collection starts or stops on this thread: for `gc.callbacks`."""

def is_collecting() -> bool:
    """Whether this thread runs a garbage collection, and so perhaps a finalizer."""
