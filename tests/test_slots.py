"""Slots on their own, without a thread or a socket: the limit, the order, what a turn lends, that
nobody waits in vain, that the number of turns is bounded, and that nothing is lost.

The state machine plays two Https whose callbacks ask for more of both, wait for what is pending,
and end in any order. The examples after it show one rule each.
"""

import gc
import weakref
from itertools import count
from typing import TypeAlias

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from asynchttp.slots import CALLED, GONE, QUEUED, UNKNOWN, WORKING, Slots, Turn, current_turn


class Piece:
    """A piece of work, and what the tests know of it."""

    def __init__(
        self, slots: "PieceSlots", asked_by: "Piece | None" = None, name: str = "", rank: int = 0
    ) -> None:
        self.name = name
        self.slots = slots
        self.moved = False
        self.running: Turn | None = None
        self.waits_for: Piece | None = None
        # What Slots want of it:
        self.turn = None if asked_by is None else asked_by.running
        self.rank = rank
        self.depth = rank
        self.stage = UNKNOWN
        self.owner = None

    def __repr__(self) -> str:
        return f"Piece {self.name}"

    @property
    def on_the_wire(self) -> bool:
        return self.stage == WORKING

    @property
    def blocked(self) -> bool:
        return self.waits_for is not None and self.waits_for.stage != GONE

    @property
    def awake(self) -> bool:
        """Its callback runs and does not wait."""
        return self.stage == CALLED and not self.blocked

    def call_back(self) -> "Piece":
        self.stage = CALLED
        self.running = Turn(self, self.slots)
        return self

    def end_callback(self) -> None:
        assert self.running is not None
        self.running.end()
        self.slots.leave(self)


PieceSlots: TypeAlias = Slots[Piece]


