"""The table from libcurl's error codes to the exceptions that httplib2's callers catch.

no such host                ServerNotFoundError
refused, unreachable ...    OSError and its kin, by errno (ConnectionRefusedError, ...)
timed out                   TimeoutError, which is socket.timeout
certificate not accepted    ssl.SSLCertVerificationError
other TLS errors            ssl.SSLError
closed before an answer     http.client.RemoteDisconnected; CutConnectionError without close_notify
closed in the middle        http.client.IncompleteRead
not HTTP                    http.client.BadStatusLine, or another HTTPException

libcurl's errno is of the last system call that failed, perhaps harmlessly: the first address of
localhost refused the connection, the second did not. The errno counts if libcurl's message has the
same text.
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

from ..messages.errors import CutConnectionError, MalformedAnswerError
from ..messages.transfer import Proxy


class CurlError(NamedTuple):
    """The reason why a transfer failed, by libcurl."""

    code: int
    message: str
    host: str
    os_errno: int
    """The errno of the last failed system call; 0 without any."""
    verify_result: int
    """OpenSSL's result for the certificate (X509_V_ERR_...); 0 for a valid certificate."""
    begun: bool
    """Whether a part of the answer was received."""
    received: bytes
    """The received part of the content, decoded if the coding is known."""
    missing: int | None = None
    """The bytes of the content that were announced but not received, or None without a length."""
    proxy: Proxy | None = None
    """The proxy, if the transfer failed before the request was sent."""
    connected: bool = False
    """Whether the connection to the proxy was made."""
    tunnel: str = ""
    """The status and reason of an HTTP proxy that refused CONNECT."""


def exception_of(curl_error: CurlError) -> Exception:
    """The exception for an error; for unknown codes an OSError with libcurl's message."""
    if curl_error.proxy is not None and curl_error.code not in _NOT_OF_PROXY:
        return _proxy_error(curl_error.proxy, curl_error)
    return _TABLE.get(curl_error.code, _other)(curl_error)


_socks: Any = getattr(httplib2, "socks", None)  # Any: PySocks, if installed, has no types


def _proxy_error(proxy: Proxy, curl_error: CurlError) -> Exception:
    """PySocks's exception, which httplib2's callers know; a ConnectionError without PySocks."""
    name = f"{proxy.scheme.upper().rstrip('AH')} proxy {proxy.host}:{proxy.port}"
    if not curl_error.connected:
        kind, text = "ProxyConnectionError", f"Error connecting to {name}"
    else:
        kind, text = "GeneralProxyError", "Socket error"
    cause = _cause(curl_error)
    if _socks is None:
        return ConnectionError(f"{text}: {cause}")
    error: Exception = getattr(_socks, kind)(text, cause)
    return error


def _cause(curl_error: CurlError) -> Exception:
    if curl_error.tunnel:
        return _of_pysocks("HTTPError", curl_error.tunnel)
    if curl_error.code == _PROXY:
        return _refusal(curl_error.message)
    return _TABLE.get(curl_error.code, _other)(curl_error)


def _refusal(message: str) -> Exception:
    """PySocks's exception for the answer of a SOCKS proxy."""
    if "rejected by the SOCKS5" in message:
        return _of_pysocks("SOCKS5AuthError", "SOCKS5 authentication failed")
    if refused := _REFUSED.search(message):
        version, code = refused[1], int(refused[2])
        text = getattr(_socks, f"SOCKS{version}_ERRORS", {}).get(code, "Unknown error")
        return _of_pysocks(f"SOCKS{version}Error", f"{code:#04x}: {text}")
    return _of_pysocks("SOCKS5AuthError" if "authentication" in message else "ProxyError", message)


# libcurl's message: cannot complete SOCKS5 connection to example.test. (5)
_REFUSED = re.compile(r"SOCKS([45]) connection to .* \((\d+)\)")
_PROXY = 97  # CURLE_PROXY, which pycurl does not name


