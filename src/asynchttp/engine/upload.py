"""Upload: a body that workers read while a transfer sends the body: a file, since a disk may be
slow, or an iterable, which is user code.

The core asks for the next piece when a piece has been sent, and pauses the transfer meanwhile.

Rules:
- A piece goes to the core as soon as the core has asked: a slow iterable delays no item.
- A fast iterable is read ahead, up to `Body.ahead` bytes, since each handover to the core takes as
  long as thirty small items.
- A single worker at a time reads.
"""

from __future__ import annotations

from collections.abc import Callable

from ..messages.body import Body
from ..messages.errors import BodySpentError
from ..process.native import threading

Give = Callable[[bytes | None], None]
"""Takes the next piece; b"" at the end; or None on failure."""


class Upload:
    """The state of a Body that a transfer sends."""

    __slots__ = ("_ahead", "_body", "_give", "_is_reading", "_last", "_lock", "_pieces", "error",
                 "transfer")  # fmt: skip

    def __init__(self, body: Body, transfer: int) -> None:
        """`transfer`: the number of the transfer within the request.

        Raises `BodySpentError` for a body that an earlier transfer has read.
        """
        if body.is_spent:
            raise BodySpentError
        self.transfer = transfer
        self.error: BaseException | None = None
        """The exception of a failed read."""
        self._body = body
        self._pieces = body.pieces()
        self._lock = threading.Lock()
        # Under the lock:
        self._give: Give | None = None  # the core waits for a piece
        self._is_reading = False
        self._ahead = bytearray()
        self._last: tuple[bytes | None] | None = None  # the end of the body: b"" or None

    def read_on_worker(self, give: Give, run: Callable[[Callable[[], None]], None]) -> None:
        """Call `give` with the next piece, now or on a worker. `run` makes a worker call."""
        self._body.note_reading()
        with self._lock:
            taken = self._take()
            self._give = give if taken is None else None
            must_read = not self._is_reading and self._last is None
            self._is_reading = self._is_reading or must_read
        if taken is not None:
            give(*taken)
        if must_read:
            run(self._read)

    def close(self) -> None:
        """Read no more: the transfer has ended."""
        with self._lock:
            self._last = self._last or (b"",)

    def _take(self) -> tuple[bytes | None] | None:
        """The bytes that were read ahead, or the end of the body; None for neither."""
        if not self._ahead:
            return self._last
        piece = bytes(self._ahead)
        self._ahead.clear()
        return (piece,)

    def _read(self) -> None:
        is_reading = True
        while is_reading:
            piece = self.next_piece()
            with self._lock:
                give, self._give = self._give, None
                if not piece:
                    self._last = self._last or (piece,)
                elif give is None:
                    self._ahead += piece
                is_full = len(self._ahead) >= self._body.ahead
                self._is_reading = is_reading = self._last is None and not is_full
            if give is not None:
                give(piece)

    def next_piece(self) -> bytes | None:
        """The next piece; b"" at the end; or None on failure, when `error` is set."""
        try:
            return next(self._pieces, b"")
        except BaseException as error:  # noqa: BLE001  # the request fails with the error
            self.error = error
            return None
