"""Easy: one libcurl easy handle with everything set that the next transfer like it needs too.

Rules:
- Handles are pooled by Preset: those of one preset differ in nothing that a transfer does not set
  itself. What libcurl keeps from one transfer to the next can so never leak into another kind.
- Every policy of libcurl's own stays off: the exchange decides.
- libcurl is handed the `append` of two lists for head and body: a function in Python for each
  header line would cost 10 µs a request.
"""

from __future__ import annotations

from collections.abc import Callable

import pycurl

from ..body import Body
from ..model import Reply, Tls, Transfer
from .trouble import Trouble, exception_of
from .upload import Upload

FOREVER = 2**31 - 1  # ms: libcurl takes 0 for its default of 300 s
LARGE = 1 << 16  # bytes: a handle that holds a copy of so large a body is not kept
BUFFER = 512 << 10  # bytes: doubles the speed of large downloads, costs small ones nothing

# How a body goes out; EMPTY says so (Content-Length: 0).
NOTHING, EMPTY, MEMORY, STREAM = "nothing", "empty", "memory", "stream"


# What a pooled handle has set for good: method, how a body goes out, timeout, how it is secured.
# A plain tuple: it is made for every transfer.
Preset = tuple[str, str, float | None, Tls | None]


def preset_of(transfer: Transfer) -> Preset:
    """The preset that `transfer` needs."""
    return transfer.method, _sends(transfer), transfer.timeout, transfer.tls


def _sends(transfer: Transfer) -> str:
    body = transfer.body
    if body is None:
        return EMPTY if transfer.method in ("PATCH", "POST", "PUT") else NOTHING
    return MEMORY if body.in_memory else STREAM


class Easy:
    """A handle, and what has come for its present transfer."""

    __slots__ = ("_chunks", "_head", "_headers", "_upload", "curl", "preset", "reusable")

    def __init__(self, preset: Preset) -> None:
        self.preset = preset
        self.reusable = True
        self._head: list[bytes] = []
        self._chunks: list[bytes] = []
        self._headers: tuple[bytes, ...] = ()
        self._upload: Upload | None = None
        self.curl = self._make()

    def _make(self) -> pycurl.Curl:
        method, sends, timeout, tls = self.preset
        curl = pycurl.Curl()
        set_ = curl.setopt
        set_(pycurl.HEADERFUNCTION, self._head.append)
        set_(pycurl.WRITEFUNCTION, self._chunks.append)
        set_(pycurl.NOSIGNAL, 1)
        set_(pycurl.PATH_AS_IS, 1)
        set_(pycurl.PROXY, "")
        set_(pycurl.HTTP09_ALLOWED, 0)
        set_(pycurl.BUFFERSIZE, BUFFER)
        set_(pycurl.CONNECTTIMEOUT_MS, _milliseconds(timeout))
        set_(pycurl.DNS_CACHE_TIMEOUT, -1)  # engine.names keeps the addresses
        self._preset_method(curl, method, sends)
        if tls is not None:
            self._preset_tls(curl, tls)
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
        # Without PIPEWAIT each of many requests at once opens a connection of its own, where one
        # HTTP/2 connection would carry them all.
        curl.setopt(pycurl.PIPEWAIT, 1)
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_2TLS)
        curl.setopt(pycurl.CAINFO, tls.ca_certs)
        curl.setopt(pycurl.SSL_VERIFYPEER, int(tls.verify))
        curl.setopt(pycurl.SSL_VERIFYHOST, 2 if tls.verify else 0)

    def prepare(self, transfer: Transfer) -> None:
        """Set what only this transfer needs; a body comes with `send` or `stream`."""
        self.curl.setopt(pycurl.URL, transfer.url)
        if transfer.headers is not self._headers:
            self._set_headers(transfer.headers)

    def send(self, body: Body) -> None:
        """Have a body sent that is in memory."""
        self._send_chunked_if_so(body)
        self.reusable = len(body.content) < LARGE
        self.curl.setopt(pycurl.POSTFIELDS, body.content)

    def stream(self, body: Body, fetch: Callable[[Upload], None]) -> None:
        """Have a body sent that has to be read first."""
        self._send_chunked_if_so(body)
        self._upload = Upload(body, fetch)
        self.curl.setopt(pycurl.READFUNCTION, self._upload.read)
        self.curl.setopt(pycurl.SEEKFUNCTION, self._upload.seek)

    def _send_chunked_if_so(self, body: Body) -> None:
        if body.chunked and not _names(self._headers, b"content-length:"):
            self._set_headers((*self._headers, b"transfer-encoding: chunked"))

    def _set_headers(self, headers: tuple[bytes, ...]) -> None:
        self.curl.setopt(pycurl.HTTPHEADER, list(headers))
        self._headers = headers

    def know(self, host: str, port: int, addresses: tuple[str, ...]) -> None:
        """Hand libcurl the addresses of `host`; it keeps them in the multi handle."""
        listed = ",".join(f"[{a}]" if ":" in a else a for a in addresses)
        self.curl.setopt(pycurl.RESOLVE, [f"{host}:{port}:{listed}"])
        self.reusable = False  # the handle would hand them over again, long after

    def watch_connection(self, connected: Callable[[str, int, bool], None]) -> None:
        """Have `connected(address, port, is_new)` called when there is a connection."""
        opened: list[int] = []

        def on_socket(fd: int, _purpose: int) -> int:
            opened.append(fd)
            return pycurl.SOCKOPT_OK

        def before_request(remote: str, _local: str, port: int, _local_port: int) -> int:
            connected(remote, port, bool(opened))
            return pycurl.PREREQFUNC_OK

        self.curl.setopt(pycurl.SOCKOPTFUNCTION, on_socket)
        self.curl.setopt(pycurl.PREREQFUNCTION, before_request)
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
        if self.curl.getinfo(pycurl.INFO_HTTP_VERSION) >= pycurl.CURL_HTTP_VERSION_2_0:
            return -1
        return int(self.curl.getinfo(pycurl.ACTIVESOCKET))

    def reply(self) -> Reply:
        """What has come, complete."""
        status = self.curl.getinfo(pycurl.RESPONSE_CODE)
        return Reply(status, b"".join(self._head), tuple(self._chunks))

    def error(self, code: int, message: str, transfer: Transfer) -> Exception:
        """What to raise for libcurl's error `code`."""
        if self._upload is not None and self._upload.error is not None:
            return self._upload.error
        info = self.curl.getinfo
        received = b"".join(self._chunks)
        return exception_of(
            Trouble(
                code,
                message,
                transfer.authority,
                info(pycurl.OS_ERRNO),
                info(pycurl.SSL_VERIFYRESULT),
                received,
            )
        )

    def clear(self) -> None:
        """Forget the transfer."""
        self._head.clear()
        self._chunks.clear()
        self._upload = None


def _milliseconds(timeout: float | None) -> int:
    return FOREVER if timeout is None else max(1, min(FOREVER, int(timeout * 1000)))


def _names(headers: tuple[bytes, ...], name: bytes) -> bool:
    return any(line.lower().startswith(name) for line in headers)
