"""Body: what a request sends, taken at the call so that the caller may do what he likes after.

Rules:
- Bytes and text are copied. A regular file is dup'ed and read later, from where it stood, without
  moving anybody's position. Any other reader or iterable is read here and now.
- Text is latin-1, as in `http.client`. What `http.client` sends without a length goes out chunked.
- Only workers call `read` of a file: it may touch a disk.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable

PIECE = 1 << 20  # bytes


class Body:
    r"""The bytes to send, when they are in memory.

    >>> body = take("café")
    >>> body.read(0, 100), body.chunked
    (b'caf\xe9', False)
    """

    __slots__ = ("chunked", "content")
    in_memory = True

    def __init__(self, content: bytes, chunked: bool = False) -> None:
        self.content = content
        self.chunked = chunked

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; none at the end."""
        return self.content[offset : offset + size]

    def whole(self) -> bytes:
        """All of it."""
        pieces, size = list[bytes](), 0
        while piece := self.read(size, PIECE):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Nothing to give back."""


class FileBody(Body):
    """The rest of a regular file, read when it is sent."""

    __slots__ = ("_fd", "_start")
    in_memory = False

    def __init__(self, file: io.FileIO | io.BufferedReader | io.BufferedRandom) -> None:
        super().__init__(b"", chunked=True)
        self._fd = -1
        self._start = file.tell()
        if not isinstance(file, io.BufferedReader):
            file.flush()
        self._fd = os.dup(file.fileno())

    def read(self, offset: int, size: int) -> bytes:
        return os.pread(self._fd, size, self._start + offset)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Body], tuple[bytes, bool]]:
        return Body, (b"", True)  # pickled with an error: the file stays with its process


def take(body: object) -> Body | None:
    """A Body of whatever `Http.request` accepts as one.

    Raises `TypeError` for anything else, `UnicodeEncodeError` for text beyond latin-1.
    """
    if body is None:
        return None
    if isinstance(body, str | bytes | bytearray | memoryview):
        return Body(_encode(body))
    if _is_regular_file(body):
        return FileBody(body)  # type: ignore[arg-type]  # that is what was asked
    if hasattr(body, "read"):
        return Body(_encode(body.read()), chunked=True)
    return _take_other(body)


def _take_other(body: object) -> Body:
    try:
        return Body(bytes(memoryview(body)))  # type: ignore[arg-type]  # TypeError if it is none
    except TypeError:
        if isinstance(body, Iterable):
            return Body(b"".join(map(_encode, body)), chunked=True)
    raise TypeError(
        "body: expected bytes, str, a file, a reader or an iterable of bytes,"
        f" not {type(body).__name__}"
    )


def _encode(content: object) -> bytes:
    if isinstance(content, str):
        return content.encode("latin-1")
    if isinstance(content, bytes):  # or a promise's content, which has no buffer before Python 3.12
        return bytes(content)
    return bytes(memoryview(content))  # type: ignore[arg-type]  # TypeError names the type


def _is_regular_file(body: object) -> bool:
    """Only for types known to hand out what is on the disk: a GzipFile has a fileno too."""
    if type(body) not in (io.FileIO, io.BufferedReader, io.BufferedRandom):
        return False
    raw = getattr(body, "raw", body)
    return type(raw) is io.FileIO and stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
