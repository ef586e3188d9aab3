"""Random histories of an Http that several threads share, against a simple model.

The threads ask, cancel, look, and answer what waits, in any order; callbacks ask for more, and some
wait for that. In the end all that still waits is answered. Whatever the history was:

- Each promise ends once: cancelled, if `cancel` said so, or else as its last answer says.
- The callback has run once, or not at all for what was cancelled; functions for the end ran once.
- No more transfers were under way than `max_workers`.
- With one slot, requests of one thread begin in the order in which they were made.
- Nothing is pending, and all slots are there.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asynchttp import Promise
from tests.scripted import HOST, REFUSED, STALE, ScriptedHttp, ScriptedServer, ScriptedTransfer
from tests.servers.seen import PATIENCE

# What a player may do.


class Ask(NamedTuple):
    """Make a request; `asks`: how many more the callback makes, which `waits` for them, or not."""

    has_callback: bool = False
    follows: bool = False
    asks: int = 0
    waits: bool = False


class Cancel(NamedTuple):
    which: int
    """Of the requests that there are."""


class Look(NamedTuple):
    which: int


class End(NamedTuple):
    """End a transfer that waits."""

    which: int
    how: str


Move = Ask | Cancel | Look | End

numbers = st.integers(0, 100)
asks = st.builds(Ask, st.booleans(), st.booleans(), st.integers(0, 2), st.booleans())
moves: st.SearchStrategy[Move] = st.one_of(
    st.just(Ask()),
    asks,
    st.builds(Cancel, numbers),
    st.builds(Look, numbers),
    st.builds(End, numbers, st.sampled_from(["answer", "again", "fail", "redirect", "stale"])),
)
histories = st.lists(st.lists(moves, min_size=1, max_size=40), min_size=1, max_size=3)


# The model.


@dataclass(eq=False)
class Asked:
    """A request, and what has been seen of it."""

    promise: Promise
    thread: str
    """Who has made it; empty for callbacks."""
    has_callback: bool
    calls: list[Promise] = field(default_factory=list)
    ends: list[object] = field(default_factory=list)
    following: Future[int] | None = None
    cancels: list[bool] = field(default_factory=list)

    def check(self, last: tuple[int, str] | None) -> None:
        """`last`: number and kind of the last end of a transfer that was taken."""
        assert self.promise.done()
        assert self.ends == [self.promise]
        if self.promise.cancelled():
            self._check_cancelled()
            return
        assert not any(self.cancels)
        assert last is not None
        assert len(self.calls) == self.has_callback
        error = self.promise.exception()
        if last[1] == "fail":
            assert isinstance(error, ConnectionRefusedError)
        else:
            assert error is None
            assert self.promise.content == last[1].encode()
        if self.following is not None:
            assert self.following.exception(PATIENCE) is error

    def _check_cancelled(self) -> None:
        assert any(self.cancels)
        assert self.calls == []
        if self.following is not None:
            with pytest.raises(CancelledError):
                self.following.result(PATIENCE)


class Game:
    """The Http that all players share, and all that they have asked for."""

    def __init__(self, limit: int) -> None:
        self.server = ScriptedServer()
        self.http: ScriptedHttp = self.server.http(max_workers=limit)
        self.asked: list[Asked] = []
        self.taken: dict[Promise, tuple[int, str]] = {}
        self._lock = threading.Lock()

    def play(self, name: str, history: list[Move]) -> None:
        for move in history:
            if isinstance(move, Ask):
                self.ask(move, name)
            elif isinstance(move, End):
                self.end_any(move)
            elif isinstance(move, Cancel) and self.asked:
                asked = self.asked[move.which % len(self.asked)]
                asked.cancels.append(asked.promise.cancel())
            elif isinstance(move, Look) and self.asked:
                look(self.asked[move.which % len(self.asked)].promise)

    def ask(self, move: Ask, name: str) -> Promise:
        calls: list[Promise] = []
        callback = self._callback(move, calls) if move.has_callback else None
        with self._lock:  # so that the list has the order in which they are made
            promise = self.http.request(HOST, callback=callback)
            asked = Asked(promise, name, move.has_callback, calls)
            self.asked.append(asked)
        promise.add_done_callback(asked.ends.append)
        if move.follows:
            asked.following = promise.then(lambda response, content: response.status)
        return promise

    def _callback(self, move: Ask, calls: list[Promise]) -> Callable[[Promise], None]:
        def call_back(promise: Promise) -> None:
            calls.append(promise)
            inner = [self.ask(Ask(), "") for _ in range(move.asks)]
            for each in inner if move.waits else ():
                each.wait(PATIENCE)

        return call_back

    def end_any(self, move: End) -> None:
        if not self.server.waiting:
            self.server.catch_up()
        if waiting := self.server.waiting:
            self.end(waiting[move.which % len(waiting)], move.how)

    def end(self, transfer: ScriptedTransfer, how: str) -> None:
        is_first = transfer.number == 1
        with self._lock:
            if how == "redirect" and is_first:
                is_taken = transfer.answer(302, "Location: /redirected")
            elif how == "stale" and is_first:
                is_taken = transfer.fail(STALE)
            elif how == "fail":
                is_taken = transfer.fail(REFUSED)
            else:
                is_taken = transfer.answer(200, content=how.encode())
            if is_taken:
                self.taken[transfer.promise] = transfer.number, how
        if how == "again":
            assert not transfer.answer(500)

    def finish(self) -> None:
        self.server.answer_rest(lambda transfer: self.end(transfer, "answer"))
        self.http.close()

    # What holds of each history.

    def check(self) -> None:
        with self._lock:  # whoever has answered last has noted that
            taken = dict(self.taken)
        for asked in self.asked:
            asked.check(taken.get(asked.promise))
        assert self.server.most_waiting <= self.http.max_workers
        if self.http.max_workers == 1:
            self._check_order()
        self._check_slots()

    def _check_order(self) -> None:
        first = [each.promise for each in self.server.arrived if each.number == 1]
        for name in {asked.thread for asked in self.asked} - {""}:
            made = [
                asked.promise
                for asked in self.asked
                if asked.thread == name and not asked.promise.cancelled()
            ]
            assert made == [promise for promise in first if promise in set(made)]

    def _check_slots(self) -> None:
        assert self.http.pending == 0
        begun = threading.Barrier(self.http.max_workers)
        calls = [self.http.submit(begun.wait, PATIENCE) for _ in range(self.http.max_workers)]
        for call in calls:
            call.result(PATIENCE)


def look(promise: Promise) -> None:
    """At what there is."""
    if promise.done() and not promise.cancelled() and promise.exception() is None:
        assert promise.response.status == 200


@pytest.fixture(scope="module", autouse=True)
def threads_change_often() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@given(histories=histories, limit=st.integers(1, 3))
@settings(max_examples=300)
def test_each_request_ends_once_and_as_the_model_says(
    histories: list[list[Move]], limit: int
) -> None:
    game = Game(limit)
    with ThreadPoolExecutor(len(histories)) as threads:
        names = [f"thread {number}" for number in range(len(histories))]
        list(threads.map(game.play, names, histories))
    game.finish()
    game.check()
