"""The one table from libcurl's error codes to the exceptions that httplib2's callers catch.

no such host                ServerNotFoundError
refused, unreachable ...    OSError and its kin, by errno (ConnectionRefusedError, ...)
timed out                   TimeoutError, which is socket.timeout
certificate not accepted    ssl.SSLCertVerificationError
other trouble with TLS      ssl.SSLError
closed before an answer     http.client.RemoteDisconnected
closed in the middle        http.client.IncompleteRead
not HTTP                    http.client.BadStatusLine
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import ssl
from collections.abc import Callable
from typing import NamedTuple

import httplib2
import pycurl


class Trouble(NamedTuple):
    """Why a transfer failed, as libcurl tells it."""

    code: int
    message: str
    host: str
    os_errno: int
    """What the system said, 0 if it was not asked."""
    verify_result: int
    """OpenSSL's verdict on the certificate (X509_V_ERR_...), 0 if it was fine."""
    received: bytes
    """The part of the body that came."""


def exception_of(trouble: Trouble) -> Exception:
    """The exception for `trouble`; an OSError with libcurl's message where there is no better."""
    return _TABLE.get(trouble.code, _other)(trouble)


def _other(trouble: Trouble) -> Exception:
    return OSError(trouble.os_errno or errno.EIO, trouble.message)


def _no_such_host(trouble: Trouble) -> Exception:
    return httplib2.ServerNotFoundError(f"Unable to find the server at {trouble.host}")


def _not_connected(trouble: Trouble) -> Exception:
    number = trouble.os_errno or errno.ECONNREFUSED
    return OSError(number, os.strerror(number))


def _timed_out(trouble: Trouble) -> Exception:
    return TimeoutError("timed out")


def _reset(trouble: Trouble) -> Exception:
    number = trouble.os_errno or errno.ECONNRESET
    return OSError(number, os.strerror(number))


def _not_verified(trouble: Trouble) -> Exception:
    error = ssl.SSLCertVerificationError(1, f"certificate verify failed: {trouble.message}")
    error.library, error.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"
    error.verify_code, error.verify_message = trouble.verify_result, trouble.message
    return error


def _tls(trouble: Trouble) -> Exception:
    error = ssl.SSLError(1, trouble.message)
    # OpenSSL's own wording: error:0A00010B:SSL routines::wrong version number
    said = re.search(r"error:[0-9A-F]+:([^:]*):[^:]*:([^:]*)$", trouble.message)
    error.library = "SSL"
    error.reason = said[2].strip().upper().replace(" ", "_") if said else trouble.message
    return error


def _no_ca_file(trouble: Trouble) -> Exception:
    return OSError(trouble.os_errno or errno.ENOENT, trouble.message)


def _disconnected(trouble: Trouble) -> Exception:
    return http.client.RemoteDisconnected("Remote end closed connection without response")


def _incomplete(trouble: Trouble) -> Exception:
    missing = re.search(r"with (\d+) bytes remaining", trouble.message)
    return http.client.IncompleteRead(trouble.received, int(missing[1]) if missing else None)


def _not_http(trouble: Trouble) -> Exception:
    return http.client.BadStatusLine(trouble.message)


def _line_too_long(trouble: Trouble) -> Exception:
    return http.client.LineTooLong("header line")


def _bad_url(trouble: Trouble) -> Exception:
    return http.client.InvalidURL(trouble.message)


def _no_memory(trouble: Trouble) -> Exception:
    return MemoryError(trouble.message)


_TABLE: dict[int, Callable[[Trouble], Exception]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: _no_such_host,
    pycurl.E_COULDNT_CONNECT: _not_connected,
    pycurl.E_OPERATION_TIMEDOUT: _timed_out,
    pycurl.E_RECV_ERROR: _reset,
    pycurl.E_SEND_ERROR: _reset,
    pycurl.E_HTTP2: _reset,
    pycurl.E_PEER_FAILED_VERIFICATION: _not_verified,
    pycurl.E_SSL_CONNECT_ERROR: _tls,
    pycurl.E_SSL_CERTPROBLEM: _tls,
    pycurl.E_SSL_CIPHER: _tls,
    pycurl.E_SSL_CACERT_BADFILE: _no_ca_file,
    pycurl.E_GOT_NOTHING: _disconnected,
    pycurl.E_PARTIAL_FILE: _incomplete,
    pycurl.E_UNSUPPORTED_PROTOCOL: _not_http,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: _not_http,
    pycurl.E_URL_MALFORMAT: _bad_url,
    pycurl.E_OUT_OF_MEMORY: _no_memory,
    92: _reset,  # CURLE_HTTP2_STREAM, which pycurl does not name
    100: _line_too_long,  # CURLE_TOO_LARGE, neither
}
