"""Every state that a pair can be in at the first look.

A PairMaker has a server that answers on demand, an Http of asynchttp and an Http of httplib2. A
state is a function: make a promise, bring the pair into the state, and run an operation on the
pair.

Rule: each request is answered once, before the next request is made or together with others.
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
from tests.servers.event_log import PATIENCE
from tests.servers.raw import RawServer, ServerConnection, read_head

T = TypeVar("T")

# Every part differs from an unfilled Response, version and reason included.
ANSWER = (
    b"HTTP/1.0 203 Second Hand\r\nConnection: keep-alive\r\nServer: scripted\r\n"
    b"Content-Type: text/plain; charset=latin-1\r\nX-Line: north\r\nX-Line: south\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
CUT_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"
CUT_PATH = "/cut"


class PairMaker:
    """A server that answers on demand, and both clients.

    `httplib2_response` and `httplib2_failure` are how httplib2 reads the answers.
    """

    def __init__(self) -> None:
        self._answers = threading.Semaphore(0)
        self._server = RawServer([self._serve])
        self._client = httplib2.Http()
        self._observed: dict[Operation, tuple[Outcome, httplib2.Response]] = {}
        self.http = Http()
        self.httplib2_response, _ = self._request_with_httplib2(path_with_body(BODY))
        with pytest.raises(http.client.HTTPException) as caught:
            self._request_with_httplib2(CUT_PATH)
        self.httplib2_failure = caught.value

    def close(self) -> None:
        self.http.close()
        self._client.close()
        self._server.close()

    def _serve(self, connection: ServerConnection) -> None:
        connection.socket.settimeout(None)  # a client may be idle for any length of time
        while True:
            line = connection.reader.readline()
            read_head(connection)  # the rest of the head; ends this script when the client has gone
            assert self._answers.acquire(timeout=PATIENCE), "the test never called `answer_request`"
            path = line.split()[1].decode()
            if path == CUT_PATH:
                connection.socket.sendall(CUT_SHORT)
                raise ConnectionAbortedError("as planned")
            body = bytes.fromhex(path[1:])
            connection.socket.sendall(ANSWER % (len(body), body))

    def make_request(
        self, path: str, callback: Callable[[Promise], object] | None = None
    ) -> Promise:
        """Make a request that is not answered before `answer_request` is called."""
        return self.http.request(self._server.url(path), callback=callback)

    def answer_request(self) -> None:
        """Let the server answer one request."""
        self._answers.release()

    def _request_with_httplib2(self, path: str) -> tuple[httplib2.Response, bytes]:
        self.answer_request()
        response, content = self._client.request(self._server.url(path))
        return response, content

    def observe_on_httplib2(self, operation: Operation) -> tuple[Outcome, httplib2.Response]:
        """Run the operation on httplib2's pair: the outcome, and the response afterwards."""
        if operation not in self._observed:
            response, content = self._request_with_httplib2(path_with_body(operation.body))
            outcome = operation.run((response, content), self.httplib2_response)
            self._observed[operation] = outcome, response
        return self._observed[operation]


class OnFirstWait:
    """Calls `do` when this thread is about to wait for a promise for the first time."""

    def __init__(self, do: Callable[[], object]) -> None:
        self._do = do
        self.has_waited = False

    def __enter__(self) -> Self:
        sys.setprofile(self._watch)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def _watch(self, _frame: FrameType, event: str, called: Any) -> None:  # Any: what is called
        if event == "c_call" and called.__name__ in ("acquire", "_wait"):
            sys.setprofile(None)
            self.has_waited = True
            self._do()


def path_with_body(body: bytes) -> str:
    return f"/{body.hex()}"


def unpack(promise: Promise) -> Pair:
    response, content = promise
    return response, content


# States: each makes a promise and runs `do` on the pair.


def pending(pair_maker: PairMaker, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """Not answered: the server answers only when this thread waits for the answer."""
    promise = pair_maker.make_request(path)
    pair = unpack(promise)
    with OnFirstWait(pair_maker.answer_request) as first_wait:
        done = do(pair)
    if not first_wait.has_waited:
        pair_maker.answer_request()
        pytest.fail(f"the operation did not wait for the answer: {done}")
    return promise, done


def settled_without_look(
    pair_maker: PairMaker, path: str, do: Callable[[Pair], T]
) -> tuple[Promise, T]:
    """Unpacked while pending, settled afterwards, and not looked at yet."""
    promise = pair_maker.make_request(path)
    pair = unpack(promise)
    pair_maker.answer_request()
    promise.wait()
    return promise, do(pair)


def settled_and_looked_at(
    pair_maker: PairMaker, path: str, do: Callable[[Pair], T]
) -> tuple[Promise, T]:
    """Settled, and looked at before."""
    promise = pair_maker.make_request(path)
    pair = unpack(promise)
    pair_maker.answer_request()
    for each in pair:
        with suppress(http.client.HTTPException):
            len(each)
    return promise, do(pair)


def unpacked_after_answer(
    pair_maker: PairMaker, path: str, do: Callable[[Pair], T]
) -> tuple[Promise, T]:
    promise = pair_maker.make_request(path)
    pair_maker.answer_request()
    promise.wait()
    return promise, do(unpack(promise))


def pair_of_callback(
    pair_maker: PairMaker, path: str, do: Callable[[Pair], T]
) -> tuple[Promise, T]:
    """Unpacked in the callback, from the callback's own promise."""
    done: list[T] = []
    promise = pair_maker.make_request(path, lambda given: done.append(do(unpack(given))))
    promise.response  # noqa: B018 - so that the caller holds a pending response
    pair_maker.answer_request()
    promise.wait()
    return promise, done[0]


def caller_pair_in_callback(
    pair_maker: PairMaker, path: str, do: Callable[[Pair], T]
) -> tuple[Promise, T]:
    """Unpacked by the caller, looked at in the callback."""
    done: list[T] = []
    promise = pair_maker.make_request(path, lambda _: done.append(do(pair)))
    pair = unpack(promise)
    pair_maker.answer_request()
    promise.wait()
    return promise, done[0]


STATES = [
    pending,
    settled_without_look,
    settled_and_looked_at,
    unpacked_after_answer,
    pair_of_callback,
    caller_pair_in_callback,
]
