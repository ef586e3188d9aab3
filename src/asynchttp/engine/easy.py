"""Easy: one libcurl easy handle with everything set that the next transfer like it needs too.

Rules:
- Handles are pooled by Preset: those of one preset differ in nothing that a transfer does not set
  itself. What libcurl keeps from one transfer to the next can so never leak into another kind.
- Every policy of libcurl's own stays off: the exchange decides.
- libcurl is handed methods of a list, for the head, and of a buffer, for the body: a function in
  Python for each header line would cost 10 µs a request, and a large body is never copied.
"""

from __future__ import annotations

import http.client
import io
import os
import re
import ssl
from collections.abc import Callable, Sequence
from http.client import responses

import pycurl

from ..body import Body
from ..errors import StaleConnectionError
from ..model import Certificate, Proxy, Reply, Tls, Transfer
from ..response import is_whole
from .names import Host
from .trouble import Trouble, exception_of
from .upload import Upload

FOREVER = 2**31 - 1  # ms: libcurl takes 0 for its default of 300 s
LARGE = 1 << 16  # bytes: a handle that holds a copy of so large a body is not kept
BUFFER = 512 << 10  # bytes: doubles the speed of large downloads, costs small ones nothing

# Of libcurl's, which pycurl does not name.
SUPPRESS_CONNECT_HEADERS, SOCKS5_AUTH = 265, 267

BROKEN = (pycurl.E_SEND_ERROR, pycurl.E_RECV_ERROR, pycurl.E_GOT_NOTHING)

_LOWEST: dict[str | None, int] = {
    "TLSv1": pycurl.SSLVERSION_TLSv1_0,
    "TLSv1_1": pycurl.SSLVERSION_TLSv1_1,
    "TLSv1_2": pycurl.SSLVERSION_TLSv1_2,
    "TLSv1_3": pycurl.SSLVERSION_TLSv1_3,
    "MAXIMUM_SUPPORTED": pycurl.SSLVERSION_TLSv1_3,
}
_HIGHEST: dict[str | None, int] = {
    "SSLv3": pycurl.SSLVERSION_MAX_TLSv1_0,
    "MINIMUM_SUPPORTED": pycurl.SSLVERSION_MAX_TLSv1_0,
    "TLSv1": pycurl.SSLVERSION_MAX_TLSv1_0,
    "TLSv1_1": pycurl.SSLVERSION_MAX_TLSv1_1,
    "TLSv1_2": pycurl.SSLVERSION_MAX_TLSv1_2,
    "TLSv1_3": pycurl.SSLVERSION_MAX_TLSv1_3,
}

UNSENT_TO_PROXIES = (b"User-Agent:", b"Proxy-Connection:")  # httplib2's proxies see neither

REWRITTEN = re.compile("%([a-f]|.[a-f])")  # libcurl would make it upper case
LENGTH, CODING = b"content-length:", b"transfer-encoding:"  # names are in lower case by now

# How a body goes out; EMPTY says so (Content-Length: 0).
NOTHING, EMPTY, MEMORY, STREAM = "nothing", "empty", "memory", "stream"


# What a pooled handle has set for good: method, how a body goes out, timeout, how it is secured,
# and through what it goes.
# A plain tuple: it is made for every transfer.
Preset = tuple[str, str, float | None, Tls | None, Proxy | None]


def preset_of(transfer: Transfer) -> Preset:
    """The preset that `transfer` needs."""
    return transfer.method, _sends(transfer), transfer.timeout, transfer.tls, transfer.proxy


def _sends(transfer: Transfer) -> str:
    body = transfer.body
    if body is not None:
        return MEMORY if body.in_memory else STREAM
    if transfer.method == "GET":  # most are, and need no other look
        return NOTHING
    return EMPTY if transfer.method.upper() in ("PATCH", "POST", "PUT") else NOTHING


