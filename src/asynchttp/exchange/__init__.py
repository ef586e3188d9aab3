"""What a request means: decisions, written as generators that do no I/O.

An exchange yields each Transfer that has to be made and is sent the Reply, or thrown what went
wrong; it returns the Answer. It neither knows nor cares who moves the bytes, and is tested with
`next` and `send`:

    redirects > transfer          (cache, auth and retry take their places between them)

Rules:
- No sockets, threads, clocks or pycurl here; each policy is written once and reads on its own.
- httplib2 is the oracle: what it would do with the same replies is what happens.
"""

from __future__ import annotations

from collections.abc import Generator

from ..model import Reply, Request, Settings, Transfer
from ..response import Answer
from .redirects import follow_redirects

Exchange = Generator[Transfer, Reply, Answer]


def exchange(request: Request, settings: Settings) -> Exchange:
    """All that has to happen for `request`."""
    return follow_redirects(request, settings)
