"""The result of an ended transfer: a Reply, or the exception to raise.

The core gives the kind of outcome (OUTCOME_... of core.h), and libcurl the reason: a code and a
message (curl_errors.py).
"""

from __future__ import annotations

import http.client
from copy import copy
from http.client import responses
from typing import NamedTuple

import httplib2
import pycurl
from httplib2.decode import DecodeLimitError, DecodeRatioError

from .. import _core
from ..messages.errors import (
    ContentTooLargeError,
    MalformedAnswerError,
    RefusedStreamError,
    RequestTimeoutError,
    StaleConnectionError,
    is_own_timeout,
)
from ..messages.response import Response
from ..messages.transfer import Reply, Transfer
from ..messages.uri import masked
from .curl_errors import CurlError, exception_of
from .curl_options import route_to
from .resolver import RAISED, lookup_exception

# OutcomeKind of core.h, without the timeouts that no option sets yet.
ANSWERED, FAILED, NOT_FOUND, SILENT, CUT_HEAD, BAD_HEAD, BAD_CONTENT, REFUSED = range(8)

LENGTH_TOO_LARGE, TOO_MANY_INTERIM = 1, 2  # HeadFault of core.h
OVER_HARD, OVER_RATIO, OVER_CONTENT = 2, 3, 4  # DecodeResult of decode.h

REFUSED_WORDS = (
    "the server refused the HTTP/2 stream without processing the request"
    " (REFUSED_STREAM, or GOAWAY with a lower stream identifier)"
)

LONGEST_URL = 8_000_000  # characters that libcurl takes (CURL_MAX_INPUT_LENGTH)

BROKEN = (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING)


class TransferError(NamedTuple):
    """The fields of TransferError of core.h."""

    code: int
    message: str
    os_errno: int
    verify_result: int
    connect_code: int
    """The status of an HTTP proxy's answer to CONNECT."""
    request_size: int
    length: int
    """The bytes of the content by Content-Length; -1 without the field."""
    is_connected: bool
    is_reused: bool
    """Whether the request was sent on an HTTP/1 connection that had been used before."""
    has_begun: bool
    """Whether bytes had come before an HTTP/1 connection ended."""
    consumed: int
    """Received bytes of an encoded content; 0 for other contents."""
    produced: int
    """Decoded bytes of an encoded content; 0 for other contents."""


def outcome_of(work: _core.Work, transfer: Transfer) -> Reply | BaseException:
    """The reply to `transfer`, or the exception to raise."""
    if work._get_outcome() == ANSWERED:
        return reply_of(work)
    fields = work._get_error()
    if fields is None:
        return MemoryError("no memory for the transfer")
    return _exception_of(work, TransferError(*fields), transfer)


def reply_of(work: _core.Work) -> Reply:
    """The reply to a transfer whose outcome is ANSWERED."""
    return Reply(work._get_status(), work._get_head(), work._get_content(), work._get_is_decoded())


def _exception_of(work: _core.Work, error: TransferError, transfer: Transfer) -> BaseException:
    outcome = work._get_outcome()
    if outcome == NOT_FOUND:
        return _not_found(error.code, transfer)
    if outcome == CUT_HEAD:
        return http.client.IncompleteRead(b"")
    if outcome == BAD_HEAD:
        return _bad_head(work, error.code)
    if outcome == BAD_CONTENT:
        return _bad_content(work, error, transfer)
    if outcome == REFUSED:
        return RefusedStreamError(REFUSED_WORDS)
    return _failed(work, error, transfer)


def _not_found(code: int, transfer: Transfer) -> BaseException:
    route = transfer.authority, transfer.tls is not None, transfer.proxy
    for host in route_to(*route, looks_up_all=True).hosts:
        if code == RAISED and (raised := lookup_exception(host)) is not None:
            return copy(raised)  # a copy for each request, which gets notes about the request
    hosts = route_to(*route).hosts
    name = hosts[0].name if hosts else transfer.authority
    return httplib2.ServerNotFoundError(f"Unable to find the server at {name}")


def _bad_head(work: _core.Work, code: int) -> Exception:
    if code == TOO_MANY_INTERIM:
        return http.client.HTTPException("too many interim responses (1xx)")
    if code == LENGTH_TOO_LARGE:
        return MalformedAnswerError("Content-Length is too large")
    line = work._get_head().partition(b"\n")[0]
    return MalformedAnswerError(line.decode("latin-1").strip())


def _bad_content(work: _core.Work, error: TransferError, transfer: Transfer) -> Exception:
    """The exception with httplib2's class and message."""
    limits = transfer.decode_limits
    consumed, produced = error.consumed, error.produced
    if error.code == OVER_CONTENT:
        return ContentTooLargeError(limits.content)
    if error.code == OVER_HARD:
        return DecodeLimitError(f"Output length {produced} exceeds hard limit {limits.hard}")
    if error.code == OVER_RATIO:
        ratio = produced / consumed if consumed else float("inf")
        return DecodeRatioError(
            f"Amplification ratio {ratio:.1f} ({produced}/{consumed}) exceeds limit {limits.ratio}"
        )
    response = Response.parse(work._get_head())
    coding = response.get("content-encoding")
    return httplib2.FailedToDecompressContent(
        f"Content purported to be compressed with {coding} but failed to decompress.",
        response,
        "",
    )


def _failed(work: _core.Work, error: TransferError, transfer: Transfer) -> Exception:
    if work._get_outcome() == SILENT and not error.message:
        return _timed_out(transfer)  # in a lookup, or before an origin's first connection
    if error.code == pycurl.E_BAD_FUNCTION_ARGUMENT and len(transfer.url) > LONGEST_URL:
        return http.client.InvalidURL(f"uri: it has more than {LONGEST_URL:,} characters")
    exception = exception_of(_curl_error(work, error, transfer))
    if error.code in BROKEN and not work._get_head():
        return _ended(exception, error, transfer)
    return _timed_out(transfer) if is_own_timeout(exception) else exception


def _ended(exception: Exception, error: TransferError, transfer: Transfer) -> Exception:
    """The exception for a connection that ended before the first line of an answer was complete."""
    if isinstance(exception, http.client.RemoteDisconnected):
        # The bytes at the end of a TLS connection are a close_notify alert.
        if error.has_begun and transfer.tls is None:
            return MalformedAnswerError("the connection closed within the answer's first line")
    elif isinstance(exception, ConnectionError) and error.is_reused and not error.has_begun:
        return StaleConnectionError(*exception.args)
    return exception


def _timed_out(transfer: Transfer) -> RequestTimeoutError:
    clock = "" if transfer.timeout is None else f" (timeout={transfer.timeout} seconds)"
    return RequestTimeoutError(f"timed out: {transfer.method} {masked(transfer.url)}{clock}")


def _curl_error(work: _core.Work, error: TransferError, transfer: Transfer) -> CurlError:
    status = error.connect_code if transfer.proxy is not None else 0
    failed_at_proxy = transfer.proxy is not None and not error.request_size and status != 200
    return CurlError(
        error.code,
        "timed out" if work._get_outcome() == SILENT else error.message,
        transfer.authority,
        error.os_errno,
        error.verify_result,
        work._get_head().startswith(b"HTTP/"),
        work._get_content(),
        _missing(work, error),
        transfer.proxy if failed_at_proxy else None,
        error.is_connected,
        f"{status}: {responses.get(status, '')}\n" if status not in (0, 200) else "",
    )


def _missing(work: _core.Work, error: TransferError) -> int | None:
    received = error.consumed or len(work._get_content())
    return error.length - received if error.length >= 0 else None