class Easy:
    """A handle, and what has come for its present transfer.

    `opened`: where the sockets go that it makes.
    """

    __slots__ = (
        "_body",
        "_head",
        "_headers",
        "_opened",
        "_upload",
        "_waits",
        "curl",
        "preset",
        "reusable",
    )

    def __init__(self, preset: Preset, opened: dict[int, int]) -> None:
        self.preset = preset
        self._opened = opened
        self.reusable = True
        self._head: list[bytes] = []
        self._body = io.BytesIO()
        self._headers: tuple[bytes, ...] = ()
        self._upload: Upload | None = None
        self._waits = False
        self.curl = self._make()

    def _make(self) -> pycurl.Curl:
        method, sends, timeout, tls, proxy = self.preset
        curl = pycurl.Curl()
        set_ = curl.setopt
        set_(pycurl.HEADERFUNCTION, self._head.append)
        set_(pycurl.WRITEFUNCTION, self._body.write)
        # Notes the descriptor and says 0, all is well. In a function of Python's Ctrl-C could come,
        # and libcurl would take it for an error of the transfer.
        set_(pycurl.SOCKOPTFUNCTION, self._opened.setdefault)
        set_(pycurl.NOSIGNAL, 1)
        set_(pycurl.PATH_AS_IS, 1)
        set_(pycurl.HTTP09_ALLOWED, 0)
        set_(pycurl.BUFFERSIZE, BUFFER)
        set_(pycurl.CONNECTTIMEOUT_MS, _milliseconds(timeout))
        set_(pycurl.DNS_CACHE_TIMEOUT, -1)  # engine.names keeps the addresses
        self._preset_method(curl, method, sends)
        if tls is not None:
            self._preset_tls(curl, tls)
        self._preset_proxy(curl, proxy)
        return curl

    def _preset_method(self, curl: pycurl.Curl, method: str, sends: str) -> None:
        if sends == STREAM:
            curl.setopt(pycurl.UPLOAD, 1)
        elif sends == EMPTY:
            curl.setopt(pycurl.POSTFIELDS, b"")
        if method == "HEAD" and sends == NOTHING:
            curl.setopt(pycurl.NOBODY, 1)
        elif method != "GET" or sends != NOTHING:
            curl.setopt(pycurl.CUSTOMREQUEST, method)

    def _preset_tls(self, curl: pycurl.Curl, tls: Tls) -> None:
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.CAINFO, os.fspath(tls.ca_certs))
        curl.setopt(pycurl.SSL_VERIFYPEER, int(tls.verify))
        curl.setopt(pycurl.SSL_VERIFYHOST, 2 if tls.verify else 0)
        curl.setopt(pycurl.SSL_OPTIONS, pycurl.SSLOPT_NO_PARTIALCHAIN)  # as Python's `ssl`
        if tls.minimum is not None or tls.maximum is not None:
            curl.setopt(pycurl.SSLVERSION, _versions(tls))
        if tls.certificate is not None and tls.certificate.cert:
            self._preset_certificate(curl, tls.certificate)

    def _preset_certificate(self, curl: pycurl.Curl, certificate: Certificate) -> None:
        curl.setopt(pycurl.SSLCERT, os.fspath(certificate.cert))
        curl.setopt(pycurl.SSLKEY, os.fspath(certificate.key or certificate.cert))
        password = certificate.password
        if isinstance(password, str | bytes | bytearray):
            as_given = password if isinstance(password, str) else bytes(password)
            curl.setopt(pycurl.KEYPASSWD, as_given)

    def _preset_proxy(self, curl: pycurl.Curl, proxy: Proxy | None) -> None:
        if proxy is None:
            curl.setopt(pycurl.PROXY, "")  # whatever the environment says
            return
        host = f"[{proxy.host}]" if ":" in proxy.host else proxy.host
        curl.setopt(pycurl.PROXY, f"{proxy.scheme}://{host}:{proxy.port}")
        curl.setopt(pycurl.NOPROXY, "")
        curl.setopt(pycurl.HTTPPROXYTUNNEL, 1)
        curl.setopt(SOCKS5_AUTH, pycurl.HTTPAUTH_BASIC)  # PySocks offers no GSSAPI
        curl.setopt(SUPPRESS_CONNECT_HEADERS, 1)
        curl.setopt(pycurl.HEADEROPT, pycurl.HEADER_SEPARATE)
        curl.setopt(pycurl.PROXYHEADER, list(UNSENT_TO_PROXIES))
        if proxy.user and (proxy.password or proxy.scheme.startswith("socks4")):
            curl.setopt(pycurl.PROXYUSERNAME, proxy.user.encode())
            curl.setopt(pycurl.PROXYPASSWORD, (proxy.password or "").encode())

    def prepare(self, transfer: Transfer) -> None:
        """Set what only this transfer needs; a body comes with `send` or `stream`."""
        self.curl.setopt(pycurl.URL, transfer.url)
        if "%" in transfer.url and REWRITTEN.search(transfer.url):
            self._keep_target(transfer.url)
        if transfer.headers is not self._headers:
            self._set_headers(transfer.headers)

    def share(self, wait: bool) -> None:
        """Whether to wait for a connection that is being made, if it may carry this one too."""
        if wait is not self._waits:
            self.curl.setopt(pycurl.PIPEWAIT, int(wait))
            self._waits = wait

    def _keep_target(self, url: str) -> None:
        self.curl.setopt(pycurl.REQUEST_TARGET, url[url.index("/", len("https://")) :])
        self.reusable = False  # the next transfer has another target

    def send(self, body: Body) -> None:
        """Have a body sent that is in memory."""
        self._send_chunked_if_so(body)
        self.reusable = self.reusable and len(body.content) < LARGE
        self.curl.setopt(pycurl.POSTFIELDS, body.content)

    def stream(self, body: Body, fetch: Callable[[Upload], None]) -> None:
        """Have a body sent that has to be read first."""
        self._send_sized_if_so(body)
        self.reusable = False  # it would keep the body, and who asked for it, until its next use
        self._upload = Upload(body, fetch)
        self.curl.setopt(pycurl.READFUNCTION, self._upload.read)
        self.curl.setopt(pycurl.SEEKFUNCTION, self._upload.seek)

    def _send_sized_if_so(self, body: Body) -> None:
        """A length that was given has to come from libcurl, or it sends the body chunked too."""
        given = [line for line in self._headers if line.startswith(LENGTH)]
        self.curl.setopt(pycurl.INFILESIZE_LARGE, _length(given[0]) if given else -1)
        if given:
            self._set_headers(tuple(line for line in self._headers if line not in given))
        else:
            self._send_chunked_if_so(body)

    def _send_chunked_if_so(self, body: Body) -> None:
        if body.chunked and not any(line.startswith((LENGTH, CODING)) for line in self._headers):
            self._set_headers((*self._headers, CODING + b" chunked"))

    def _set_headers(self, headers: tuple[bytes, ...]) -> None:
        self.curl.setopt(pycurl.HTTPHEADER, list(headers))
        self._headers = headers

    def know(self, known: Sequence[tuple[Host, tuple[str, ...]]]) -> None:
        """Hand libcurl the addresses of hosts; it keeps them in the multi handle."""
        self.curl.setopt(pycurl.RESOLVE, [_resolved(host, found) for host, found in known])
        self.reusable = False  # the handle would hand them over again, long after

    def go_to(self, address: str) -> None:
        """Have the proxy told an address in place of the name."""
        self.curl.setopt(pycurl.CONNECT_TO, [f"::{_bracketed(address)}:"])
        self.reusable = False

    def watch_connection(self, connected: Callable[[str, int, bool], None]) -> None:
        """Have `connected(address, port, is_new)` called when there is a connection."""
        made = []

        def note(fd: int, purpose: int) -> int:
            made.append(fd)
            return self._opened.setdefault(fd, purpose)

        def before_request(remote: str, _local: str, port: int, _local_port: int) -> int:
            connected(remote, port, bool(made))
            return pycurl.PREREQFUNC_OK

        self.curl.setopt(pycurl.SOCKOPTFUNCTION, note)
        self.curl.setopt(pycurl.PREREQFUNCTION, before_request)
        self.reusable = False

    def sent(self) -> int:
        """Bytes that have gone out."""
        info = self.curl.getinfo
        return int(info(pycurl.REQUEST_SIZE) + info(pycurl.SIZE_UPLOAD_T))

    def trace(self, say: Callable[[str], object]) -> None:
        """Have all that goes over the wire said, the way `http.client` prints it."""

        def tell(kind: int, text: bytes) -> None:
            if kind in (pycurl.INFOTYPE_HEADER_OUT, pycurl.INFOTYPE_DATA_OUT):
                say(f"send: {text!r}")
            elif kind == pycurl.INFOTYPE_HEADER_IN:
                line = text.decode("latin-1")
                if line.startswith("HTTP/"):
                    say(f"reply: {line!r}")
                elif line.strip():
                    say(f"header: {line.strip()}")

        self.curl.setopt(pycurl.VERBOSE, 1)
        self.curl.setopt(pycurl.DEBUGFUNCTION, tell)
        self.reusable = False

    def progress(self) -> tuple[float, ...]:
        """Numbers that change when bytes move for this transfer."""
        info = self.curl.getinfo
        return (
            info(pycurl.PRETRANSFER_TIME_T),
            info(pycurl.SIZE_UPLOAD_T),
            info(pycurl.SIZE_DOWNLOAD_T),
            info(pycurl.HEADER_SIZE),
        )

    def own_socket(self) -> int:
        """The descriptor that it alone moves bytes on; -1 when there is none, or many share it."""
        return -1 if self._may_share() else int(self.curl.getinfo(pycurl.ACTIVESOCKET))

    def _may_share(self) -> bool:
        """Whether it is HTTP/2, or may be: libcurl says so when the answer has begun."""
        is_tls = self.preset[3] is not None
        return is_tls and (not self._version() or self.is_http2())

    def is_http2(self) -> bool:
        """Whether the answer came so."""
        return self._version() >= pycurl.CURL_HTTP_VERSION_2_0

    def _version(self) -> int:
        version: int = self.curl.getinfo(pycurl.INFO_HTTP_VERSION)
        return version

    def reply(self) -> Reply | Exception:
        """What has come; to libcurl a connection that closes in the head ends that, too."""
        head = b"".join(self._head)
        if not head.endswith(b"\r\n\r\n") and not is_whole(head):
            return http.client.IncompleteRead(b"")
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        return Reply(status, head, self._body.getvalue())

    def error(self, code: int, message: str, transfer: Transfer) -> Exception:
        """What to raise for libcurl's error `code`."""
        if self._upload is not None and self._upload.error is not None:
            return self._upload.error
        if code in BROKEN and not self._is_on_new_connection() and not self._head:
            # libcurl uses another by itself, but not when it is sending that fails.
            return StaleConnectionError("the server had closed the connection")
        return exception_of(self._trouble(code, message, transfer))

    def _is_on_new_connection(self) -> bool:
        return bool(self.curl.getinfo(pycurl.NUM_CONNECTS))

    def timed_out(self, transfer: Transfer) -> Exception:
        """What to raise when nothing has moved for too long."""
        return exception_of(self._trouble(pycurl.E_OPERATION_TIMEDOUT, "timed out", transfer))

    def _trouble(self, code: int, message: str, transfer: Transfer) -> Trouble:
        info = self.curl.getinfo
        answer = info(pycurl.HTTP_CONNECTCODE) if transfer.proxy is not None else 0
        before = transfer.proxy is not None and not info(pycurl.REQUEST_SIZE) and answer != 200
        return Trouble(
            code,
            message,
            transfer.authority,
            info(pycurl.OS_ERRNO),
            info(pycurl.SSL_VERIFYRESULT),
            bool(self._head) and self._head[0].startswith(b"HTTP/"),
            self._body.getvalue(),
            info(pycurl.CONTENT_LENGTH_DOWNLOAD_T),
            transfer.proxy if before else None,
            bool(info(pycurl.CONNECT_TIME_T)),
            f"{answer}: {responses.get(answer, '')}\n" if answer not in (0, 200) else "",
        )

    def clear(self) -> None:
        """Forget the transfer."""
        self._head.clear()
        self._body.__init__(b"")  # type: ignore[misc]  # without an argument it would keep its buffer
        self._upload = None


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _resolved(host: Host, addresses: tuple[str, ...]) -> str:
    listed = ",".join(map(_bracketed, addresses))
    return f"{host.name}:{host.port}:{listed}"


def _versions(tls: Tls) -> int:
    """As libcurl has them, both in one number. Above 1.3 there is none."""
    lowest = _LOWEST.get(_version_name(tls.minimum), pycurl.SSLVERSION_DEFAULT)
    highest = _HIGHEST.get(_version_name(tls.maximum), pycurl.SSLVERSION_MAX_DEFAULT)
    return int(lowest | highest)


def _version_name(version: str | int | None) -> str | None:
    return version if isinstance(version, str | None) else ssl.TLSVersion(version).name


def _milliseconds(timeout: float | None) -> int:
    return FOREVER if timeout is None else max(1, min(FOREVER, int(timeout * 1000)))


def _length(line: bytes) -> int:
    return int(line.partition(b":")[2])
