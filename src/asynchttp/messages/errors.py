"""Exceptions for cases unknown to httplib2. All other errors are httplib2's or Python's classes."""

from __future__ import annotations

import http.client

import httplib2


class LostInForkError(httplib2.HttpLib2Error):
    """The request was pending when the process forked: only the parent process continues."""


class UnsupportedAuthError(httplib2.HttpLib2Error):
    """The server asks for an authentication scheme that no longer exists."""


class MalformedAnswerError(http.client.BadStatusLine):
    """An answer had begun, but breaks HTTP's rules."""


class StaleConnectionError(ConnectionResetError):
    """A connection ended, or the server refused a stream, before an answer had begun.

    The request is sent once more; raised when that fails in the same way.
    """
