"""Response and Answer: the end of a request.

Building a Response, a dict, takes some 3 µs. An Answer has the bytes of the head, and builds the
Response at the first look: policy seldom needs the dict.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
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

    # `_several`: the values of fields that came several times, by name.
    # `_source`: the promise of a PendingResponse (promise/lazy_pair.py). A slot, so that vars()
    # does not show the promise; and of this class, since setting `__class__` needs equal slots.
    __slots__ = ("_several", "_source")

    if TYPE_CHECKING:  # callbacks may set attributes

        def __getattr__(self, name: str) -> Any: ...  # Any: the value that was set
        def __setattr__(self, name: str, value: object) -> None: ...

    def __getstate__(self) -> object:
        """The state for pickle and copy, without `_source`."""
        several = getattr(self, "_several", None)
        return self.__dict__ if several is None else (self.__dict__, {"_several": several})

    @property
    def several(self) -> dict[str, list[str]]:
        """The values of fields that came several times, by name."""
        several: dict[str, list[str]] | None = getattr(self, "_several", None)
        return several or {}

    def getall(self, name: str) -> list[str]:
        r"""All values of a header field, in order.

        `response[name]` joins the values with commas. Set-Cookie has commas of its own, and cannot
        be split again.

        >>> head = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1, 2\r\nSet-Cookie: b=3\r\n\r\n"
        >>> Response.parse(head).getall("set-cookie")
        ['a=1, 2', 'b=3']
        """
        name = name.lower()
        if name not in self:
            return []
        values = self.several.get(name, ())
        # The item may have been set to a new value since.
        return list(values) if ", ".join(values) == self[name] else [self[name]]

    @classmethod
    def like(cls, other: Any) -> Response:  # Any: a method of a program may return any object
        """A copy of httplib2's response, or of an object with attributes of a response."""
        response = cls.__new__(cls)
        if isinstance(other, Mapping):
            response.update(other)
        vars(response).update(getattr(other, "__dict__", {}))
        return response

    @classmethod
    def of(cls, reply: Reply) -> Response:
        """The response of a reply."""
        response = cls.__new__(cls)  # httplib2's constructor would copy a dict, slowly
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
    """Version, status, status as text, and reason of a status line. Few lines differ: cached."""
    name, status, *rest = line.split(None, 2)
    version, reason = VERSIONS.get(name, 11), rest[0].strip() if rest else ""
    if not reason and version >= 20:
        # HTTP/2 and 3 have no reason phrase (RFC 9113, 8.3.2): use the standard phrase.
        reason = http.client.responses.get(int(status), "")
    return version, int(status), status, reason


class Answer:
    """The end of an exchange: a Response, built when first read, and the content.

    Not locked: two threads must not read `response` for the first time at once.
    """

    __slots__ = ("_response", "content")

    _response: Response | tuple[Reply, str | None]
    """The response; or its source, the reply and the default `content-location`."""

    def __init__(self, reply: Reply, location: str | None = None) -> None:
        self._response = reply, location
        self.content = reply.content

    @classmethod
    def of(cls, response: Response, content: bytes) -> Answer:
        """An answer whose response is already built."""
        answer = cls.__new__(cls)
        answer._response, answer.content = response, content
        return answer

    @property
    def response(self) -> Response:
        """The response, always the same object."""
        if isinstance(self._response, tuple):
            reply, location = self._response
            self._response = Response.of(reply)
            if location is not None:
                self._response.setdefault("content-location", location)
        return self._response
