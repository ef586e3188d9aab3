"""What a transfer that has ended comes to: a Reply, or the exception to raise.

The core says what happened (OUTCOME_... of core.h), libcurl why (its code and words: trouble.py).
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
from ..messages.errors import MalformedAnswerError, StaleConnectionError
from ..messages.response import Response
from ..messages.transfer import Reply, Transfer
from .curl_errors import CurlError, exception_of
from .curl_options import way_to
from .resolver import RAISED, raised_for

ANSWERED, FAILED, NOT_FOUND, SILENT, CUT_HEAD, BAD_HEAD, BAD_CONTENT, RESENT = range(8)

OVER_HARD, OVER_RATIO = 2, 3  # DecodeResult of decode.h

BROKEN = (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING)


class TransferError(NamedTuple):
    """The fields of TransferError of core.h."""

    code: int
    message: str
    os_errno: int
    verify_result: int
    connect_code: int
    """What an HTTP proxy answered when it was asked for a tunnel."""
    request_size: int
    length: int
    """Of the content, as announced; -1 if it was not."""
    is_connected: bool
    is_reused: bool
    """Whether the connection had been used before."""
    consumed: int
    produced: int
    """Bytes of a content that is decoded: as it came, and decoded. 0 for other contents."""


def outcome_of(work: _core.Work, transfer: Transfer) -> Reply | BaseException:
    """The reply to `transfer`, or why there is none."""
    if work._get_outcome() == ANSWERED:
        return reply_of(work)
    fields = work._get_error()
    if fields is None:
        return MemoryError("no memory for the transfer")
    return _exception_of(work, TransferError(*fields), transfer)


def reply_of(work: _core.Work) -> Reply:
    """The answer to a transfer that was answered."""
    return Reply(work._get_status(), work._get_head(), work._get_content(), work._get_is_decoded())


def _exception_of(work: _core.Work, error: TransferError, transfer: Transfer) -> BaseException:
    outcome = work._get_outcome()
    if outcome == NOT_FOUND:
        return _not_found(error.code, transfer)
    if outcome == CUT_HEAD:
        return http.client.IncompleteRead(b"")
    if outcome == BAD_HEAD:
        line = work._get_head().partition(b"\n")[0]
        return MalformedAnswerError(line.decode("latin-1").strip())
    if outcome == BAD_CONTENT:
        return _bad_content(work, error, transfer)
    if outcome == RESENT:
        return StaleConnectionError("the server closed the connection")
    return _failed(work, error, transfer)


def _not_found(code: int, transfer: Transfer) -> BaseException:
    hosts = way_to(transfer.authority, transfer.tls is not None, transfer.proxy).hosts
    for host in hosts:
        if code == RAISED and (raised := raised_for(host)) is not None:
            return copy(raised)  # each of its own, which says what request it was
    name = hosts[0].name if hosts else transfer.authority
    return httplib2.ServerNotFoundError(f"Unable to find the server at {name}")


def _bad_content(work: _core.Work, error: TransferError, transfer: Transfer) -> Exception:
    """As httplib2 says it."""
    limits = transfer.decode_limits
    consumed, produced = error.consumed, error.produced
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
        return TimeoutError("timed out")  # waiting for a name, or for an origin's first connection
    if error.code in BROKEN and error.is_reused and not work._get_head():
        return StaleConnectionError("the server had closed the connection")
    return exception_of(_trouble(work, error, transfer))


def _trouble(work: _core.Work, error: TransferError, transfer: Transfer) -> CurlError:
    answer = error.connect_code if transfer.proxy is not None else 0
    before = transfer.proxy is not None and not error.request_size and answer != 200
    return CurlError(
        error.code,
        "timed out" if work._get_outcome() == SILENT else error.message,
        transfer.authority,
        error.os_errno,
        error.verify_result,
        work._get_head().startswith(b"HTTP/"),
        work._get_content(),
        _missing(work, error),
        transfer.proxy if before else None,
        error.is_connected,
        f"{answer}: {responses.get(answer, '')}\n" if answer not in (0, 200) else "",
    )


def _missing(work: _core.Work, error: TransferError) -> int | None:
    came = error.consumed or len(work._get_content())
    return error.length - came if error.length >= 0 else None
