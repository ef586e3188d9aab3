"""Names: host names looked up by `socket.getaddrinfo`, each on a thread of its own.

libcurl has a few threads for all lookups: ten that hang delay every other host, and closing its
handle waits for them. Here a dead name server stalls only those who asked it; libcurl is handed the
addresses.

Rules:
- Addresses are good for a minute. For one more they are used while a fresh lookup runs in the
  background; and they stay when that lookup fails (RFC 8767).
- A thread that hangs in the system's resolver cannot be ended, so nobody waits for it.
"""

from __future__ import annotations

import ipaddress
import socket
import time
import urllib.parse
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

import httplib2

from ..model import Proxy
from ..threads import OwnThread

FRESH, STALE = 60.0, 120.0  # seconds


class Host(NamedTuple):
    """Where to connect to."""

    name: str
    port: int


class Known(NamedTuple):
    """What a lookup found."""

    addresses: tuple[str, ...]
    since: float


Found = tuple[str, ...] | Exception


@lru_cache(maxsize=1024)
def hosts_to(authority: str, default_port: int, proxy: Proxy | None) -> Sequence[Host]:
    """The hosts that have to be looked up here before libcurl can go to `authority`."""
    if proxy is None:
        target = host_of(authority, default_port)
        return () if target is None else (target,)
    found = host_of(f"{proxy.host}:{proxy.port}", 0) if ":" not in proxy.host else None
    looked_up = () if found is None else (found,)
    return (*looked_up, _target(authority, default_port)) if proxy.wants_address else looked_up


def _target(authority: str, default_port: int) -> Host:
    """Whom it is for, a name or an address."""
    parts = urllib.parse.urlsplit(f"//{authority}")
    return Host(parts.hostname or "", parts.port or default_port)


def first_for(proxy: Proxy, addresses: tuple[str, ...]) -> str:
    """The address to tell a proxy; SOCKS4 knows those of IPv4 only."""
    return (
        next((each for each in addresses if ":" not in each), addresses[0])
        if (proxy.scheme == "socks4")
        else addresses[0]
    )


def host_of(authority: str, default_port: int) -> Host | None:
    """The host that has to be looked up for `authority`; None for an address, or localhost."""
    name, _, port = authority.rpartition(":") if _has_port(authority) else (authority, "", "")
    return None if _needs_no_lookup(name) else Host(name, int(port or default_port))


def _has_port(authority: str) -> bool:
    return authority.rpartition(":")[2].isdigit() and not authority.endswith("]")


def _needs_no_lookup(name: str) -> bool:
    if name == "localhost" or name.startswith("["):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class Names:
    """Knows the addresses of hosts, or finds them out.

    `tell(host, found)` is called on the lookup's thread.
    """

    def __init__(self, tell: Callable[[Host, Found], object]) -> None:
        self._tell = tell
        self._known: dict[Host, Known] = {}
        self._asked: set[Host] = set()

    def addresses(self, host: Host) -> tuple[str, ...] | None:
        """The addresses, or None while they are looked up."""
        known = self._known.get(host)
        age = time.monotonic() - known.since if known else STALE
        if age >= FRESH:
            self._ask(host)
        return known.addresses if known and age < STALE else None

    def learn(self, host: Host, found: Found) -> Found:
        """Take note of what a lookup found; what to go by now."""
        self._asked.discard(host)
        if not isinstance(found, tuple) and host in self._known:
            found = self._known[host].addresses
        if isinstance(found, tuple):
            self._known[host] = Known(found, time.monotonic())
        return found

    def _ask(self, host: Host) -> None:
        if host not in self._asked:
            self._asked.add(host)
            self._look_up_elsewhere(host)

    def _look_up_elsewhere(self, host: Host) -> None:
        try:
            OwnThread(partial(self._look_up, host), f"lookup {host.name}").start()
        except RuntimeError:  # no thread to be had: others have to wait
            self._look_up(host)

    def _look_up(self, host: Host) -> None:
        found: Found
        try:
            found = _resolve(host)
        except socket.gaierror:
            found = httplib2.ServerNotFoundError(f"Unable to find the server at {host.name}")
        except Exception as error:  # noqa: BLE001  # a name that cannot be one: UnicodeError and its like
            found = error
        self._tell(host, found)


def _resolve(host: Host) -> tuple[str, ...]:
    infos = socket.getaddrinfo(host.name, host.port, 0, socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(info[4][0]) for info in infos))
