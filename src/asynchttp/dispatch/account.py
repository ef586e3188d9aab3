"""AccountOwner: owns the account of one Http in the core, from the first request to the end.

Rule: an owner survives its Http. Pending work is finished; then the connections are closed.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from .. import _core, log
from ..process import lifetime
from ..process.threads import SIGNAL_INTERVAL, is_own_thread, wait_and_help
from ..promise.callback_scope import current_scope, innermost_running
from ..promise.future import FINISHED, RUNNING
from ..promise.promise import Promise
from ..promise.work import Work
from .failures import lost_in_fork
from .workers import workers

Task = Work[Any]  # Any: work with any value


class _Stall(NamedTuple):
    """A time in which work waits for a slot, and no slot becomes free."""

    since: float | None
    warning_due: float


_NO_STALL = _Stall(None, 0.0)


class AccountOwner:
    """The account of one Http, and the work that is pending in the account."""

    def __init__(self, limit: int, is_scripted: bool) -> None:
        self._limit = limit
        self.exit_timeout: float | None = None
        self._is_scripted = is_scripted
        self._accounts: dict[None, _core.Account] = {}  # at most one: `setdefault` is atomic
        self._is_closed = False
        self._stall = _NO_STALL
        self._late: set[Task] = set()  # work that the end of the program does not wait for
        lifetime.register(self)

    @property
    def account(self) -> _core.Account:
        """The account, made at the first use."""
        if not self._accounts:  # several threads may make an account: `setdefault` keeps the first
            account = _core.Account(self._limit, self._is_scripted)
            self._accounts.setdefault(None, account)
        return self._accounts[None]

    def set_limit(self, limit: int) -> None:
        """Work on at most `limit` requests and calls at once, from now on."""
        self._limit = limit
        for account in self._accounts.values():
            account.limit(limit)

    def leave(self, work: Task) -> None:
        """Give the slot of `work` back: the last user code of `work` has run."""
        work.release()
        self._late.discard(work)
        work._leave()  # last: `close` waits for this, and files are to be closed by then

    def close(self, cancel_futures: bool) -> None:
        """Finish or cancel pending work, then close the connections.

        Waits for both, except where the wait could be a wait for the current thread itself. Work
        that other threads ask for meanwhile is not waited for.
        """
        if (account := self._accounts.get(None)) is None:
            return
        era = account.begin_era()
        if cancel_futures:
            self.cancel_all()
        if self._may_wait():
            self._wait_until(partial(account.wait_for_past, era))
        account.close()
        if self._may_wait():
            self._wait_until(account.join)
            log.flush()

    def _wait_until(self, wait: Callable[[float], bool]) -> None:
        """Call `wait` until the wait is over. Callbacks may ask for more work during each call."""
        scope = current_scope()
        with nullcontext() if scope is None or scope.permit is None else scope.permit.lent():
            self._lend_slot_to_pending()
            while not wait_and_help(wait, SIGNAL_INTERVAL):
                self._lend_slot_to_pending()

    def _lend_slot_to_pending(self) -> None:
        """In a callback of another Http, lend the slot of that callback to the pending work.

        Callbacks of this Http may ask that other Http.
        """
        if (scope := current_scope()) is not None:
            for work in self._pending_work():
                scope.core.expect(work)

    def _may_wait(self) -> bool:
        """False in callbacks of this Http, and in finalizers and signal handlers that may have
        interrupted needed code: during a garbage collection, or with a lock of this package.
        """
        if _core.is_collecting() or lifetime.has_locks():
            return False
        scope = current_scope()
        if scope is None:
            return not is_own_thread()
        while scope is not None and scope.work.owner is not self:
            scope = innermost_running(scope.enclosing)
        return scope is None

    def cancel_all(self) -> None:
        """Cancel pending work, without waiting."""
        # Work without a slot first, which would otherwise get the slots of cancelled work.
        for work in sorted(self._pending_work(), key=lambda work: work._has_slot):
            work.cancel()

    def _pending_work(self) -> list[Task]:
        return [work for account in self._accounts.values() for work in account.works()]

    def close_when_idle(self) -> None:
        """Close the connections when no work is pending: the Http is gone."""
        for account in self._accounts.values():
            account.close()

    def _close_connections(self) -> None:
        for account in self._accounts.values():
            account.close()
            account.join(1.0)

    # For people.

    def describe(self) -> str:
        """How many requests are queued and in flight, in all and by host."""
        pending = self._pending_work()
        hosts: dict[str, list[Task]] = {}
        for work in pending:
            hosts.setdefault(host_of(work), []).append(work)
        largest = sorted(hosts.items(), key=lambda item: -len(item[1]))
        named = [f"{host} ({_count_stages(works)})" for host, works in largest[:MOST_NAMES]]
        more = ["..."] * (len(hosts) > MOST_NAMES)
        return ": ".join([_count_stages(pending), *filter(None, [", ".join(named + more)])])

    def warn_if_stalled(self) -> None:
        """Warn once if work has been queued for long, and no slot has become free."""
        for account in list(self._accounts.values()):
            if (since := account.waits_since()) is None:
                self._stall = _NO_STALL
            elif since != self._stall.since:
                self._stall = _Stall(since, time.monotonic() + STALLED)
            elif time.monotonic() >= self._stall.warning_due:
                self._stall = _Stall(since, float("inf"))
                log.warning("no slot has become free for %s seconds: %s", STALLED, self.describe())

    # lifetime.Participant

    def is_busy(self) -> bool:
        if not self._late:
            return any(account.pending for account in self._accounts.values())
        return bool(self._awaited_work())

    def _awaited_work(self) -> list[Task]:
        return [work for work in self._pending_work() if work not in self._late]

    def wait_until_idle(self, timeout: float) -> None:
        for account in self._accounts.values():
            account.wait(timeout)

    def give_up_at_exit(self) -> None:
        if not (pending := self._awaited_work()):
            return  # finished meanwhile
        self._late.update(pending)
        names = list_names(pending)
        log.warning("cancelled %s, after exit_timeout=%s seconds", names, self.exit_timeout)
        self.cancel_all()

    def close_at_exit(self) -> None:
        self._is_closed = True
        self._close_connections()

    def cancel_at_exit(self) -> None:
        self.cancel_all()
        self._close_connections()

    def drop_after_fork(self) -> Callable[[], None]:
        pending = self._pending_work()
        self._accounts, self._late = {}, set()
        return partial(_fail_lost, pending)


STALLED = 30.0  # seconds without any slot becoming free, after which a warning names the hosts
MOST_NAMES = 5


def host_of(work: Task) -> str:
    """The host, and port, of a request; or a word for other work."""
    if not isinstance(work, Promise):
        return "calls"
    if work._state == RUNNING:
        return "callbacks"
    transfer = work.transfer
    return (
        urlsplit(str(work._uri)).netloc.rpartition("@")[2]
        if transfer is None
        else transfer.authority
    )


def _count_stages(works: list[Task]) -> str:
    in_flight = sum(work._has_slot for work in works)
    return f"{len(works) - in_flight} queued, {in_flight} in flight"


def _warn_of_stalls() -> None:
    for each in lifetime.all_participants():
        if isinstance(each, AccountOwner):
            each.warn_if_stalled()


workers.watch = _warn_of_stalls


def list_names(works: list[Task]) -> str:
    """The number of requests, and the first of them, for the log."""
    names = [str(work) for work in works[:MOST_NAMES]] + ["..."] * (len(works) > MOST_NAMES)
    return f"{len(works)} request{'s' * (len(works) != 1)}: {', '.join(names)}"


def _warn_of_long_wait(busy: list[lifetime.Participant]) -> None:
    works = [w for each in busy if isinstance(each, AccountOwner) for w in each._awaited_work()]
    log.warning("the program has ended, waiting for %s", list_names(works))


lifetime.at_long_wait(_warn_of_long_wait)


def _fail_lost(pending: list[Task]) -> None:
    for work in pending:
        if not work.settle(FINISHED, None, lost_in_fork(work)):
            work.call_done_callbacks()  # done already, but the thread for the callbacks is gone
