"""The origin of a URI in normal form (RFC 3986, 6.2.2), which is sent as given.

`wire.hop_to` normalizes all other URIs, as httplib2 does.
"""

from __future__ import annotations

from .._core import origin_of

__all__ = ("origin_of",)
