"""The core: see core/core.h. What the binding shows of it."""

from collections.abc import Sequence
from typing import Any

def load(path: str | None) -> str:
    """Find libcurl through the library at `path`, which is loaded already; libcurl's version."""

def wait(seconds: float, has_role: bool, /) -> int:
    """Wait, without the GIL, for the dispatcher's role or a call; WAIT_... of core.h."""

# Any: work of any kind.
def take_events(events: list[Any], /) -> None:
    """Append the works and lookups to which something has happened."""

def pass_on() -> None:
    """Give the dispatcher's role back."""

def call_waiting() -> bool:
    """Have a thread return that waits in `wait`; False when there is none."""

def count_waiting() -> int:
    """How many threads wait in `wait`."""

# Any: the class of promises, and what promises are made of, which are above this layer.
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
    """Make a promise of class `cls`, with a number, the time, and the frames of who called the
    calling function.
    """

def frames_of_caller() -> tuple[Any, ...]:
    """Code and offset, innermost first, of four frames: from the caller of the calling function."""

def origin_of(uri: str, /) -> str:
    """Scheme and authority of a URI that goes out as it is; empty for others."""

def parse_head(head: bytes, response: dict[str, str], /) -> str:
    """Add the fields of the final response in a head; its status line. The values of fields that
    come several times become the attribute `_several`.
    """

class Profile:
    """Options of libcurl that easy handles have set for good."""

    def __new__(
        cls, options: tuple[tuple[int, int | bytes | tuple[bytes, ...]], ...], /
    ) -> Profile: ...

class Headers:
    """Header lines, as libcurl takes them."""

    def __new__(cls, lines: tuple[bytes, ...], /) -> Headers: ...

class Route:
    """Where transfers go."""

    def __new__(
        cls,
        origin: str,
        is_https: bool,
        proxy_takes: int,
        hosts: tuple[tuple[str, int], ...],
        /,
    ) -> Route: ...

class Plan:
    """How to make a transfer."""

    def __new__(
        cls,
        profile: Profile,
        route: Route,
        headers: Headers,
        timeout: float | None,
        flags: int,
        limits: tuple[float, int, int],
        statuses: bytes,
        /,
    ) -> Plan: ...

class Account:
    """The queue, the limit and the connections of one Http.

    `is_scripted`: transfers go nowhere, and others answer; see core/scripted.c.
    """

    def __new__(cls, limit: int, is_scripted: bool = False, /) -> Account: ...
    def limit(self, limit: int, /) -> None:
        """Work on so many at once from now on."""

    def works(self) -> list[Any]:
        """What is pending, the first submitted first. Any: work of any kind."""

    def wait(self, seconds: float, /) -> bool:
        """Wait until nothing is pending, at most so long; whether that came."""

    def close(self) -> None:
        """Close the connections when no transfer is under way."""

    def join(self, seconds: float, /) -> bool:
        """Wait for that, at most so long; whether it has been done."""

    @property
    def pending(self) -> int: ...

class Work:
    """A ticket of the core, to be derived from. The names are private to the derived classes."""

    def _bind(self, account: Account | None, rank: int, /) -> None: ...
    def _set_transfer(
        self, plan: Plan, url: str, flags: int, body: bytes | None, size: int, /
    ) -> None: ...
    def _start(self, plans: dict[str, Plan], sent: bytes | None, /) -> bool:
        """Set the transfer of the request by the plan for its origin; False where there is none."""

    def _submit(self, scope: Scope | None, /) -> bool:
        """Queue it; False in a forked child of the process that made the account."""

    def _submit_and_wait(self, seconds: float, /) -> bool:
        """Queue it; while the core's thread rests, take its turns here, at most so long, until the
        work is done.
        """

    def _transfer(self) -> None: ...
    def _leave(self) -> None: ...
    def _stop(self) -> None: ...
    def _observe(self) -> bool: ...
    def _run(self) -> bool: ...
    def _finish(self) -> bool: ...
    def _cancel(self) -> bool: ...
    def _wake(self) -> None: ...
    def _wait(self, seconds: float, /) -> bool:
        """Wait until it is done, at most so long; negative: for ever."""

    def _give_piece(self, transfer: int, piece: bytes | None, /) -> None:
        """A piece of the body for that transfer; dropped where another has been set since."""

    def _get_sent(self) -> tuple[str, str, list[bytes], bytes | None, int]:
        """Method, URL, header lines, body and flags of the transfer, as libcurl is told; no body
        where that is read in pieces.
        """

    def _give_answer(
        self,
        transfer: int,
        outcome: int,
        status: int,
        head: bytes,
        content: bytes,
        is_decoded: bool,
        error: tuple[int, str, int, int, int, int, int, bool, bool, int, int] | None,
        /,
    ) -> bool:
        """Answer that transfer of a scripted account; False where none waits for an answer."""

    def _take_what(self) -> int:
        """What happened since the last call: EVENT_... of core.h."""

    def _take_trace(self) -> Sequence[tuple[int, bytes]]: ...
    def _read(self, response: dict[str, str], /) -> tuple[str, bytes, bool] | None:
        """Add the fields of the answer; status line, content, and whether that was decoded. None
        after `_forget_answer`.
        """

    def _forget_answer(self) -> None: ...
    def _get_outcome(self) -> int: ...
    def _get_status(self) -> int: ...
    def _get_head(self) -> bytes: ...
    def _get_content(self) -> bytes: ...
    def _get_is_decoded(self) -> bool: ...
    def _get_error(
        self,
    ) -> tuple[int, str, int, int, int, int, int, bool, bool, int, int] | None: ...
    def _get_connected(self) -> tuple[str, int, bool, float] | None: ...
    _transfers: int
    """How many transfers have been set."""
    _asking: int
    """The number of the transfer that asked for a piece last."""
    _state: str
    """Read-only; as in concurrent.futures.Future, where it is not."""
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
        """The addresses found, separated by commas; or None, and a code of getaddrinfo's."""

def note_collection(phase: str, info: object, /) -> None:
    """Note that the garbage collector starts or stops in this thread: for `gc.callbacks`."""

def is_collecting() -> bool:
    """Whether the garbage collector is at work in this thread, and runs finalizers."""
