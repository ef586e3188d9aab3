"""Every state that a pair can be in when somebody looks at it, made on purpose.

A Rig has a server that answers when it is told to, asynchttp and httplib2. A state makes a promise
and runs something on its pair: while it is on its way, settled and not looked at yet, and so on.

Rule: each request is answered once, before the next one is made or together with others.
"""

import http.client
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Any, Self, TypeVar

import httplib2
import pytest

from asynchttp import Http, Promise
from tests.operations import BODY, Operation, Outcome, Pair
from tests.servers.raw import Peer, RawServer, head
from tests.servers.seen import PATIENCE

T = TypeVar("T")

# Nothing of this is what a Response has before it is filled: not the version, not the reason.
ANSWER = (
    b"HTTP/1.0 203 Second Hand\r\nConnection: keep-alive\r\nServer: scripted\r\n"
    b"Content-Type: text/plain; charset=latin-1\r\nX-Line: north\r\nX-Line: south\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
CUT_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"
CUT = "/cut"


class Rig:
    """A server that answers when it is told to, and both clients.

    `plain` and `plain_failure` are what httplib2 makes of its answers.
    """

    def __init__(self) -> None:
        self._answers = threading.Semaphore(0)
        self._server = RawServer([self._talk])
        self._client = httplib2.Http()
        self._observed: dict[Operation, tuple[Outcome, httplib2.Response]] = {}
        self.http = Http()
        self.plain, _ = self._ask_plainly(path_of(BODY))
        with pytest.raises(http.client.HTTPException) as caught:
            self._ask_plainly(CUT)
        self.plain_failure = caught.value

    def close(self) -> None:
        self.http.close()
        self._client.close()
        self._server.close()

    def _talk(self, peer: Peer) -> None:
        peer.socket.settimeout(None)  # a client may have nothing to ask for any length of time
        while True:
            line = peer.reader.readline()
            head(peer)  # the rest of it; ends this script when the client has gone
            assert self._answers.acquire(timeout=PATIENCE), "the test never said `answer`"
            path = line.split()[1].decode()
            if path == CUT:
                peer.socket.sendall(CUT_SHORT)
                raise ConnectionAbortedError("as planned")
            body = bytes.fromhex(path[1:])
            peer.socket.sendall(ANSWER % (len(body), body))

    def ask(self, path: str, callback: Callable[[Promise], object] | None = None) -> Promise:
        """A request that is not answered before `answer`."""
        return self.http.request(self._server.url(path), callback=callback)

    def answer(self) -> None:
        """Let the server answer one request."""
        self._answers.release()

    def _ask_plainly(self, path: str) -> tuple[httplib2.Response, bytes]:
        self.answer()
        response, content = self._client.request(self._server.url(path))
        return response, content

    def observe(self, operation: Operation) -> tuple[Outcome, httplib2.Response]:
        """How it ends on what httplib2 returns, and the response after that."""
        if operation not in self._observed:
            response, content = self._ask_plainly(path_of(operation.body))
            outcome = operation.run((response, content), self.plain)
            self._observed[operation] = outcome, response
        return self._observed[operation]


class OnSleep:
    """Calls `do` when this thread is about to wait for a promise, the first time."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do
        self.slept = False

    def __enter__(self) -> Self:
        sys.setprofile(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _watch(self, _frame: FrameType, event: str, called: Any) -> None:  # Any: what is called
        if event == "c_call" and called.__name__ in ("acquire", "_wait"):
            sys.setprofile(None)
            self.slept = True
            self._do()


def path_of(body: bytes) -> str:
    return f"/{body.hex()}"


def unpacked(promise: Promise) -> Pair:
    response, content = promise
    return response, content


# Each runs something on the pair of a new promise in some state.


def pending(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """On its way: the server answers when this thread waits for that, and not before."""
    promise = rig.ask(path)
    pair = unpacked(promise)
    with OnSleep(rig.answer) as sleep:
        done = do(pair)
    if not sleep.slept:
        rig.answer()
        pytest.fail(f"it did not wait for the answer: {done}")
    return promise, done


def unseen(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """Settled since it was unpacked."""
    promise = rig.ask(path)
    pair = unpacked(promise)
    rig.answer()
    promise.wait()
    return promise, do(pair)


def seen(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """Looked at before."""
    promise = rig.ask(path)
    pair = unpacked(promise)
    rig.answer()
    for each in pair:
        with suppress(http.client.HTTPException):
            len(each)
    return promise, do(pair)


def unpacked_late(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    promise = rig.ask(path)
    rig.answer()
    promise.wait()
    return promise, do(unpacked(promise))


def in_callback(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """The pair of the promise that the callback is given."""
    done: list[T] = []
    promise = rig.ask(path, lambda given: done.append(do(unpacked(given))))
    promise.response  # noqa: B018 - so that the caller has one that is pending
    rig.answer()
    promise.wait()
    return promise, done[0]


def callers_in_callback(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """The pair that the caller has, looked at in the callback."""
    done: list[T] = []
    promise = rig.ask(path, lambda _: done.append(do(pair)))
    pair = unpacked(promise)
    rig.answer()
    promise.wait()
    return promise, done[0]


STATES = [pending, unseen, seen, unpacked_late, in_callback, callers_in_callback]