class TwoHttps(RuleBasedStateMachine):
    """What can happen to the work of two Https, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers = count()
        self.pending: list[Piece] = []
        self.https: list[PieceSlots] = []
        self.patient = False

    @initialize(limits=st.tuples(st.integers(1, 3), st.integers(1, 3)), patient=st.booleans())
    def make(self, limits: tuple[int, int], patient: bool) -> None:
        self.https = [Slots(limit) for limit in limits]
        self.patient = patient

    # What happens.

    @rule(http=st.integers(0, 1), rank=st.integers(0, 1))
    def ask(self, http: int, rank: int) -> None:
        self.enter(http, rank)

    @precondition(lambda self: self.awake())
    @rule(http=st.integers(0, 1), rank=st.integers(0, 1), pick=st.integers(0))
    def ask_in_a_callback(self, http: int, rank: int, pick: int) -> None:
        self.enter(http, rank, picked(self.awake(), pick))

    @precondition(lambda self: self.on_the_wire())
    @rule(pick=st.integers(0))
    def answer(self, pick: int) -> None:
        piece = picked(self.on_the_wire(), pick)
        piece.slots.leave(piece)
        self.pump()

    @precondition(lambda self: self.on_the_wire())
    @rule(pick=st.integers(0))
    def call_back(self, pick: int) -> None:
        picked(self.on_the_wire(), pick).call_back()

    @precondition(lambda self: self.awake())
    @rule(pick=st.integers(0))
    def end_callback(self, pick: int) -> None:
        piece = picked(self.awake(), pick)
        if not (self.patient and self.children(piece)):
            self.end(piece)

    @precondition(lambda self: self.awake())
    @rule(pick=st.integers(0), other=st.integers(0))
    def wait(self, pick: int, other: int) -> None:
        """For a child, or for what has not been called back."""
        waiting, awaited = picked(self.awake(), pick), picked(self.pending, other)
        is_child = awaited.turn is waiting.running
        if reaches(awaited, waiting) or (awaited.stage == CALLED and not is_child):
            return
        waiting.waits_for = awaited
        if not is_child and waiting.running is not None:
            awaited.moved = True
            awaited.slots.expect(awaited, waiting.running)
        self.pump()

    @precondition(lambda self: self.queued())
    @rule(pick=st.integers(0))
    def cancel(self, pick: int) -> None:
        piece = picked(self.queued(), pick)
        assert piece.slots.withdraw(piece)
        assert not piece.slots.withdraw(piece)
        self.pump()

    # What is so at all times.

    @invariant()
    def no_more_are_on_the_wire_than_the_limit(self) -> None:
        for slots in self.https:
            assert len(of(slots, self.on_the_wire())) <= slots.limit

    @invariant()
    def nobody_waits_in_vain(self) -> None:
        assert self.on_the_wire() or self.awake() or not self.pending

    @precondition(lambda self: self.patient)
    @invariant()
    def on_each_depth_there_are_no_more_turns_than_the_limit(self) -> None:
        """Where callbacks end before what they asked for, the bound is not as tight."""
        for slots in self.https:
            depths = [each.running.depth for each in of(slots, self.pending) if each.running]
            assert all(depths.count(depth) <= slots.limit for depth in depths)

    @invariant()
    def nothing_is_lost(self) -> None:
        for slots in self.https:
            mine = of(slots, self.pending)
            assert sorted(slots.pending(), key=id) == sorted(mine, key=id)
            assert slots.is_empty() == (not mine)

    def teardown(self) -> None:
        """Everything comes to its end, and nobody has anything left to lend."""
        while self.on_the_wire() or self.awake():
            for piece in self.on_the_wire():
                piece.slots.leave(piece)
            for piece in self.awake():
                self.end(piece)
            self.pump()
        assert not self.pending
        assert not any(slots.lenders for slots in self.https)

    # How.

    def enter(self, http: int, rank: int, asked_by: Piece | None = None) -> None:
        piece = Piece(self.https[http], asked_by, str(next(self.numbers)), rank)
        self.pending.append(piece)
        piece.slots.enter(piece)
        self.pump()

    def end(self, piece: Piece) -> None:
        for orphan in self.children(piece):
            orphan.moved = True
        piece.end_callback()
        self.pump()

    def pump(self) -> None:
        """Take all that can be taken, one by one, and see that each is the right one."""
        for slots in self.https:
            queued, busy = of(slots, self.queued()), of(slots, self.busy())
            while (taken := slots.take()) is not None:
                assert len(busy) < slots.limit
                assert taken in queued
                assert not [each for each in queued if goes_before(each, taken)]
                queued, busy = of(slots, self.queued()), of(slots, self.busy())
        self.pending = [piece for piece in self.pending if piece.stage != GONE]

    def queued(self) -> list[Piece]:
        return [piece for piece in self.pending if piece.stage == QUEUED]

    def on_the_wire(self) -> list[Piece]:
        return [piece for piece in self.pending if piece.on_the_wire]

    def awake(self) -> list[Piece]:
        return [piece for piece in self.pending if piece.awake]

    def children(self, piece: Piece) -> list[Piece]:
        return [each for each in self.pending if each.turn is piece.running is not None]

    def busy(self) -> list[Piece]:
        """Those who have no reason to lend their slot."""
        callbacks = [piece for piece in self.awake() if not self.children(piece)]
        return self.on_the_wire() + callbacks


def picked(pieces: list[Piece], pick: int) -> Piece:
    return pieces[pick % len(pieces)]


def of(slots: PieceSlots, pieces: list[Piece]) -> list[Piece]:
    return [piece for piece in pieces if piece.slots is slots]


def reaches(awaited: Piece, waiting: Piece) -> bool:
    """Whether who is awaited waits for who is to wait."""
    further = awaited.waits_for if awaited.blocked else None
    return awaited is waiting or (further is not None and reaches(further, waiting))


def goes_before(one: Piece, other: Piece) -> bool:
    if one.depth != other.depth:
        return one.depth > other.depth
    return int(one.name) < int(other.name) and not (one.moved or other.moved)


TestTwoHttps = TwoHttps.TestCase
TestTwoHttps.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


# One rule each.


def ask(slots: PieceSlots, name: str = "", asked_by: Piece | None = None) -> Piece:
    piece = Piece(slots, asked_by, name)
    slots.enter(piece)
    return piece


def take(slots: PieceSlots) -> Piece:
    piece = slots.take()
    assert piece is not None
    return piece


def taken(slots: PieceSlots) -> str:
    """The names of all that can be taken now."""
    return " ".join(piece.name for piece in iter(slots.take, None))


def withdraw(piece: Piece) -> "weakref.ref[Piece]":
    assert piece.slots.withdraw(piece)
    return weakref.ref(piece)


def test_in_the_order_in_which_they_came_and_no_more_than_the_limit() -> None:
    slots = PieceSlots(2)
    first, *_ = [ask(slots, name) for name in "abcd"]
    assert taken(slots) == "a b"
    slots.leave(first)
    assert taken(slots) == "c"


def test_what_a_callback_asks_for_goes_first_in_the_slot_that_it_lends() -> None:
    slots = PieceSlots(1)
    for name in "abc":
        ask(slots, name)
    asking = take(slots).call_back()
    for name in ("x", "y"):
        ask(slots, name, asking)
    assert taken(slots) == "x"


def test_what_a_callback_leaves_behind_queues_as_anybodys_does() -> None:
    slots = PieceSlots(1)
    asking, _ = ask(slots, "a"), ask(slots, "b")
    slots.take()
    asking.call_back()
    first, _, _ = (ask(slots, name, asking) for name in "xyz")
    assert taken(slots) == "x"
    asking.end_callback()
    assert taken(slots) == ""
    slots.leave(first)
    assert taken(slots) == "b"


def test_a_callback_may_wait_for_what_one_that_it_waited_for_left_behind() -> None:
    slots = PieceSlots(1)
    outer = ask(slots)
    slots.take()
    inner = ask(slots, asked_by=outer.call_back())
    slots.take()
    inner.call_back()
    left = [ask(slots, name, inner) for name in "xy"]
    assert taken(slots) == "x"
    inner.end_callback()
    slots.leave(left[0])
    assert taken(slots) == "y"


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_callbacks_of_another_http_add_nothing_to_the_limit(limit: int) -> None:
    theirs, ours = PieceSlots(8), PieceSlots(limit)
    for _ in range(8):
        ask(theirs)
        ask(ours, asked_by=take(theirs).call_back())
    assert len(taken(ours).split(" ")) == limit


def test_two_https_whose_callbacks_ask_for_each_other() -> None:
    one, other = PieceSlots(1), PieceSlots(1)
    for mine in (one, other):
        ask(mine, "queued")
        take(mine).call_back()
        ask(mine, "next")
    asking = [slots.pending()[-1] for slots in (one, other)]
    ask(other, "deeper", asking[0])
    ask(one, "deeper", asking[1])
    assert (taken(one), taken(other)) == ("deeper", "deeper")


def test_what_a_callback_waits_for_goes_first_though_it_did_not_ask_for_it() -> None:
    slots = PieceSlots(1)
    waiting, _, awaited = (ask(slots, name) for name in "abc")
    slots.take()
    waiting.call_back()
    assert taken(slots) == ""
    assert waiting.running is not None
    slots.expect(awaited, waiting.running)
    assert taken(slots) == "c"


def test_a_callback_waits_for_another_that_asks_for_more() -> None:
    slots = PieceSlots(2)
    asking, waiting = ask(slots), ask(slots)
    slots.take(), slots.take()
    ask(slots, "x", asking.call_back())
    ask(slots, "y", asking)
    waiting.call_back()
    assert waiting.running is not None
    assert taken(slots) == "x"
    slots.expect(asking, waiting.running)
    assert taken(slots) == "y"


def test_what_was_awaited_before_it_entered_and_never_did_is_forgotten() -> None:
    slots = PieceSlots(1)
    waiting, never = ask(slots), Piece(slots)
    slots.take()
    waiting.call_back()
    assert waiting.running is not None
    slots.expect(never, waiting.running)
    assert not slots.withdraw(never)
    ask(slots, "x")
    assert taken(slots) == ""


def test_a_turn_that_is_over_lends_nothing_to_what_comes_after_it() -> None:
    slots = PieceSlots(1)
    asking = ask(slots)
    slots.take()
    late = Piece(slots, asking.call_back(), "late")
    asking.end_callback()
    ask(slots, "first")
    slots.enter(late)
    assert taken(slots) == "first"


def test_no_end_of_callbacks_that_ask_for_the_next_keeps_nothing_alive() -> None:
    slots = PieceSlots(1)
    piece, before = ask(slots), []
    for _ in range(100):
        slots.take()
        before.append(weakref.ref(piece))
        following = ask(slots, asked_by=piece.call_back())
        piece.end_callback()
        piece = following
    gc.collect()
    assert [ref for ref in before if ref()] == []
    assert piece.depth == 0


def test_what_was_withdrawn_is_forgotten_though_what_came_before_it_still_waits() -> None:
    slots = PieceSlots(1)
    ask(slots)
    withdrawn = [withdraw(ask(slots)) for _ in range(1000)]
    gc.collect()
    assert len([ref for ref in withdrawn if ref()]) < 200


def test_the_turn_of_a_thread_is_the_innermost() -> None:
    slots = PieceSlots(2)
    outer, inner = ask(slots), ask(slots)
    with slots.turn_of(outer):
        around = current_turn()
        with slots.turn_of(inner):
            assert current_turn() is not around
        assert current_turn() is around
    assert current_turn() is None
