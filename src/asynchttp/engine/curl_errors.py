"""The one table from libcurl's error codes to the exceptions that httplib2's callers catch.

no such host                ServerNotFoundError
refused, unreachable ...    OSError and its kin, by errno (ConnectionRefusedError, ...)
timed out                   TimeoutError, which is socket.timeout
certificate not accepted    ssl.SSLCertVerificationError
other trouble with TLS      ssl.SSLError
closed before an answer     http.client.RemoteDisconnected
closed in the middle        http.client.IncompleteRead
not HTTP                    http.client.BadStatusLine

libcurl's errno is that of the last system call that failed, which may be one that did no harm (the
first address of localhost refused, the second did not). It counts where the message says the same.
"""

from __future__ import annotations

import errno
import http.client
import os
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import httplib2
import pycurl

from ..messages.errors import MalformedAnswerError
from ..messages.transfer import Proxy


class CurlError(NamedTuple):
    """Why a transfer failed, as libcurl tells it."""

    code: int
    message: str
    host: str
    os_errno: int
    """What the system said, 0 if it was not asked."""
    verify_result: int
    """OpenSSL's verdict on the certificate (X509_V_ERR_...), 0 if it was fine."""
    begun: bool
    """Whether an answer had begun to come."""
    received: bytes
    """The part of the content that came, decoded where the coding is known."""
    missing: int | None = None
    """How many bytes of the content, as it was announced, did not come; None: no length was."""
    proxy: Proxy | None = None
    """The proxy, if it did not even come to the request."""
    connected: bool = False
    """Whether there was a connection to the proxy."""
    tunnel: str = ""
    """What an HTTP proxy answered when it was asked for a tunnel, if that was no."""


def exception_of(trouble: CurlError) -> Exception:
    """The exception for `trouble`; an OSError with libcurl's message where there is no better."""
    if trouble.proxy is not None and trouble.code not in _TLS:
        return _proxy_error(trouble.proxy, trouble)
    return _TABLE.get(trouble.code, _other)(trouble)


_socks: Any = getattr(httplib2, "socks", None)  # Any: PySocks, if it is there, has no types


def _proxy_error(proxy: Proxy, trouble: CurlError) -> Exception:
    """PySocks's, as httplib2's callers know them, or else a ConnectionError."""
    name = f"{proxy.scheme.upper().rstrip('AH')} proxy {proxy.host}:{proxy.port}"
    if not trouble.connected:
        kind, text = "ProxyConnectionError", f"Error connecting to {name}"
    else:
        kind, text = "GeneralProxyError", "Socket error"
    cause = _cause(trouble)
    if _socks is None:
        return ConnectionError(f"{text}: {cause}")
    error: Exception = getattr(_socks, kind)(text, cause)
    return error


def _cause(trouble: CurlError) -> Exception:
    if trouble.tunnel:
        return _of_pysocks("HTTPError", trouble.tunnel)
    if trouble.code == _PROXY:
        return _refusal(trouble.message)
    return _TABLE.get(trouble.code, _other)(trouble)


def _refusal(message: str) -> Exception:
    """What a SOCKS proxy said, in PySocks's words."""
    if "rejected by the SOCKS5" in message:
        return _of_pysocks("SOCKS5AuthError", "SOCKS5 authentication failed")
    if refused := _REFUSED.search(message):
        version, code = refused[1], int(refused[2])
        said = getattr(_socks, f"SOCKS{version}_ERRORS", {}).get(code, "Unknown error")
        return _of_pysocks(f"SOCKS{version}Error", f"{code:#04x}: {said}")
    return _of_pysocks("SOCKS5AuthError" if "authentication" in message else "ProxyError", message)


# As it says: cannot complete SOCKS5 connection to example.test. (5)
_REFUSED = re.compile(r"SOCKS([45]) connection to .* \((\d+)\)")
_PROXY = 97  # CURLE_PROXY, which pycurl does not name


def _of_pysocks(kind: str, text: str) -> Exception:
    error: Exception = getattr(_socks, kind, ConnectionError)(text)
    return error


def _said(trouble: CurlError) -> int:
    """What the system said to this, or 0."""
    return trouble.os_errno if os.strerror(trouble.os_errno) in trouble.message else 0


def _other(trouble: CurlError) -> Exception:
    return OSError(_said(trouble) or errno.EIO, trouble.message)


def _no_such_host(trouble: CurlError) -> Exception:
    return httplib2.ServerNotFoundError(f"Unable to find the server at {trouble.host}")


def _not_connected(trouble: CurlError) -> Exception:
    number = trouble.os_errno or errno.ECONNREFUSED
    return OSError(number, os.strerror(number))


def _timed_out(trouble: CurlError) -> Exception:
    return TimeoutError("timed out")


