"""The exceptions that httplib2 has no name for. All others are httplib2's and Python's own."""

from __future__ import annotations

import http.client

import httplib2


class LostInForkError(httplib2.HttpLib2Error):
    """The request was pending when the process forked: only the parent goes on with it."""


class UnsupportedAuthError(httplib2.HttpLib2Error):
    """The server asks for an authentication that there is no more."""


class MalformedAnswerError(http.client.BadStatusLine):
    """An answer had begun, but breaks HTTP's rules."""


class StaleConnectionError(ConnectionResetError):
    """A connection that had been used before was found closed. Tried again, so seen by nobody."""
