"""Upload: a file on its way to libcurl, read by workers, since a disk may be slow.

The core asks for a piece when the one before has been sent, and the transfer is paused meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from ..messages.body import Body

PIECE = 1 << 20  # bytes a worker reads at a time


class Upload:
    """The state of sending one Body, by one transfer."""

    __slots__ = ("_body", "_position", "error", "transfer")

    def __init__(self, body: Body, transfer: int) -> None:
        """`transfer`: the number of the transfer, among those of the work."""
        self._body = body
        self.transfer = transfer
        self._position = 0  # of the next byte to send
        self.error: Exception | None = None
        """Why the body cannot be read."""

    def fetch_elsewhere(
        self,
        give: Callable[[bytes | None], None],
        run_elsewhere: Callable[[Callable[[], None]], None],
    ) -> None:
        """Have a worker read the next piece and `give` it; None where it cannot be read."""

        def fetch() -> None:
            give(self.next_piece())

        run_elsewhere(fetch)

    def next_piece(self) -> bytes | None:
        """The next piece, b"" at the end, None where it cannot be read: `error` says why."""
        try:
            piece = self._body.read(self._position, PIECE)
        except Exception as error:  # noqa: BLE001  # it fails the request
            self.error = error
            return None
        self._position += len(piece)
        return piece