def _of_pysocks(kind: str, text: str) -> Exception:
    error: Exception = getattr(_socks, kind, ConnectionError)(text)
    return error


def _confirmed_errno(curl_error: CurlError) -> int:
    """The errno, if libcurl's message has the errno's text; otherwise 0."""
    return curl_error.os_errno if os.strerror(curl_error.os_errno) in curl_error.message else 0


def _other(curl_error: CurlError) -> Exception:
    return OSError(_confirmed_errno(curl_error) or errno.EIO, curl_error.message)


def _no_such_host(curl_error: CurlError) -> Exception:
    return httplib2.ServerNotFoundError(f"Unable to find the server at {curl_error.host}")


def _not_connected(curl_error: CurlError) -> Exception:
    number = curl_error.os_errno or errno.ECONNREFUSED
    return OSError(number, os.strerror(number))


def _timed_out(curl_error: CurlError) -> Exception:
    return TimeoutError("timed out")


def _is_reset(curl_error: CurlError) -> bool:
    """The errno may be of a later call: a failed read, then a failed write of HTTP/2's GOAWAY."""
    return bool(_confirmed_errno(curl_error)) or _RESET in curl_error.message


_RESET = os.strerror(errno.ECONNRESET)

# The server closed the connection while bytes were on their way: the time decides which of these.
_LOST = (errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE)


def _reset(curl_error: CurlError) -> Exception:
    number = _confirmed_errno(curl_error)
    if not number or number in _LOST:
        number = errno.ECONNRESET
    return OSError(number, os.strerror(number))


def _stream_ended(curl_error: CurlError) -> Exception:
    """A reset with the words of libcurl, which say what an HTTP/2 server has sent."""
    return ConnectionResetError(errno.ECONNRESET, curl_error.message)


def _broken(curl_error: CurlError) -> Exception:
    """The connection was reset, ended by a TLS alert or without any, or had invalid bytes."""
    if curl_error.message.startswith("Too large response headers"):
        return http.client.HTTPException(curl_error.message)
    if _is_reset(curl_error):
        return _reset(curl_error)
    if _OPENSSL.search(curl_error.message) and _EOF not in curl_error.message:
        return _tls(curl_error)
    if curl_error.begun:
        return _incomplete(curl_error)
    return _cut(curl_error) if _EOF in curl_error.message else _disconnected(curl_error)


# libcurl's messages: ... target hostname 'localhost', ... target IPv4 address '127.0.0.1'
_MISMATCH = re.compile(r"target (?:hostname|(IP)\S* address) '(.*)'")
_VERDICT = re.compile(r"verify result: (.*) \(\d+\)$")
_WRONG_NAME, _WRONG_ADDRESS = 62, 64  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def _not_verified(curl_error: CurlError) -> Exception:
    code, verdict = _verdict(curl_error)
    reason = "CERTIFICATE_VERIFY_FAILED"
    text = f"[SSL: {reason}] certificate verify failed: {verdict}"
    error = ssl.SSLCertVerificationError(int(ssl.SSL_ERROR_SSL), text)
    error.library, error.reason = "SSL", reason
    error.verify_code, error.verify_message = code, verdict
    return error


def _verdict(curl_error: CurlError) -> tuple[int, str]:
    """The certificate's error, as code and text of Python's `ssl`."""
    if wrong := _MISMATCH.search(curl_error.message):
        what, code = ("IP address", _WRONG_ADDRESS) if wrong[1] else ("Hostname", _WRONG_NAME)
        return code, f"{what} mismatch, certificate is not valid for '{wrong[2]}'."
    found = _VERDICT.search(curl_error.message)
    return curl_error.verify_result, found[1] if found else curl_error.message


# OpenSSL's messages: error:0A00010B:SSL routines::wrong version number
_OPENSSL = re.compile(r"error:[0-9A-F]+:[^:]*:[^:]*:([^:,]+)")
_EOF = "unexpected eof"


