"""Response and Answer: what a request ends with, built from the bytes when first asked for.

Building the dict costs some 3 µs. Most of it is never needed on the I/O thread, so an Answer keeps
the head as it came and builds when somebody looks.
"""

from __future__ import annotations

import http.client
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httplib2

from .. import _core
from .transfer import Reply

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
    # The other is what came several times, by name.
    __slots__ = ("_several", "_source")

    if TYPE_CHECKING:  # attributes can be set on it, by a callback say

        def __getattr__(self, name: str) -> Any: ...  # Any: whatever was set
        def __setattr__(self, name: str, value: object) -> None: ...

    def __getstate__(self) -> object:
        """For pickle and copy, without where it came from."""
        several = getattr(self, "_several", None)
        return self.__dict__ if several is None else (self.__dict__, {"_several": several})

    def getall(self, name: str) -> list[str]:
        r"""The values of a header that may come several times, in their order.

        As an item they are one, joined, which cannot always be undone: Set-Cookie has commas.

        >>> head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1, 2\r\nSet-Cookie: b=3\r\n\r\n"
        >>> Response.parse(head).getall("set-cookie")
        ['a=1, 2', 'b=3']
        """
        name = name.lower()
        if name not in self:
            return []
        values = (getattr(self, "_several", None) or {}).get(name, ())
        # Unless the item has been set to something else since.
        return list(values) if ", ".join(values) == self[name] else [self[name]]

    @classmethod
    def like(cls, other: httplib2.Response) -> Response:
        """The same as one of httplib2's."""
        response = cls.__new__(cls)
        response.update(other)
        vars(response).update(vars(other))
        return response

    @classmethod
    def of(cls, reply: Reply) -> Response:
        """The response of a reply."""
        response = cls.__new__(cls)  # httplib2's constructor would only copy a dict, slowly
        status_line = _core.parse_head(reply.head, response)
        response.complete(status_line, reply.content, reply.is_decoded)
        return response

    @classmethod
    def parse(cls, head: bytes) -> Response:
        """The final response among the status and header lines of `head` (RFC 9112, 4 and 5)."""
        response = cls.__new__(cls)
        response.complete(_core.parse_head(head, response), b"", False)
        return response

    def complete(self, status_line: str, content: bytes, is_decoded: bool) -> None:
        """Add the status line; change the fields of decoded content as httplib2 does."""
        self.version, self.status, self["status"], self.reason = _status(status_line)
        if is_decoded:
            self["content-length"] = str(len(content))
            self["-content-encoding"] = self.pop("content-encoding")


@lru_cache(maxsize=256)
def _status(line: str) -> tuple[int, int, str, str]:
    """Version, status, the same as text, and reason of a status line; few are different."""
    name, status, *rest = line.split(None, 2)
    version, reason = VERSIONS.get(name, 11), rest[0].strip() if rest else ""
    if not reason and version >= 20:
        # HTTP/2 and 3 have no reason phrase (RFC 9113, 8.3.2): the standard one stands in.
        reason = http.client.responses.get(int(status), "")
    return version, int(status), status, reason


class Answer:
    """The end of an exchange: a Response, built when first asked for, and its content.

    Not locked: whoever shares an Answer between threads takes care that one of them asks first.
    """

    __slots__ = ("_response", "content")

    _response: Response | tuple[Reply, str | None]
    """The response; or what it will be made from: the reply, and where that was found."""

    def __init__(self, reply: Reply, located: str | None = None) -> None:
        self._response = reply, located
        self.content = reply.content

    @classmethod
    def of(cls, response: Response, content: bytes) -> Answer:
        """An answer that has been worked on."""
        answer = cls.__new__(cls)
        answer._response, answer.content = response, content
        return answer

    @property
    def response(self) -> Response:
        """The response, always the same object."""
        if isinstance(self._response, tuple):
            reply, located = self._response
            self._response = Response.of(reply)
            if located is not None:
                self._response.setdefault("content-location", located)
        return self._response
