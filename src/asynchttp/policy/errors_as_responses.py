"""Errors as responses: httplib2's rules for `force_exception_to_status_code`."""

from __future__ import annotations

from typing import Any

import httplib2

from ..messages.response import Response


def as_response(error: Exception) -> tuple[Response, bytes]:
    """The response and content in place of `error`: status 500, 408 or 400."""
    if isinstance(error, httplib2.HttpLib2ErrorWithResponse):
        response = Response(error.response or {})
        vars(response).update(getattr(error.response, "__dict__", {}))
        response.status, response.reason = 500, str(error)
        return response, _bytes(error.content)
    if isinstance(error, TimeoutError):
        return _plain_text(408, "Request Timeout", b"Request Timeout")
    return _plain_text(400, "Bad Request", str(error).encode("utf-8"))


def _bytes(content: str | bytes | None) -> bytes:
    """httplib2 has text in place of missing content."""
    return content if isinstance(content, bytes) else (content or "").encode()


def _plain_text(status: int, reason: str, content: bytes) -> tuple[Response, bytes]:
    response = Response({"content-type": "text/plain", "status": str(status)})
    length: Any = len(content)  # Any: an int, as in httplib2
    response["content-length"] = length
    response.reason = reason
    return response, content