def _handshake(curl_error: CurlError) -> Exception:
    """The handshake failed. A close is one kind of failure, with a reset or without."""
    if _confirmed_errno(curl_error) in _LOST:
        return _tls_error(f"{_EOF} while reading")
    return _tls(curl_error)


def _tls(curl_error: CurlError) -> Exception:
    if _confirmed_errno(curl_error):
        return _reset(curl_error)
    if "SSLVERSION_MAX" in curl_error.message:
        return _tls_error("no protocols available")
    found = _OPENSSL.search(curl_error.message)
    return _tls_error(found[1].strip() if found else curl_error.message)


def _tls_error(text: str) -> Exception:
    reason = text.upper().replace(" ", "_")
    is_end = _EOF in text
    kind, number = (
        (ssl.SSLEOFError, ssl.SSL_ERROR_EOF) if is_end else (ssl.SSLError, ssl.SSL_ERROR_SSL)
    )
    error = kind(int(number), f"[SSL: {reason}] {text}")
    error.library, error.reason = "SSL", reason
    return error


def _no_ca_file(curl_error: CurlError) -> Exception:
    try:
        # For Python's exception. libcurl has read the file a moment ago: no new wait for a disk.
        Path(curl_error.message.partition("file: ")[2]).read_bytes()
    except OSError as error:
        return error
    return _tls_error("no certificate or crl found")


_NO_RESPONSE = "Remote end closed connection without response"  # as in `http.client`


def _disconnected(curl_error: CurlError) -> Exception:
    return http.client.RemoteDisconnected(_NO_RESPONSE)


def _cut(curl_error: CurlError) -> Exception:
    return CutConnectionError(_NO_RESPONSE)


def _incomplete(curl_error: CurlError) -> Exception:
    return http.client.IncompleteRead(curl_error.received, curl_error.missing)


def _not_http(curl_error: CurlError) -> Exception:
    kind = MalformedAnswerError if curl_error.begun else http.client.BadStatusLine
    return kind(curl_error.message)


def _violation(curl_error: CurlError) -> Exception:
    return http.client.HTTPException(curl_error.message)


def _too_large(curl_error: CurlError) -> Exception:
    """A line of more than 100 kB, or more than 5000 fields."""
    if curl_error.message.startswith("Too many"):
        return http.client.HTTPException(curl_error.message)
    return http.client.LineTooLong("header line")


def _bad_url(curl_error: CurlError) -> Exception:
    return http.client.InvalidURL(curl_error.message)


def _no_memory(curl_error: CurlError) -> Exception:
    return MemoryError(curl_error.message)


# Errors of TLS with the server, behind the proxy; and a URL that libcurl refuses.
_NOT_OF_PROXY = frozenset(
    (
        pycurl.E_URL_MALFORMAT,
        pycurl.E_OUT_OF_MEMORY,
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
    pycurl.E_HTTP2: _stream_ended,
    pycurl.E_PEER_FAILED_VERIFICATION: _not_verified,
    pycurl.E_SSL_CONNECT_ERROR: _handshake,
    pycurl.E_SSL_CERTPROBLEM: _tls,
    pycurl.E_SSL_CIPHER: _tls,
    pycurl.E_SSL_CACERT_BADFILE: _no_ca_file,
    pycurl.E_GOT_NOTHING: _disconnected,
    pycurl.E_PARTIAL_FILE: _incomplete,
    pycurl.E_UNSUPPORTED_PROTOCOL: _not_http,
    pycurl.E_FTP_WEIRD_SERVER_REPLY: _not_http,
    pycurl.E_BAD_CONTENT_ENCODING: _violation,  # of Transfer-Encoding: the core decodes content
    pycurl.E_FILESIZE_EXCEEDED: _violation,
    pycurl.E_URL_MALFORMAT: _bad_url,
    pycurl.E_OUT_OF_MEMORY: _no_memory,
    92: _stream_ended,  # CURLE_HTTP2_STREAM, which pycurl does not name
    100: _too_large,  # CURLE_TOO_LARGE, which pycurl does not name
}
