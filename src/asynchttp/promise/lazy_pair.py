"""PendingResponse and Content: stand in for the response and the bytes of a pending request.

Rules:
- A look is any use that needs the answer. Every look blocks until the promise is done, then behaves
  as with a Response or bytes; if the request failed, every look raises the failure.
- The first look *resolves* a PendingResponse in place: the class changes to Response, and later
  looks cost no more than with any other Response.
- Setting an attribute is not a look.
"""

from __future__ import annotations

import email.message
import operator
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from ..messages.response import Answer, Response
from .future import state_lock

# For a type checker a Content is bytes. A real subclass of bytes would be empty for ever: C code
# reads the bytes that the object was made with.
if TYPE_CHECKING:
    _Bytes = bytes
else:
    _Bytes = object


class Source(Protocol):
    """The promise, as the lazy pair sees the promise."""

    def wait_for_response(self) -> Response:
        """Wait for the Response to look at in this thread; raises the failure."""

    def wait_for_answer(self) -> Answer:
        """Wait for the Answer with the content; raises the failure."""

    def is_final(self) -> bool:
        """Whether the answer is the same for all threads: no callback is running."""


# Attributes that the answer sets: a program that sets such an attribute waits for the answer first.
SET_BY_ANSWER = frozenset(("status", "reason", "version", "previous", "fromcache"))


# Never a header name; and a str, since Python keeps dicts of str keys smaller.
_PLACEHOLDER = "\0"


