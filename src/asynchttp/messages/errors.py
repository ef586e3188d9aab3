"""Exceptions for cases unknown to httplib2. All other errors are httplib2's or Python's classes."""

from __future__ import annotations

import http.client

import httplib2


class LostInForkError(httplib2.HttpLib2Error):
    """The request was pending when the process forked: only the parent process continues."""


class ContentTooLargeError(httplib2.HttpLib2Error):
    """The content has more bytes than `max_content` allows."""

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit

    def __str__(self) -> str:
        return f"The content has more than {self.limit} bytes (max_content)"


class BodySpentError(httplib2.HttpLib2Error):
    """A redirect or a challenge asks for the body again, and the body can be read only once."""

    def __str__(self) -> str:
        return (
            "The body is an iterator that has been read, and cannot be sent again, as a redirect"
            " or a challenge demands. Give bytes, a file, or an iterable with its own __iter__."
        )


class RequestTimeoutError(TimeoutError):
    """The time for the request ran out (`timeout`): the request has failed."""


def is_own_timeout(error: BaseException) -> bool:
    """Whether `error` means that a client's own `timeout` ran out. The system's ETIMEDOUT is a
    TimeoutError with an errno.
    """
    return type(error) is TimeoutError and error.errno is None


class ResultTimeoutError(TimeoutError):
    """The time for a look ran out (`promise.result(2)`): the request is pending, and goes on."""


class MalformedAnswerError(http.client.BadStatusLine):
    """An answer had begun, but breaks HTTP's rules."""


class CutConnectionError(http.client.RemoteDisconnected):
    """A TLS connection ended without a close_notify alert, before an answer had begun."""


class StaleConnectionError(ConnectionResetError):
    """A kept connection was reset before an answer had begun."""


class RefusedStreamError(ConnectionRefusedError):
    """The server refused an HTTP/2 stream, without processing the request (RFC 9113, 8.7)."""
