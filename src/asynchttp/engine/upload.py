"""Upload: a file as the body of a transfer, read by workers, since a disk may be slow.

The core asks for the next piece when a piece has been sent, and pauses the transfer meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable

from ..messages.body import Body

PIECE = 1 << 20  # bytes a worker reads at a time


class Upload:
    """The state of a Body that a transfer sends."""

    __slots__ = ("_body", "_position", "error", "transfer")

    def __init__(self, body: Body, transfer: int) -> None:
        """`transfer`: the number of the transfer within the request."""
        self._body = body
        self.transfer = transfer
        self._position = 0  # of the next byte to send
        self.error: Exception | None = None
        """The exception of a failed read."""

    def read_on_worker(
        self,
        give: Callable[[bytes | None], None],
        run_on_worker: Callable[[Callable[[], None]], None],
    ) -> None:
        """Have a worker read the next piece, and call `give` with the piece, or None on failure."""

        def read() -> None:
            give(self.next_piece())

        run_on_worker(read)

    def next_piece(self) -> bytes | None:
        """The next piece; b"" at the end; or None on failure, when `error` is set."""
        try:
            piece = self._body.read(self._position, PIECE)
        except Exception as error:  # noqa: BLE001  # the request fails with the error
            self.error = error
            return None
        self._position += len(piece)
        return piece
