"""Response and Answer: what a request ends with, built from the bytes when first asked for.

Building the dict costs some 3 µs. Most of it is never needed on the I/O thread, so an Answer keeps
the head as it came and builds when somebody looks.
"""

from __future__ import annotations

import http.client
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httplib2

from .model import Reply

VERSIONS = {"HTTP/1.0": 10, "HTTP/1.1": 11, "HTTP/2": 20, "HTTP/3": 30}


class Response(httplib2.Response):
    r"""Status and headers: a dict of lower-case header names, with `status`, `reason`, `version`,
    `previous` and `fromcache`, as in httplib2.

    >>> response = Response.parse(b"HTTP/1.1 404 Not Found\r\nServer: x\r\n\r\n")
    >>> response.status, response.reason, response["server"]
    (404, 'Not Found', 'x')
    """

    # Where one that is not there yet comes from (lazy.PendingResponse): a slot, so that vars() does
    # not show it, and here, since only classes of one layout can be swapped.
    __slots__ = ("_source",)

    if TYPE_CHECKING:  # attributes can be set on it, by a callback say

        def __getattr__(self, name: str) -> Any: ...  # Any: whatever was set
        def __setattr__(self, name: str, value: object) -> None: ...

    def __getstate__(self) -> dict[str, object]:
        return self.__dict__  # for pickle, without the slot

    @classmethod
    def parse(cls, head: bytes) -> Response:
        """The final response among the status and header lines of `head` (RFC 9112, 4 and 5)."""
        # Lines that end in LF alone count (RFC 9112, 2.2).
        text = head[_final(head) :].decode("latin-1").replace("\r\n", "\n")
        fields, _, _trailers = text.partition("\n\n")
        status_line, *lines = fields.split("\n")
        response = cls.__new__(cls)  # httplib2's constructor would only copy a dict, slowly
        response.update(_fields(lines))
        response.version, response["status"], response.reason = _status(status_line)
        response.status = int(response["status"])
        return response


@lru_cache(maxsize=256)
def _status(line: str) -> tuple[int, str, str]:
    """Version, status and reason of a status line; there are few different ones."""
    name, status, *rest = line.split(None, 2)
    version, reason = VERSIONS.get(name, 11), rest[0].strip() if rest else ""
    if not reason and version >= 20:
        # HTTP/2 and 3 have no reason phrase (RFC 9113, 8.3.2): the standard one stands in.
        reason = http.client.responses.get(int(status), "")
    return version, status, reason


def _fields(lines: list[str]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for line in lines:
        given, _, padded = line.partition(":")
        name, value = given.lower(), padded.lstrip(" \t")
        # RFC 9110, 5.2: a field that comes several times is one, its values joined.
        fields[name] = f"{fields[name]}, {value}" if name in fields else value
    return fields


# One that another follows: after 101 none does.
_INTERIM = re.compile(rb"HTTP/\S+ 1\d\d.*?\n\r?\n(?=HTTP/)", re.DOTALL)


_EMPTY_LINE = re.compile(rb"\n\r?\n")


def is_whole(head: bytes) -> bool:
    """Whether the final response's head has its end; trailers may follow."""
    return _EMPTY_LINE.search(head, _final(head)) is not None


def _final(head: bytes) -> int:
    """Where the final response begins: interim ones (1xx) come before it."""
    start = 0
    while interim := _INTERIM.match(head, start):
        start = interim.end()
    return start


class Answer:
    """The end of an exchange: a Response and its content, each built when first asked for.

    Not locked: whoever shares one between threads takes care that one of them asks first.
    """

    __slots__ = ("_chunks", "_head", "_located", "_response")

    def __init__(self, reply: Reply, located: str | None = None) -> None:
        self._head = reply.head
        self._chunks = reply.chunks
        self._located = located
        self._response: Response | None = None

    @classmethod
    def of(cls, response: Response, content: bytes) -> Answer:
        """An answer that has been worked on."""
        answer = cls(Reply(response.status, b"", (content,)))
        answer._response = response
        return answer

    @property
    def response(self) -> Response:
        """The response, always the same object."""
        if self._response is None:
            self._response = Response.parse(self._head)
            self._head = b""
            if self._located is not None:
                self._response.setdefault("content-location", self._located)
        return self._response

    @property
    def content(self) -> bytes:
        """The content; put together by the thread that asks, since a large one takes time."""
        if len(self._chunks) != 1:
            self._chunks = (b"".join(self._chunks),)
        return self._chunks[0]
