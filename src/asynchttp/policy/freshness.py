"""Freshness of cache entries (RFC 9111, 4.2): httplib2's rules, with two additions.

- Age counts (4.2.3). httplib2 takes the time since Date for the age.
- An entry whose dates cannot be read is stale (4.2). httplib2's functions raise exceptions.
"""

from __future__ import annotations

import copy
import re
from calendar import timegm
from email.utils import formatdate, parsedate_tz

from . import httplib2_rules
from .cache_entry import Entry

UNREADABLE = (TypeError, ValueError, ArithmeticError, LookupError)  # of any text for a date
AGE = re.compile(r"\s*([0-9]+)\s*(?:,|$)")  # of a list the first member counts (5.1)
OLDEST = 2**31  # seconds (1.2.2)


def disposition(entry: Entry, headers: dict[str, str]) -> str:
    """FRESH, STALE or TRANSPARENT: serve the entry, validate it, or ignore the cache."""
    try:
        return httplib2_rules.disposition(_aged(entry), headers)
    except UNREADABLE:
        return "STALE"


def _aged(entry: Entry) -> httplib2_rules.Fields:
    """The fields, with Date and Expires as much earlier as the entry is older than Date says."""
    age, date = AGE.match(entry.info.get("age", "")), _time(entry.info.get("date", ""))
    if age is None or date is None:
        return entry.info
    now = httplib2_rules.now()
    since = now if entry.asked_at is None else entry.asked_at  # httplib2 does not store the time
    current = min(float(age[1]), OLDEST) + max(0.0, now - since)
    excess = current - max(0.0, now - date)
    return _earlier(entry.info, excess) if excess > 0 else entry.info


def _earlier(info: httplib2_rules.Fields, seconds: float) -> httplib2_rules.Fields:
    earlier = copy.deepcopy(info)
    for name in ("date", "expires"):
        time = _time(info.get(name, ""))
        if time is not None:
            earlier.replace_header(name, formatdate(time - seconds, usegmt=True))
    return earlier


def _time(date: str) -> int | None:
    """Seconds since the epoch, as httplib2 counts them, or None for an invalid date."""
    try:
        return timegm(parsedate_tz(date))  # type: ignore[arg-type]  # None raises a TypeError
    except UNREADABLE:
        return None
