"""Random histories of an Http shared by several threads, checked against a simple model.

The threads make requests, cancel, look, and answer waiting transfers, in any order. Callbacks make
further requests; some wait for the answers. At the end, all waiting transfers are answered.
Every history must have these properties:

- Each promise ends once: cancelled, if `cancel` returned true, or else as the last answer says.
- Callbacks ran once, or never if cancelled; done-callbacks ran once.
- At most `max_workers` transfers were under way.
- With a single slot, requests of a thread begin in the order of their making.
- In the end, no request is pending, and all slots are free.
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
from tests.servers.event_log import PATIENCE

# Moves of a player


class MakeRequest(NamedTuple):
    """Make a request. The callback makes `requests` more requests, and perhaps `waits`."""

    has_callback: bool = False
    follows: bool = False
    requests: int = 0
    waits: bool = False


class Cancel(NamedTuple):
    which: int
    """Index into the requests made so far, modulo their number."""


class Look(NamedTuple):
    which: int


class EndTransfer(NamedTuple):
    """End a waiting transfer."""

    which: int
    how: str


Move = MakeRequest | Cancel | Look | EndTransfer

numbers = st.integers(0, 100)
requests = st.builds(MakeRequest, st.booleans(), st.booleans(), st.integers(0, 2), st.booleans())
moves: st.SearchStrategy[Move] = st.one_of(
    st.just(MakeRequest()),
    requests,
    st.builds(Cancel, numbers),
    st.builds(Look, numbers),
    st.builds(
        EndTransfer, numbers, st.sampled_from(["answer", "again", "fail", "redirect", "stale"])
    ),
)
histories = st.lists(st.lists(moves, min_size=1, max_size=40), min_size=1, max_size=3)


# The model


@dataclass(eq=False)
class RequestRecord:
    """A request, and all observations of the request."""

    promise: Promise
    thread: str
    """The thread that made the request; empty for callbacks."""
    has_callback: bool
    calls: list[Promise] = field(default_factory=list)
    ends: list[object] = field(default_factory=list)
    following: Future[int] | None = None
    cancels: list[bool] = field(default_factory=list)

    def check(self, last: tuple[int, str] | None) -> None:
        """`last`: number and kind of the last accepted end of a transfer."""
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


class HistoryRun:
    """The shared Http, and all requests of the players."""

    def __init__(self, limit: int) -> None:
        self.server = ScriptedServer()
        self.http: ScriptedHttp = self.server.http(max_workers=limit)
        self.made: list[RequestRecord] = []
        self.taken: dict[Promise, tuple[int, str]] = {}
        self._lock = threading.Lock()

    def play(self, name: str, history: list[Move]) -> None:
        for move in history:
            if isinstance(move, MakeRequest):
                self.ask(move, name)
            elif isinstance(move, EndTransfer):
                self.end_any(move)
            elif isinstance(move, Cancel) and self.made:
                made = self.made[move.which % len(self.made)]
                made.cancels.append(made.promise.cancel())
            elif isinstance(move, Look) and self.made:
                look(self.made[move.which % len(self.made)].promise)

    def ask(self, move: MakeRequest, name: str) -> Promise:
        calls: list[Promise] = []
        callback = self._callback(move, calls) if move.has_callback else None
        with self._lock:  # `made` keeps the order of making
            promise = self.http.request(HOST, callback=callback)
            made = RequestRecord(promise, name, move.has_callback, calls)
            self.made.append(made)
        promise.add_done_callback(made.ends.append)
        if move.follows:
            made.following = promise.then(lambda response, content: response.status)
        return promise

    def _callback(self, move: MakeRequest, calls: list[Promise]) -> Callable[[Promise], None]:
        def call_back(promise: Promise) -> None:
            calls.append(promise)
            inner = [self.ask(MakeRequest(), "") for _ in range(move.requests)]
            for each in inner if move.waits else ():
                each.wait(PATIENCE)

        return call_back

    def end_any(self, move: EndTransfer) -> None:
        if not self.server.waiting:
            self.server.wait_for_begun_transfers()
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
        self.server.answer_all_from_now_on(lambda transfer: self.end(transfer, "answer"))
        self.http.close()

    # The properties

    def check(self) -> None:
        with self._lock:  # the last answer has been recorded by now
            taken = dict(self.taken)
        for made in self.made:
            made.check(taken.get(made.promise))
        assert self.server.most_waiting <= self.http.max_workers
        if self.http.max_workers == 1:
            self._check_order()
        self._check_slots()

    def _check_order(self) -> None:
        first = [each.promise for each in self.server.arrived if each.number == 1]
        for name in {made.thread for made in self.made} - {""}:
            made = [
                made.promise
                for made in self.made
                if made.thread == name and not made.promise.cancelled()
            ]
            assert made == [promise for promise in first if promise in set(made)]

    def _check_slots(self) -> None:
        assert self.http.pending == 0
        begun = threading.Barrier(self.http.max_workers)
        calls = [self.http.submit(begun.wait, PATIENCE) for _ in range(self.http.max_workers)]
        for call in calls:
            call.result(PATIENCE)


def look(promise: Promise) -> None:
    """Look at the response, if any."""
    if promise.done() and not promise.cancelled() and promise.exception() is None:
        assert promise.response.status == 200


@pytest.fixture(scope="module", autouse=True)
def frequent_thread_switches() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@given(histories=histories, limit=st.integers(1, 3))
@settings(max_examples=300)
def test_random_histories_end_as_model_says(histories: list[list[Move]], limit: int) -> None:
    run = HistoryRun(limit)
    with ThreadPoolExecutor(len(histories)) as threads:
        names = [f"thread {number}" for number in range(len(histories))]
        list(threads.map(run.play, names, histories))
    run.finish()
    run.check()
