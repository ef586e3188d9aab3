"""URIs that go out as they are given: most do, and need no other look.

RFC 3986, 6.2.2, says what else is the same: httplib2 and `exchange.transfer` normalize the others.
"""

from __future__ import annotations

from ._core import origin_of

__all__ = ("origin_of",)
