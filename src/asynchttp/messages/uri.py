"""Which URIs are normal (RFC 3986, 6.2.2), and go out as given.

`exchange.transfer` normalizes the other URIs, as httplib2 does.
"""

from __future__ import annotations

from .._core import origin_of

__all__ = ("origin_of",)
