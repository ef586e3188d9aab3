"""PendingResponse and Content: what stands in for a response and its bytes.

Rules:
- Every look blocks until there is something to see, then behaves as the real thing does; if the
  request failed, every look raises that failure.
- A PendingResponse *becomes* a Response when it is first looked at: its class changes, and from
  then on it costs what a plain one costs.
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

# For a type checker a Content is bytes; at run time it cannot be: C code would read the bytes that
# a subclass of bytes is born with, before there are any.
if TYPE_CHECKING:
    _Bytes = bytes
else:
    _Bytes = object


class Source(Protocol):
    """Where the real things come from: the promise. Both block, and raise the failure."""

    def present_response(self) -> Response:
        """The Response to look at now."""

    def present_answer(self) -> Answer:
        """The Answer with the content."""

    def may_keep(self) -> bool:
        """Whether what was present is final, and not a callback's view of what is to come."""


# Those that arrive with the response: to set one before that has to wait for it.
ARRIVING = frozenset(("status", "reason", "version", "previous", "fromcache"))


# No key of a Response; and text, since Python keeps dicts smaller that have nothing else for keys.
_PLACEHOLDER = "\0"


class PendingResponse(Response):
    """A Response that has not been looked at yet."""

    __slots__ = ()

    def __init__(self, source: Source) -> None:
        object.__setattr__(self, "_source", source)
        # json's C code writes an empty dict as {} without asking it; so it is never empty.
        dict.__setitem__(self, _PLACEHOLDER, "")

    def __getattribute__(self, name: str) -> Any:  # Any: as for every attribute
        if name == "__class__":  # isinstance() asks, which is no look; pickle asks too
            return Response
        return getattr(_present(self), name)

    def __getattr__(self, name: str) -> Any:  # Any: as above
        # Python comes here when the look above raised AttributeError. If that is the failure of
        # the request, it is raised again here, and not taken for a missing attribute.
        return getattr(_present(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        if name in ARRIVING:
            setattr(_present(self), name, value)
        else:
            with state_lock:  # not while others move the attributes
                object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        delattr(_present(self), name)


def _present(pending: PendingResponse) -> Response:
    source: Source | None = object.__getattribute__(pending, "_source")
    # None: another thread looked a moment ago, and it has become a Response.
    return pending if source is None else source.present_response()


def resolve_in_place(pending: PendingResponse, ready: Response) -> None:
    """Turn `pending` into what `ready` is; both share their attributes then. Under `state_lock`.

    Others may be looking: they wait for `state_lock` until its class has changed, and json's C code
    never sees it empty.
    """
    share_attributes(pending, ready)
    dict.update(pending, ready)
    dict.__delitem__(pending, _PLACEHOLDER)
    with suppress(AttributeError):  # nothing came several times
        object.__setattr__(pending, "_several", ready._several)
    object.__setattr__(pending, "__class__", Response)
    object.__setattr__(pending, "_source", None)


def share_attributes(pending: PendingResponse, ready: Response) -> None:
    """One set of attributes for both, with those that were set on either. Under `state_lock`."""
    early: dict[str, object] = object.__getattribute__(pending, "__dict__")
    if early is not ready.__dict__:
        for name, value in early.items():
            ready.__dict__.setdefault(name, value)
        object.__setattr__(pending, "__dict__", ready.__dict__)


# What Python calls without asking for an attribute.
_SHARED_OPERATORS = ("getitem", "contains", "eq", "ne", "lt", "le", "gt", "ge")
_DICT_OPERATORS = (*_SHARED_OPERATORS, "setitem", "delitem")
_DICT_LOOKS: dict[str, Callable[..., object]] = {
    **{f"__{name}__": getattr(operator, f"__{name}__") for name in _DICT_OPERATORS},
    **{f"__{look.__name__}__": look for look in (iter, len, repr, str, reversed, format, dir)},
    "__or__": operator.or_,
    "__ior__": operator.ior,
    "__ror__": lambda mine, other: other | mine,
}


def _on_present(look: Callable[..., object]) -> Callable[..., object]:
    def method(self: PendingResponse, *arguments: object) -> object:
        return look(_present(self), *arguments)

    return method


for _name, _look in _DICT_LOOKS.items():
    setattr(PendingResponse, _name, _on_present(_look))


class Content(_Bytes):
    r"""The bytes of a response: behaves as `bytes` wherever Python lets an object do so.

    Where C code insists on the real thing, `bytes(content)` gives it. `str(content)` is text, by
    the charset that the response names, else UTF-8; what cannot be decoded becomes U+FFFD.

    >>> content = Content.of(Answer.of(Response({}), b"caf\xc3\xa9"))
    >>> content == b"caf\xc3\xa9", len(content), str(content)
    (True, 5, 'café')
    """

    __slots__ = ("__weakref__", "_answer", "_bytes", "_source")

    _answer: Answer | None
    _bytes: bytes
    """What was seen at the first look; none before."""
    _source: Source | None

    @classmethod
    def to_come(cls, source: Source) -> Content:
        """The content that `source` will have."""
        content = cls.__new__(cls)
        content._source, content._answer, content._bytes = source, None, b""
        return content

    @classmethod
    def of(cls, answer: Answer) -> Content:
        """The content of an answer that is there."""
        content = cls.__new__(cls)
        content._source, content._answer, content._bytes = None, answer, answer.content
        return content

    if not TYPE_CHECKING:  # to which it is one

        @property
        def __class__(self) -> type[bytes]:
            return bytes  # isinstance() asks

    def _look(self) -> bytes:
        content = self._present().content
        if self._answer is not None:
            self._bytes = content
        return content

    def _present(self) -> Answer:
        source, answer = self._source, self._answer  # in this order: another thread may be here
        if answer is None:
            assert source is not None  # it has one or the other
            answer = source.present_answer()
            if source.may_keep():
                self._answer, self._source = answer, None
        return answer

    def __bytes__(self) -> bytes:
        return self._bytes or self._look()

    def __str__(self) -> str:
        answer = self._present()
        with state_lock:  # an Answer has no lock of its own
            charset = _charset(answer.response)
        try:
            return answer.content.decode(charset, "replace")
        except (LookupError, ValueError):  # nothing that Python decodes to text
            return answer.content.decode("utf-8", "replace")

    def __reduce_ex__(self, protocol: object) -> tuple[type[bytes], tuple[bytes]]:
        return bytes, (self.__bytes__(),)


def _charset(response: Response) -> str:
    """The charset parameter of the content-type (RFC 9110, 8.3.2)."""
    message = email.message.Message()
    message["content-type"] = response.get("content-type", "")
    return message.get_content_charset() or "utf-8"


def _on_bytes(look: Callable[..., object]) -> Callable[..., object]:
    def method(self: Content, *arguments: object, **keywords: object) -> object:
        for argument in arguments:
            if type(argument) is Content:
                arguments = tuple(map(unwrap, arguments))
                break
        if keywords:
            keywords = {name: unwrap(value) for name, value in keywords.items()}
        return look(self._bytes or self._look(), *arguments, **keywords)

    return method


def _on_bytes_and_another(look: Callable[[bytes, Any], object]) -> Callable[..., object]:
    def operation(self: Content, other: object) -> object:
        return look(self._bytes or self._look(), unwrap(other) if type(other) is Content else other)

    return operation


def unwrap(argument: Any) -> Any:  # Any: whatever it is
    """The bytes, if it is a Content, which is a look; else what it is."""
    return bytes(argument) if type(argument) is Content else argument


def _add_after(content: bytes, other: object) -> object:
    """What `other + content` asks `content` first. bytes has no __radd__: there C code adds, which
    takes our buffer from Python 3.12 on; then to have looked is all, so that a failure is raised.
    """
    if isinstance(other, (bytes, bytearray)) and sys.version_info < (3, 12):
        return other + content
    return NotImplemented


# All that bytes can do, but for what objects are made, kept and named with. Operators as Python
# has them: with bytes in its place, the other side has its say too.
_OWN = frozenset(dir(object)) | {"__bytes__", "__getnewargs__"}
_BYTES_OPERATORS: dict[str, Callable[[bytes, Any], object]] = {
    **{name: getattr(operator, name) for name in (*_SHARED_OPERATORS, "add", "mul", "mod")},
    "radd": _add_after,
}
_BYTES_LOOKS: dict[str, Callable[..., object]] = {
    **{name: getattr(bytes, name) for name in dir(bytes) if name not in _OWN},
    # Methods of the class: they need no object.
    "fromhex": lambda _, *arguments: bytes.fromhex(*arguments),
    "maketrans": lambda _, *arguments: bytes.maketrans(*arguments),
    **{f"__{look.__name__}__": look for look in (hash, repr)},
    # What bytes has not: int() and float() know bytes, and hide the failure of what is like them.
    **{f"__{look.__name__}__": look for look in (int, float)},
}
for _name, _look in _BYTES_LOOKS.items():
    setattr(Content, _name, _on_bytes(_look))
for _name, _look in _BYTES_OPERATORS.items():
    setattr(Content, f"__{_name}__", _on_bytes_and_another(_look))
