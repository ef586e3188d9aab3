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
        self._position = 0  # of the next byte to send
        self._piece = (-1, memoryview(b""))  # what was read last, and where it begins
        self._fetching = False
        self.error: Exception | None = None

    def read(self, size: int) -> bytes | int:
        """libcurl's READFUNCTION: at most `size` bytes, b"" at the end."""
        if self.error is not None:
            return pycurl.READFUNC_ABORT
        chunk = self._at_hand(size)
        if chunk is None:
            self._ask()
            return pycurl.READFUNC_PAUSE
        self._position += len(chunk)
        return chunk

    def _at_hand(self, size: int) -> bytes | None:
        start, piece = self._piece
        into = self._position - start
        if into == 0 or 0 < into < len(piece):  # at the beginning of no bytes: it is the end
            return bytes(piece[into : into + size])
        return None

    def _ask(self) -> None:
        """Not twice: libcurl asks again when it begins anew on another connection."""
        if not self._fetching:
            self._fetching = True
            self._fetch(self)

    def seek(self, offset: int, _origin: int) -> int:
        """libcurl's SEEKFUNCTION: send again, on another connection (RFC 9112, 9.3.1)."""
        self._position = offset
        return pycurl.SEEKFUNC_OK

    def fetch_piece(self) -> None:
        """Read the next piece; on a worker, while the transfer is paused."""
        start = self._position
        try:
            self._piece = start, memoryview(self._body.read(start, PIECE))
        except Exception as error:  # noqa: BLE001  # it fails the request
            self.error = error
        self._fetching = False
