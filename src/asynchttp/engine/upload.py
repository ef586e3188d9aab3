"""Upload: a file on its way to libcurl, read by workers, since a disk may be slow.

libcurl asks for bytes on the I/O thread. When none are at hand it is told to pause, a worker reads
the next piece, and the loop resumes the transfer.
"""

from __future__ import annotations

from collections.abc import Callable

import pycurl

from ..body import Body

PIECE = 1 << 20  # bytes a worker reads at a time


class Upload:
    """The state of sending one Body.

    `fetch(upload)` has a worker call `upload.fetch_piece()` and then resumes the transfer.
    """

    def __init__(self, body: Body, fetch: Callable[[Upload], None]) -> None:
        self._body = body
        self._fetch = fetch
        self._offset = 0
        self._piece = memoryview(b"")
        self._fetched = False
        self.error: Exception | None = None

    def read(self, size: int) -> bytes | int:
        """libcurl's READFUNCTION: at most `size` bytes, b"" at the end."""
        if self.error is not None:
            return pycurl.READFUNC_ABORT
        if not self._piece and not self._fetched:
            self._fetch(self)
            return pycurl.READFUNC_PAUSE
        chunk, self._piece = self._piece[:size], self._piece[size:]
        self._fetched = bool(self._piece)
        return bytes(chunk)

    def seek(self, offset: int, _origin: int) -> int:
        """libcurl's SEEKFUNCTION: send again, on another connection (RFC 9112, 9.3.1)."""
        self._offset, self._piece, self._fetched = offset, memoryview(b""), False
        return pycurl.SEEKFUNC_OK

    def fetch_piece(self) -> None:
        """Read the next piece; on a worker, while the transfer is paused."""
        try:
            self._piece = memoryview(self._body.read(self._offset, PIECE))
        except Exception as error:  # noqa: BLE001  # it fails the request
            self.error = error
        self._offset += len(self._piece)
        self._fetched = True
