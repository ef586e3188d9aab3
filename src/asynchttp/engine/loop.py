"""Loop: what the I/O thread owns and does, turn by turn.

A turn: work out how long nothing will happen, wake those who wait if that is some time, poll, obey
commands, let libcurl act, deliver what has ended.

Rules:
- Everything here belongs to the I/O thread, but for `post`, and `resting` around a fork.
- Transfers enter libcurl in `_enter` and leave it in `_end`, and nowhere else.
- Foreign code and disks never run here: they would stall every transfer.
- libcurl's timeout is asked for before each poll: acting within its timer callback is an error.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import CancelledError
from contextlib import suppress
from copy import copy
from functools import partial
from threading import RLock
from typing import Generic, TypeVar

import httplib2

from .. import log
from ..body import Body
from ..model import Reply, Transfer
from ..threads import GLANCE
from . import Receiver
from .easy import Easy, Preset, preset_of
from .job import Job
from .names import Found, Host, Names, first_for, hosts_to
from .openssl import note_thread
from .pioneers import Pioneers
from .poller import best_poller
from .shard import SIZE, Shard
from .timers import Timers
from .upload import Upload

Token = TypeVar("Token", bound=Hashable)

LATEST = 0.002  # seconds after which those who wait are woken, however busy the loop is
LONG = 3600.0  # seconds, of whoever has nothing to do: no system call takes more than 2**31 ms
TICKS = 8  # looks within one timeout whether bytes still move
POOL = 1000  # idle easy handles kept for each preset


class Loop(Generic[Token]):
    """The I/O thread's work. `run` returns when it was told to leave and nothing is under way."""

    def __init__(
        self,
        receiver: Receiver[Token],
        run_elsewhere: Callable[[Callable[[], None]], None],
        posting: RLock,
    ) -> None:
        """`posting`: the lock of whoever keeps the loop, so that the two never wait for each other:
        a finalizer may come under either, and want both.
        """
        self._receiver = receiver
        self._run_elsewhere = run_elsewhere
        self._posting = posting
        self._commands: deque[tuple[Callable[..., None], tuple[object, ...]]] = deque()
        self._asleep = self._begun = self._leaving = self._over = self._telling = False
        self.thread = 0
        """The I/O thread's identity, while it is to tell those who wait before it blocks."""
        self._poller = best_poller()
        self._owners: dict[int, Shard[Token]] = {}
        self._moved: dict[int, float] = {}  # when something last happened on a descriptor
        self._shards: list[Shard[Token]] = []
        self._origins: dict[str, Shard[Token]] = {}
        self._opened: dict[int, int] = {}  # sockets that libcurl has just made; what for
        self._sockets: dict[int, tuple[int, int]] = {}  # every one made, by descriptor
        self._pool: defaultdict[Preset, list[Easy]] = defaultdict(list)
        self._jobs: dict[Token, Job[Token]] = {}
        self._unnamed: dict[Host, list[Job[Token]]] = {}
        self._names = Names(partial(self.post, self._learn))
        self._pioneers: Pioneers[Token] = Pioneers()
        self._timers = Timers()
        self._delivered_at = 0.0  # when the first was delivered of those nobody was told of
        # Held by the I/O thread but while it blocks: whoever has it may fork.
        self.resting = RLock()

    # From any thread.

    def post(self, command: Callable[..., None], *arguments: object) -> bool:
        """Have the I/O thread call `command`; False if the loop is over."""
        with self._posting:
            if self._over:
                return False
            self._commands.append((command, arguments))
            if self._asleep:
                self._wake()
            return True

    def _wake(self) -> None:
        self._asleep = False
        try:
            self._poller.wake()
        except BaseException:  # Ctrl-C before it came to that
            self._asleep = True  # whoever comes next is to see to it
            raise

    # What can be posted.

    def start(self, token: Token, transfer: Transfer) -> None:
        """Begin a transfer, once the addresses of its host are known."""
        job = self._jobs[token] = Job(token, transfer)
        if transfer.timeout is not None:
            self._time(job, transfer.timeout)
        self._find_host(job)

    def cancel(self, token: Token) -> None:
        """Stop a transfer, if it is still under way."""
        if token in self._jobs:
            self._end(self._jobs[token], CancelledError())

    def leave(self) -> None:
        """End the loop as soon as nothing is under way."""
        self._leaving = True

    def _learn(self, host: Host, found: Found) -> None:
        found = self._names.learn(host, found)
        for job in self._unnamed.pop(host, ()):
            if self._jobs.get(job.token) is not job:
                continue  # cancelled or timed out meanwhile
            if isinstance(found, tuple):
                job.last_moved = time.monotonic()
                self._find_host(job)  # which is known now
            else:
                self._end(job, copy(found))  # each of its own, which says what request it was

    def _find_host(self, job: Job[Token]) -> None:
        try:
            known = self._addresses(job)
            if known is not None and (job.transfer.tls is None or self._pioneers.admit(job)):
                self._enter(job, known)
        except Exception as error:  # noqa: BLE001  # whatever libcurl does not take
            self._refuse(job, error)

    def _addresses(self, job: Job[Token]) -> Sequence[tuple[Host, tuple[str, ...]]] | None:
        """The addresses of the hosts that it needs to know; None while they are looked up."""
        transfer, known = job.transfer, []
        default_port = 80 if transfer.tls is None else 443
        for host in hosts_to(transfer.authority, default_port, transfer.proxy):
            addresses = self._names.addresses(host)
            if addresses is None:
                self._unnamed.setdefault(host, []).append(job)
                return None
            known.append((host, addresses))
        if transfer.proxy is not None and transfer.proxy.wants_address:
            host, addresses = known[-1]
            address = first_for(transfer.proxy, addresses)
            known[-1] = Host(address, host.port), (address,)
        return known

    def _let_others_follow(self, job: Job[Token]) -> None:
        for other in self._pioneers.release(job):
            if self._jobs.get(other.token) is other:  # not cancelled or timed out meanwhile
                other.last_moved = time.monotonic()
                self._find_host(other)

    def _refuse(self, job: Job[Token], error: Exception) -> None:
        if job.easy is not None:
            job.easy.reusable = False
        self._end(job, error)

    # The one entrance to libcurl, and the one exit.

    def _enter(self, job: Job[Token], known: Sequence[tuple[Host, tuple[str, ...]]]) -> None:
        transfer = job.transfer
        shard = self._shard_for(transfer)
        easy = job.easy = self._easy_for(transfer)
        easy.prepare(transfer)
        if transfer.body is not None:
            self._send(job, easy, transfer.body)
        if known:
            shard.load(easy, known)
        if transfer.proxy is not None and transfer.proxy.wants_address:
            easy.go_to(known[-1][0].name)
        if transfer.tls is not None:
            easy.share(wait=self._pioneers.may_share(job))
        if self._telling or job.is_pioneer:
            self._watch_connection(job, easy)
        if httplib2.debuglevel:
            easy.trace(log.say)
        shard.add(job, easy)

    def _end(self, job: Job[Token], outcome: Reply | BaseException) -> None:
        del self._jobs[job.token]
        if job.timer is not None:
            self._timers.cancel(job.timer)
        if job.easy is not None:
            if job.shard is not None:
                job.shard.remove(job.easy)
            self._give_back(job.easy)
        if job.is_pioneer:
            self._commands.append((self._let_others_follow, (job,)))
        if not self._delivered_at:
            self._delivered_at = time.monotonic()
        self._receiver.deliver(job.token, outcome)

    def _shard_for(self, transfer: Transfer) -> Shard[Token]:
        if transfer.tls is None or self._pioneers.is_known_without(transfer.authority):
            return self._shard_with_room()
        # One origin, one shard: HTTP/2 has one connection for all its transfers.
        if transfer.authority not in self._origins:
            self._origins[transfer.authority] = self._shard_with_room()
        return self._origins[transfer.authority]

    def _shard_with_room(self) -> Shard[Token]:
        for shard in self._shards:
            if len(shard.under_way) < SIZE:
                return shard
        another = Shard[Token]()
        self._shards.append(another)
        self._poller.add(another.fdset)
        return another

    def _easy_for(self, transfer: Transfer) -> Easy:
        preset = preset_of(transfer)
        pooled = self._pool[preset]
        return pooled.pop() if pooled else Easy(preset, self._opened)

    def _watch_new_sockets(self, shard: Shard[Token]) -> None:
        for fd in self._opened:
            with suppress(OSError):  # closed again by now
                self._poller.watch(fd)
                self._owners[fd] = shard
                self._sockets[fd] = _identity(fd)
        self._opened.clear()

    def _give_back(self, easy: Easy) -> None:
        easy.clear()
        pooled = self._pool[easy.preset]
        if easy.reusable and len(pooled) < POOL:
            pooled.append(easy)
        else:
            easy.curl.close()

    def _watch_connection(self, job: Job[Token], easy: Easy) -> None:
        began = time.monotonic()

        def connected(address: str, port: int, is_new: bool) -> None:
            if self._telling:
                self._receiver.connected(job.token, address, port, is_new, time.monotonic() - began)
            # Not here and now: libcurl is in the middle of something.
            self._commands.append((self._let_others_follow, (job,)))

        easy.watch_connection(connected)

    # Bodies.

    def _send(self, job: Job[Token], easy: Easy, body: Body) -> None:
        if body.in_memory:
            easy.send(body)
        else:
            easy.stream(body, partial(self._fetch, job))

    def _fetch(self, job: Job[Token], upload: Upload) -> None:
        def fetch() -> None:
            upload.fetch_piece()
            self.post(self._resume, job)

        self._run_elsewhere(fetch)

    def _resume(self, job: Job[Token]) -> None:
        if self._jobs.get(job.token) is job and job.easy is not None and job.shard is not None:
            job.easy.curl.unpause()
            job.shard.is_ready = True

    # Silence. httplib2's timeout is for each connect and each wait for bytes, not for the whole.

    def _time(self, job: Job[Token], timeout: float) -> None:
        job.last_moved = time.monotonic()
        self._look_after(timeout / TICKS, job, timeout)

    def _look_after(self, pause: float, job: Job[Token], timeout: float) -> None:
        due = time.monotonic() + pause
        job.timer = self._timers.after(pause, partial(self._look_at, job, timeout, due))

    def _look_at(self, job: Job[Token], timeout: float, due: float) -> None:
        now = time.monotonic()
        job.last_moved += now - due  # that was not silence: this thread was kept from listening
        if job.easy is not None:
            job.last_moved = max(job.last_moved, self._last_moved(job, job.easy))
        left = job.last_moved + timeout - now
        if left <= 0:
            self._end(job, self._timed_out(job))
        else:
            self._look_after(min(left, timeout / TICKS), job, timeout)

    def _timed_out(self, job: Job[Token]) -> Exception:
        if job.easy is None:
            return TimeoutError("timed out")
        return job.easy.timed_out(job.transfer)

    def _last_moved(self, job: Job[Token], easy: Easy) -> float:
        """When bytes last moved: to the microsecond for a socket of its own, else to a tick."""
        progress, job.progress = job.progress, easy.progress()
        if (fd := easy.own_socket()) in self._moved:
            return self._moved[fd]
        return job.last_moved if progress == job.progress else time.monotonic()

    # Turn by turn.

    def run(self) -> None:
        """The I/O thread."""
        note_thread()
        with self.resting:
            if self._begun:
                return
            self._begun = True
            self.thread = threading.get_ident()
            try:
                while not self._may_end():
                    self._turn()
            except BaseException as error:  # noqa: BLE001  # raised again
                trace = error.__traceback__
                self._fail(error)
                raise error.with_traceback(trace) from None
            finally:
                self.thread = 0  # another may get the same identity
                self._tell_those_who_wait()
                self._close()

    def run_until(self, is_over: Callable[[Callable[[], object]], bool]) -> None:
        """The same on the thread of a caller, who waits for nothing else: see callers.py."""
        note_thread()
        with self.resting:
            try:
                self._catch_up()
                while self.has_work or not is_over(self._nudge):
                    self._look_around(self._poll(self._pause(GLANCE)))
                    self._catch_up()
            except BaseException:  # Ctrl-C: nobody knows how far anything is
                self.discard()
                raise

    def _nudge(self) -> None:
        """From any thread: have it ask again."""
        self.post(self._obey)

    @property
    def has_work(self) -> bool:
        """Whether anything is under way, or to begin."""
        return bool(self._jobs or self._commands)

    def _catch_up(self) -> None:
        """What is to begin goes out before the next poll."""
        self._obey()
        self._act()
        self._deliver()

    def _may_end(self) -> bool:
        if not self._leaving or self._jobs:
            return False
        with self._posting:
            self._over = not self._commands
            return self._over

    def _turn(self) -> None:
        pause = self._pause(LONG)
        if pause != 0:
            self.thread = 0  # a finalizer may come between this and the poll
            self._tell_those_who_wait()
        ready = self._poll(pause)
        self.thread = threading.get_ident()
        self._look_around(ready)
        self._catch_up()
        if self._delivered_at and time.monotonic() - self._delivered_at > LATEST:
            self._tell_those_who_wait()

    def _obey(self) -> None:
        commands = self._commands
        if commands:
            self._telling = log.telling()
        while commands:
            command, arguments = commands.popleft()
            command(*arguments)

    def _pause(self, longest: float) -> float:
        """Seconds for which nothing is to be done."""
        if self._commands:
            return 0
        due = [longest, self._timers.pause()] if self._timers.heap else [longest]
        for shard in self._shards:
            if shard.under_way and (pause := shard.pause()) >= 0:
                shard.is_ready = shard.is_ready or pause == 0
                due.append(pause / 1000)
        return min(due)

    def _poll(self, pause: float) -> Sequence[int]:
        if pause == 0:
            return self._poller.poll(0)
        self._asleep = True
        if self._commands:  # posted before it was said that a wake-up is needed
            self._asleep = False
            return ()
        try:
            self.resting.release()  # within: Ctrl-C can come after any call
            return self._poller.poll(pause)
        finally:
            try:
                self.resting.acquire()
            except BaseException:  # Ctrl-C, while somebody forks
                self.resting.acquire()
                raise
            finally:
                self._asleep = False

    def _look_around(self, ready: Sequence[int]) -> None:
        if self._timers.heap:
            self._moved.update(dict.fromkeys(ready, time.monotonic()))
        for fd in ready:
            if (shard := self._owners.get(fd)) is not None:
                shard.is_ready = True
        if not self._timers.pause():  # libcurl's timers go before ours: it knows how far it came
            for shard in self._shards:
                shard.is_ready = shard.is_ready or (bool(shard.under_way) and shard.pause() == 0)

    def _act(self) -> None:
        for shard in self._shards:
            if shard.is_ready:
                shard.act()
                if shard.resolving:
                    self._opened.update(shard.resolver())
                if self._opened:
                    self._watch_new_sockets(shard)

    def _deliver(self) -> None:
        for shard in self._shards:
            for job, code, message in shard.take_ended():
                self._end(job, self._outcome(job, code, message))
        if self._timers.heap:
            self._timers.run_due()  # after that: what has been answered is not late

    def _outcome(self, job: Job[Token], code: int, message: str) -> Reply | Exception:
        easy = job.easy
        assert easy is not None  # it was in libcurl
        if code:
            return easy.error(code, message, job.transfer)
        if job.transfer.tls is not None:
            self._pioneers.learn(job, easy.is_http2())
        return easy.reply()

    def _tell_those_who_wait(self) -> None:
        self._delivered_at = 0.0
        self._receiver.about_to_block()

    # The end.

    def _fail(self, error: BaseException) -> None:
        """A defect of ours: nobody may wait for ever because of it."""
        with self._posting:
            self._over = True
        self._obey()
        for job in list(self._jobs.values()):
            self._end(job, error)

    def _close(self) -> None:
        note_thread()
        for shard in self._shards:
            shard.close()
        for easy in self._pooled():
            easy.curl.close()
        self._poller.close()

    def _pooled(self) -> list[Easy]:
        return [easy for pooled in self._pool.values() for easy in pooled]

    def park(self) -> None:
        """Never let the I/O thread on again: the interpreter is about to go."""
        self.resting.acquire(timeout=1)
        with self._posting:
            self._over = True

    def dismiss(self) -> None:
        """It is not to be used: have it end, or never begin, if it has not."""
        with self.resting:
            begun, self._begun = self._begun, True
        if begun:
            self.post(self.leave)
        else:
            self.discard()

    def discard(self) -> None:
        """It has no thread to run on, or none any more."""
        with self._posting:  # or somebody might wake a poller that is closed
            if self._over:
                return
            self._over = True
        self._close()

    def abandon(self) -> None:
        """In a forked child: never free libcurl's handles, which would speak to the parent's peers.

        Freeing one sends TLS close_notify on a socket that is the parent's too.
        """
        if self._over:
            return  # and closed: others may have its descriptors' numbers by now
        handles = [handle for shard in self._shards for handle in shard.handles()]
        for handle in [*handles, *(easy.curl for easy in self._pooled())]:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(handle))
        self._close_sockets()
        self._poller.close()

    def _close_sockets(self) -> None:
        """In a forked child: what the parent closes would else stay open as long as this lives."""
        for fd, identity in self._sockets.items():
            with suppress(OSError):  # the parent had closed it
                if _identity(fd) == identity:
                    os.close(fd)


def _identity(fd: int) -> tuple[int, int]:
    """What tells it from another that has the same number later."""
    status = os.fstat(fd)
    return status.st_dev, status.st_ino
