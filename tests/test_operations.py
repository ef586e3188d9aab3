"""Whatever is done to a response or its content gives what httplib2's give, whenever it is done.

Every row of the table (`tests.operations`) is run in every state that a pair can be in, and once on
what httplib2 returns for the same URL: value, type, error and what is left of the response have to
be the same. On a request that failed, every row raises that failure, every time.
"""

import array
import base64
import binascii
import codecs
import collections.abc
import copy
import functools
import hashlib
import io
import itertools
import json
import operator
import os
import pickle
import pprint
import re
import socket
import string
import struct
import sys
import tempfile
import threading
import types
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import IncompleteRead
from types import FrameType
from typing import Any, TypeAlias, TypeVar

import httplib2
import pytest

from asynchttp import Http, Promise
from tests import operations
from tests.operations import BODY, METHODS
from tests.servers.raw import Peer, RawServer, head
from tests.servers.seen import PATIENCE

T = TypeVar("T")
Pair: TypeAlias = tuple[Any, Any]  # Any: the rows do to them what no type checker allows

# Nothing of this is what a Response has before it is filled: not the version, not the reason.
ANSWER = (
    b"HTTP/1.0 203 Second Hand\r\nConnection: keep-alive\r\nServer: scripted\r\n"
    b"Content-Type: text/plain; charset=latin-1\r\nX-Line: north\r\nX-Line: south\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
CUT_SHORT = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\ncut"
CUT = "/cut"


# What the rows may use.


class Both:
    """Has a say on either side of an operator, and looks at the other side for it."""

    __hash__ = None  # type: ignore[assignment]  # as for whatever has an __eq__ of its own

    def __eq__(self, other: object) -> bool:
        return list(other) == list(BODY)  # type: ignore[call-overload,no-any-return]  # bytes

    def __add__(self, other: bytes) -> list[bytes]:
        return [bytes(other)]

    __radd__ = __add__

    def __index__(self) -> int:
        return 2


def given(*arguments: object, **keywords: object) -> tuple[object, ...]:
    return arguments, keywords


@functools.singledispatch
def which(_: object) -> str:
    return "something else"


@which.register
def _(_: dict) -> str:  # type: ignore[type-arg]  # this is read at run time
    return "a dict"


@which.register
def _(_: bytes) -> str:
    return "bytes"


def written(write: Callable[[Any], object]) -> bytes:  # Any: a binary file, of any kind
    with tempfile.TemporaryFile() as file:
        write(file)
        file.seek(0)
        return file.read()


def sent(send: Callable[[socket.socket], object]) -> bytes:
    here, there = socket.socketpair()
    with here, there:
        send(here)
        return there.recv(1024)


MODULES = [array, base64, binascii, codecs, collections, copy, hashlib, httplib2, io, itertools]
MODULES += [json, operator, os, pickle, pprint, re, string, struct, types, urllib, zlib]
NAMES = {
    **{module.__name__: module for module in MODULES},
    **{thing.__name__: thing for thing in (Both, given, sent, which, written)},
}


# One row, run once.


@dataclass(frozen=True)
class Outcome:
    """How a row ended. A Response of ours counts as one of httplib2's, which it is."""

    kind: type | None = None
    value: object = None
    error: Exception | None = None

    def like(self, other: "Outcome") -> bool:
        """The same value of the same type, or the same type of error."""
        same_kind = self.kind is other.kind and type(self.error) is type(other.error)
        return same_kind and bool(self.value == other.value)


@dataclass(frozen=True)
class Operation:
    """A row of the table, and the content that it is meant for."""

    row: str
    body: bytes = BODY

    def __str__(self) -> str:
        return self.row if self.body == BODY else f"{self.row} of {self.body!r}"

    def run(self, pair: Pair, plain: httplib2.Response) -> Outcome:
        names = {**NAMES, "r": pair[0], "c": pair[1], "b": self.body, "plain": plain}
        try:
            value = eval(_compiled(self.row), names)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is compared
            return Outcome(error=error)
        value = names.get("value", value)
        is_response = isinstance(value, httplib2.Response)
        return Outcome(httplib2.Response if is_response else value.__class__, value)


@functools.cache
def _compiled(row: str) -> types.CodeType:
    if match := re.fullmatch(r"match (\w): (.*)", row):
        row = f"match {match[1]}:\n case {match[2]}: pass"
    try:
        return compile(row, row, "eval")
    except SyntaxError:
        return compile(row, row, "exec")


def rows(table: str, body: bytes = BODY) -> list[Operation]:
    return [Operation(row, body) for row in table.strip().splitlines()]


def comparisons() -> Iterator[Operation]:
    for sign, other in itertools.product(("==", "!=", "<", "<=", ">", ">="), operations.COMPARED):
        yield Operation(f"c {sign} {other}")
        yield Operation(f"{other} {sign} c")


def calls() -> Iterator[Operation]:
    for method, calls in METHODS.items():
        for arguments in calls.split(";"):
            yield Operation(f"c.{method}({arguments.strip()})")


TABLE = [
    *rows(operations.ON_RESPONSES),
    *(row for body, table in operations.ON_CONTENTS.items() for row in rows(table, body)),
    *comparisons(),
    *calls(),
]


# A server, both clients, and every state that a pair can be in.


class Rig:
    """A server that answers when it is told to, and both clients."""

    def __init__(self) -> None:
        self._answers = threading.Semaphore(0)
        self._server = RawServer([self._talk])
        self._client = httplib2.Http()
        self._observed: dict[Operation, tuple[Outcome, httplib2.Response]] = {}
        self.http = Http()
        self.plain, _ = self._ask_plainly(_path(BODY))

    def close(self) -> None:
        self.http.close()
        self._client.close()
        self._server.close()

    def _talk(self, peer: Peer) -> None:
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

    def plain_failure(self) -> Exception:
        with pytest.raises(IncompleteRead) as caught:
            self._ask_plainly(CUT)
        return caught.value

    def observe(self, operation: Operation) -> tuple[Outcome, httplib2.Response]:
        """How it ends on what httplib2 returns, and the response after that."""
        if operation not in self._observed:
            response, content = self._ask_plainly(_path(operation.body))
            outcome = operation.run((response, content), self.plain)
            self._observed[operation] = outcome, response
        return self._observed[operation]

    @contextmanager
    def answering_who_waits(self) -> Iterator[None]:
        """Let the server answer when this thread goes to sleep on a lock, and not before."""

        def watch(_frame: FrameType, event: str, called: Any) -> None:  # Any: what is called
            if event == "c_call" and called.__name__ == "acquire":
                sys.setprofile(None)
                self.answer()

        sys.setprofile(watch)
        try:
            yield
        finally:
            never_waited = sys.getprofile() is not None
            sys.setprofile(None)
            if never_waited:
                self.answer()
        assert not never_waited, "it did not wait for the answer"


def _path(body: bytes) -> str:
    return f"/{body.hex()}"


# Each runs something on the pair of a new promise in some state.


def pending(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    promise = rig.ask(path)
    pair = tuple(promise)
    with rig.answering_who_waits():
        return promise, do(pair)


def unseen(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """Settled since it was unpacked."""
    promise = rig.ask(path)
    pair = tuple(promise)
    rig.answer()
    promise.wait()
    return promise, do(pair)


def seen(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """Looked at before."""
    promise = rig.ask(path)
    pair = tuple(promise)
    rig.answer()
    for each in pair:
        with suppress(IncompleteRead):
            len(each)
    return promise, do(pair)


def unpacked_late(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    promise = rig.ask(path)
    rig.answer()
    promise.wait()
    return promise, do(tuple(promise))


def in_callback(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """The pair of the promise that the callback is given."""
    done: list[T] = []
    promise = rig.ask(path, lambda given: done.append(do(tuple(given))))
    promise.response  # noqa: B018 - so that the caller has one that is pending
    rig.answer()
    promise.wait()
    return promise, done[0]


def callers_in_callback(rig: Rig, path: str, do: Callable[[Pair], T]) -> tuple[Promise, T]:
    """The pair that the caller has, looked at in the callback."""
    done: list[T] = []
    promise = rig.ask(path, lambda _: done.append(do(pair)))
    pair = tuple(promise)
    rig.answer()
    promise.wait()
    return promise, done[0]


State: TypeAlias = Callable[[Rig, str, Callable[[Pair], T]], tuple[Promise, T]]
STATES = [pending, unseen, seen, unpacked_late, in_callback, callers_in_callback]


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    rig = Rig()
    try:
        yield rig
    finally:
        rig.close()


# The tests of the table.


@pytest.mark.parametrize("operation", TABLE, ids=str)
def test_an_operation_does_what_it_does_on_what_httplib2_returns(
    rig: Rig, operation: Operation
) -> None:
    expected, left = rig.observe(operation)
    for state in STATES:
        promise, outcome = state(
            rig, _path(operation.body), lambda pair: operation.run(pair, rig.plain)
        )
        assert outcome.like(expected), f"{state.__name__}: {outcome}, but {expected}"
        assert list(promise.response.items()) == list(left.items()), state.__name__
        assert vars(promise.response) == vars(left), state.__name__


@pytest.mark.parametrize("operation", TABLE, ids=str)
def test_every_operation_on_a_failed_request_raises_its_failure(
    rig: Rig, operation: Operation
) -> None:
    for state in STATES:
        promise, outcomes = state(
            rig, CUT, lambda pair: [operation.run(pair, rig.plain) for _ in range(2)]
        )
        failure = promise.exception()
        assert type(failure) is IncompleteRead
        assert [outcome.error for outcome in outcomes] == [failure, failure], state.__name__