class PendingResponse(Response):
    """A Response before the first look."""

    __slots__ = ()

    def __init__(self, source: Source) -> None:
        object.__setattr__(self, "_source", source)
        # Never empty: json's C code writes an empty dict as {} without a call of any method.
        dict.__setitem__(self, _PLACEHOLDER, "")

    def __getattribute__(self, name: str) -> Any:  # Any: as for every attribute
        if name == "__class__":  # read by isinstance() and pickle; not a look
            return Response
        return getattr(_resolve(self), name)

    def __getattr__(self, name: str) -> Any:  # Any: as above
        # Python calls this after an AttributeError above. If the request failed with an
        # AttributeError, the failure is raised again here, not taken for a missing attribute.
        return getattr(_resolve(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in SET_BY_ANSWER:
            setattr(_resolve(self), name, value)
        else:
            with state_lock:  # share_attributes moves the attributes under this lock
                object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_resolve(self), name)


def _resolve(pending: PendingResponse) -> Response:
    source: Source | None = object.__getattribute__(pending, "_source")
    # A `source` of None: `pending` has been resolved by another thread meanwhile.
    return pending if source is None else source.wait_for_response()


def resolve_in_place(pending: PendingResponse, ready: Response) -> None:
    """Turn `pending` into a Response equal to `ready`, with shared attributes. Under `state_lock`.

    Threads that look meanwhile wait for `state_lock` until the class has changed. The fields are
    added before the placeholder goes, so that json's C code never sees an empty dict.
    """
    share_attributes(pending, ready)
    dict.update(pending, ready)
    dict.__delitem__(pending, _PLACEHOLDER)
    with suppress(AttributeError):  # unset where each field came once
        object.__setattr__(pending, "_several", ready._several)
    object.__setattr__(pending, "__class__", Response)
    object.__setattr__(pending, "_source", None)


def share_attributes(pending: PendingResponse, ready: Response) -> None:
    """Give both one `__dict__`, with the attributes of either. Under `state_lock`."""
    early: dict[str, object] = object.__getattribute__(pending, "__dict__")
    if early is not ready.__dict__:
        for name, value in early.items():
            ready.__dict__.setdefault(name, value)
        object.__setattr__(pending, "__dict__", ready.__dict__)


# Methods that Python looks up on the class, without `__getattribute__`.
_SHARED_OPERATORS = ("getitem", "contains", "eq", "ne", "lt", "le", "gt", "ge")
_DICT_OPERATORS = (*_SHARED_OPERATORS, "setitem", "delitem")
_DICT_METHODS: dict[str, Callable[..., object]] = {
    **{f"__{name}__": getattr(operator, f"__{name}__") for name in _DICT_OPERATORS},
    **{
        f"__{function.__name__}__": function
        for function in (iter, len, repr, str, reversed, format, dir)
    },
    "__or__": operator.or_,
    "__ior__": operator.ior,
    "__ror__": lambda response, other: other | response,
}


def _call_on_response(function: Callable[..., object]) -> Callable[..., object]:
    def method(self: PendingResponse, *arguments: object) -> object:
        return function(_resolve(self), *arguments)

    return method


for _name, _function in _DICT_METHODS.items():
    setattr(PendingResponse, _name, _call_on_response(_function))


class Content(_Bytes):
    r"""The content of a response: behaves as `bytes` wherever Python lets an object do so.

    `bytes(content)` is plain bytes, for C code that insists. `str(content)` is text, decoded by the
    charset of the response, by default UTF-8; bytes that cannot be decoded become U+FFFD.

    >>> content = Content.of(Answer.of(Response({}), b"caf\xc3\xa9"))
    >>> content == b"caf\xc3\xa9", len(content), str(content)
    (True, 5, 'café')
    """

    __slots__ = ("__weakref__", "_answer", "_bytes", "_source")

    _answer: Answer | None
    _bytes: bytes
    """The content, from the first look on; empty before."""
    _source: Source | None

    @classmethod
    def pending(cls, source: Source) -> Content:
        """The content of a request that is pending."""
        content = cls.__new__(cls)
        content._source, content._answer, content._bytes = source, None, b""
        return content

    @classmethod
    def of(cls, answer: Answer) -> Content:
        """The content of `answer`."""
        content = cls.__new__(cls)
        content._source, content._answer, content._bytes = None, answer, answer.content
        return content

    if not TYPE_CHECKING:  # for a type checker, a subclass of bytes

        @property
        def __class__(self) -> type[bytes]:
            return bytes  # for isinstance()

    def _get_bytes(self) -> bytes:
        content = self._get_answer().content
        if self._answer is not None:
            self._bytes = content
        return content

    def _get_answer(self) -> Answer:
        # Read `_source` first: meanwhile another thread may set `_answer` and clear `_source`.
        source, answer = self._source, self._answer
        if answer is None:
            assert source is not None  # cleared only after `_answer` is set
            answer = source.wait_for_answer()
            if source.is_final():
                self._answer, self._source = answer, None
        return answer

    def __bytes__(self) -> bytes:
        return self._bytes or self._get_bytes()

    def __str__(self) -> str:
        answer = self._get_answer()
        with state_lock:  # an Answer has no lock
            charset = _charset(answer.response)
        try:
            return answer.content.decode(charset, "replace")
        except (LookupError, ValueError):  # unknown to Python, or not a text encoding
            return answer.content.decode("utf-8", "replace")

    def __reduce_ex__(self, protocol: object) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (self.__bytes__(),)


def _charset(response: Response) -> str:
    """The charset parameter of the Content-Type (RFC 9110, 8.3.2)."""
    message = email.message.Message()
    message["content-type"] = response.get("content-type", "")
    return message.get_content_charset() or "utf-8"


def _call_on_bytes(function: Callable[..., object]) -> Callable[..., object]:
    def method(self: Content, *arguments: object, **keywords: object) -> object:
        for argument in arguments:
            if type(argument) is Content:
                arguments = tuple(map(unwrap, arguments))
                break
        if keywords:
            keywords = {name: unwrap(value) for name, value in keywords.items()}
        return function(self._bytes or self._get_bytes(), *arguments, **keywords)

    return method


def _operate_on_bytes(function: Callable[[bytes, Any], object]) -> Callable[..., object]:
    def operation(self: Content, other: object) -> object:
        return function(
            self._bytes or self._get_bytes(), unwrap(other) if type(other) is Content else other
        )

    return operation


def unwrap(argument: Any) -> Any:  # Any: an argument of user code
    """The bytes of a Content (a look); any other `argument` unchanged."""
    return bytes(argument) if type(argument) is Content else argument


def _reflected_add(content: bytes, other: object) -> object:
    """`__radd__`, which bytes does not have: `other + content`.

    From Python 3.12 on bytes adds the buffer of a Content itself; then the look, which raises the
    failure, has been all that `__radd__` is needed for.
    """
    if isinstance(other, (bytes, bytearray)) and sys.version_info < (3, 12):
        return other + content
    return NotImplemented


# Methods of bytes, except the methods of every object. Operators are Python's (`operator.add`), not
# methods of bytes, since Python's try the reflected method of the other operand, too.
_NOT_DELEGATED = frozenset(dir(object)) | {"__bytes__", "__getnewargs__"}
_BYTES_OPERATORS: dict[str, Callable[[bytes, Any], object]] = {
    **{name: getattr(operator, name) for name in (*_SHARED_OPERATORS, "add", "mul", "mod")},
    "radd": _reflected_add,
}
_BYTES_METHODS: dict[str, Callable[..., object]] = {
    **{name: getattr(bytes, name) for name in dir(bytes) if name not in _NOT_DELEGATED},
    # Static and class methods have no use for the content.
    "fromhex": lambda _, *arguments: bytes.fromhex(*arguments),
    "maketrans": lambda _, *arguments: bytes.maketrans(*arguments),
    **{f"__{function.__name__}__": function for function in (hash, repr)},
    # Not methods of bytes: int() and float() would take a Content for bytes, and hide the failure.
    **{f"__{function.__name__}__": function for function in (int, float)},
}
for _name, _function in _BYTES_METHODS.items():
    setattr(Content, _name, _call_on_bytes(_function))
for _name, _function in _BYTES_OPERATORS.items():
    setattr(Content, f"__{_name}__", _operate_on_bytes(_function))
