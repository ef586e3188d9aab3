"""Body: the bytes that a request sends.

Rules:
- Bytes, text and collections of bytes are copied by the call of `Http.request`. The descriptor of a
  regular file is duplicated, and the file is read later, from its position at the call, without
  moving the position. Any other reader is read at the call.
- A generator, or another iterable that is no collection, is read while the body is sent, by
  workers. An iterator can be read only once, and so is never sent twice.
- Text is latin-1, as in `http.client`. Bodies that `http.client` sends without a length go out
  chunked.
- Only workers call `read` of a file, since a disk may be slow.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

PIECE = 1 << 20  # bytes of a file that are read at a time

ALLOWED = "body: expected bytes, str, a file, a reader or an iterable of bytes"


class Body:
    r"""A body in memory.

    >>> body = body_from("café")
    >>> body.read(0, 100), body.chunked
    (b'caf\xe9', False)
    """

    __slots__ = ("chunked", "content")
    in_memory = True
    is_spent = False
    """Whether the body has been read, and cannot be read again."""
    ahead = 0
    """How many bytes a worker reads beyond the piece that is being sent."""

    def __init__(self, content: bytes, chunked: bool = False) -> None:
        self.content = content
        self.chunked = chunked

    def read(self, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset` on; b"" at the end."""
        return self.content[offset : offset + size]

    def pieces(self) -> Iterator[bytes]:
        """The body from the beginning, in pieces that are not empty."""
        size = 0
        while piece := self.read(size, PIECE):
            yield piece
            size += len(piece)

    def whole(self) -> bytes:
        """The whole body."""
        return b"".join(self.pieces())

    def note_reading(self) -> None:
        """The pieces of the body are about to be read."""

    def close(self) -> None:
        """Release the file, if any."""


class FileBody(Body):
    """The rest of a regular file, read when sent."""

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
        # A request is pickled with its error; a descriptor is of no use in another process.
        return Body, (b"", True)


class IterableBody(Body):
    """The items of an iterable, read when sent. Only user code knows the number of items."""

    __slots__ = ("_is_iterator", "_items", "is_spent")
    in_memory = False
    ahead = 1 << 18

    def __init__(self, items: Iterable[object]) -> None:
        super().__init__(b"", chunked=True)
        self._items = items
        self._is_iterator = isinstance(items, Iterator)
        self.is_spent = False

    def pieces(self) -> Iterator[bytes]:
        for item in self._items:
            if piece := _encode_item(item):  # a chunk of 0 bytes would end the body
                yield piece

    def note_reading(self) -> None:
        self.is_spent = self._is_iterator

    def close(self) -> None:
        self._items = ()

    def __reduce__(self) -> tuple[type[Body], tuple[bytes, bool]]:
        return Body, (b"", True)  # as FileBody


def body_from(body: object) -> Body | None:
    """The Body for the argument `body` of `Http.request`.

    Raises `TypeError` for an argument of another type, `UnicodeEncodeError` for text beyond
    latin-1.
    """
    if body is None:
        return None
    if isinstance(body, str | bytes | bytearray | memoryview):
        return Body(_encode(body))
    if _is_regular_file(body):
        return FileBody(body)  # type: ignore[arg-type]  # checked by _is_regular_file
    if hasattr(body, "read"):
        return Body(_encode(body.read()), chunked=True)
    return _buffer_or_iterable(body)


def _buffer_or_iterable(body: object) -> Body:
    try:
        return Body(bytes(memoryview(body)))  # type: ignore[arg-type]  # TypeError if no buffer
    except TypeError:
        if isinstance(body, Mapping) or not isinstance(body, Iterable):
            raise TypeError(f"{ALLOWED}, not {type(body).__name__}") from None
    if isinstance(body, Collection):
        return Body(b"".join(map(_encode_item, body)), chunked=True)
    return IterableBody(body)


def _encode_item(item: Any) -> bytes:  # Any: an object of any type
    try:
        return item if type(item) is bytes else bytes(memoryview(item))
    except TypeError:
        pass
    if isinstance(item, bytes):  # Content has no buffer before Python 3.12
        return bytes(item)
    raise TypeError(f"{ALLOWED}, not an iterable of {type(item).__name__}")


def _encode(content: object) -> bytes:
    if isinstance(content, str):
        return content.encode("latin-1")
    if isinstance(content, bytes):  # includes Content, which has no buffer before Python 3.12
        return bytes(content)
    return bytes(memoryview(content))  # type: ignore[arg-type]  # TypeError names the type


def _is_regular_file(body: object) -> bool:
    """Whether `read` of the object returns the file's own bytes; `read` of a GzipFile does not."""
    if type(body) not in (io.FileIO, io.BufferedReader, io.BufferedRandom):
        return False
    raw = getattr(body, "raw", body)
    return type(raw) is io.FileIO and stat.S_ISREG(os.fstat(raw.fileno()).st_mode)