def _reset(trouble: CurlError) -> Exception:
    number = _said(trouble) or errno.ECONNRESET
    return OSError(number, os.strerror(number))


def _broken(trouble: CurlError) -> Exception:
    """Reset, ended by a TLS alert, ended without one, or what came makes no sense."""
    if trouble.message.startswith("Too large response headers"):
        return http.client.HTTPException(trouble.message)
    if _said(trouble):
        return _reset(trouble)
    if _OPENSSL.search(trouble.message) and _EOF not in trouble.message:
        return _tls(trouble)
    return _incomplete(trouble) if trouble.begun else _disconnected(trouble)


# As it says: ... target hostname 'localhost', ... target IPv4 address '127.0.0.1'
_MISMATCH = re.compile(r"target (?:hostname|(IP)\S* address) '(.*)'")
_VERDICT = re.compile(r"verify result: (.*) \(\d+\)$")
_WRONG_NAME, _WRONG_ADDRESS = 62, 64  # X509_V_ERR_HOSTNAME_MISMATCH and its like


def _not_verified(trouble: CurlError) -> Exception:
    code, verdict = _verdict(trouble)
    reason = "CERTIFICATE_VERIFY_FAILED"
    text = f"[SSL: {reason}] certificate verify failed: {verdict}"
    error = ssl.SSLCertVerificationError(int(ssl.SSL_ERROR_SSL), text)
    error.library, error.reason = "SSL", reason
    error.verify_code, error.verify_message = code, verdict
    return error


def _verdict(trouble: CurlError) -> tuple[int, str]:
    """What is wrong with the certificate, as Python's `ssl` puts it."""
    if wrong := _MISMATCH.search(trouble.message):
        what, code = ("IP address", _WRONG_ADDRESS) if wrong[1] else ("Hostname", _WRONG_NAME)
        return code, f"{what} mismatch, certificate is not valid for '{wrong[2]}'."
    said = _VERDICT.search(trouble.message)
    return trouble.verify_result, said[1] if said else trouble.message


# As OpenSSL says it: error:0A00010B:SSL routines::wrong version number
_OPENSSL = re.compile(r"error:[0-9A-F]+:[^:]*:[^:]*:([^:,]+)")
_EOF = "unexpected eof"


def _tls(trouble: CurlError) -> Exception:
    if _said(trouble):
        return _reset(trouble)
    if "SSLVERSION_MAX" in trouble.message:
        return _tls_error("no protocols available")
    said = _OPENSSL.search(trouble.message)
    return _tls_error(said[1].strip() if said else trouble.message)


def _tls_error(text: str) -> Exception:
    reason = text.upper().replace(" ", "_")
    is_end = _EOF in text
    kind, number = (
        (ssl.SSLEOFError, ssl.SSL_ERROR_EOF) if is_end else (ssl.SSLError, ssl.SSL_ERROR_SSL)
    )
    error = kind(int(number), f"[SSL: {reason}] {text}")
    error.library, error.reason = "SSL", reason
    return error


def _no_ca_file(trouble: CurlError) -> Exception:
    try:
        # libcurl has just tried to read it, on this thread too.
        Path(trouble.message.partition("file: ")[2]).read_bytes()
    except OSError as error:
        return error
    return _tls_error("no certificate or crl found")


def _disconnected(trouble: CurlError) -> Exception:
    return http.client.RemoteDisconnected("Remote end closed connection without response")


def _incomplete(trouble: CurlError) -> Exception:
    return http.client.IncompleteRead(trouble.received, trouble.missing)


def _not_http(trouble: CurlError) -> Exception:
    kind = MalformedAnswerError if trouble.begun else http.client.BadStatusLine
    return kind(trouble.message)


def _line_too_long(trouble: CurlError) -> Exception:
    return http.client.LineTooLong("header line")


def _bad_url(trouble: CurlError) -> Exception:
    return http.client.InvalidURL(trouble.message)


def _no_memory(trouble: CurlError) -> Exception:
    return MemoryError(trouble.message)


# With whom we want to speak, through the proxy.
_TLS = frozenset(
    (
        pycurl.E_SSL_CONNECT_ERROR,
        pycurl.E_PEER_FAILED_VERIFICATION,
        pycurl.E_SSL_CERTPROBLEM,
        pycurl.E_SSL_CIPHER,
        pycurl.E_SSL_CACERT_BADFILE,
    )
)

_TABLE: dict[int, Callable[[CurlError], Exception]] = {
    pycurl.E_COULDNT_RESOLVE_HOST: _no_such_host,
    pycurl.E_COULDNT_RESOLVE_PROXY: _no_such_host,
    pycurl.E_COULDNT_CONNECT: _not_connected,
    pycurl.E_OPERATION_TIMEDOUT: _timed_out,
    pycurl.E_RECV_ERROR: _broken,
    pycurl.E_SEND_ERROR: _broken,
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
