"""The exceptions that httplib2 has no name for. All others are httplib2's and Python's own."""

from __future__ import annotations

import httplib2


class LostInForkError(httplib2.HttpLib2Error):
    """The request was pending when the process forked: only the parent goes on with it."""
