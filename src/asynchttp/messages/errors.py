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
    """A connection ended, or the server refused a stream, before an answer had begun.

    The request is sent once more; raised when that fails in the same way.
    """
