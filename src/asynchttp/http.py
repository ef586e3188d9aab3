"""Http: httplib2's, with requests that return at once."""

from __future__ import annotations

import concurrent.futures
import copy
import socket
import sys
import weakref
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import httplib2

from .dispatch.dispatcher import Dispatcher
from .engine.clients import Clients
from .filecache import as_safe_cache
from .messages.body import body_from
from .messages.callsite import frames_of_caller
from .messages.request import Headers, Request
from .messages.settings import Cache, Certificate, DecodeLimits, Settings, Tls
from .promise.lazy_pair import unwrap
from .promise.promise import Callback, Promise, new_promise

P = ParamSpec("P")
T = TypeVar("T")

HTTPLIB2 = httplib2.Http  # as it is now: a program may put this Http in its place
OURS = frozenset(("blocking", "connections", "max_workers"))  # not for another client


class Http(httplib2.Http):
    """An HTTP client: httplib2's, whose requests run in the background.

    `max_workers`: how many requests are worked on at once, callbacks included; any number can wait.
    All other arguments, attributes and methods are those of `httplib2.Http`. Any number of threads
    may share one.

    >>> http = Http(timeout=30)
    >>> response, content = http.request(url)  # returns at once
    >>> response.status  # blocks until it is there
    200

    `blocking`: `request` waits, raises what goes wrong, and returns a plain response and bytes, as
    httplib2's does; but it may be shared by threads.

    >>> response, content = Http(blocking=True).request(url)  # blocks here
    >>> type(content)
    <class 'bytes'>
    """

    # Not among the attributes, which are httplib2's.
    __slots__ = ("_clients", "_dispatcher", "_lasting", "_seen")

    Client: type[httplib2.Http] | None = None
    """A class with httplib2's interface whose objects make the requests, on workers; None for
    libcurl."""

    # Any: these are httplib2's own arguments, which it does not type.
    def __init__(
        self,
        cache: Any = None,
        timeout: float | None = None,
        proxy_info: Any = httplib2.proxy_info_from_environment,
        ca_certs: str | None = None,
        disable_ssl_certificate_validation: bool = False,
        tls_maximum_version: Any = None,
        tls_minimum_version: Any = None,
        decode_limit_hard: int | None = None,
        decode_limit_safe: int | None = None,
        decode_limit_ratio: float | None = None,
        decode_limit_chunk: int | None = None,
        *,
        max_workers: int = 32,
        blocking: bool = False,
    ) -> None:
        super().__init__(
            cache,
            timeout,
            proxy_info,
            ca_certs,
            disable_ssl_certificate_validation,
            tls_maximum_version,
            tls_minimum_version,
            decode_limit_hard,
            decode_limit_safe,
            decode_limit_ratio,
            decode_limit_chunk,
        )
        self.blocking = blocking
        self._set_up(max_workers)

    def _set_up(self, max_workers: int) -> None:
        self._dispatcher = Dispatcher(_at_least_one("max_workers", max_workers))
        vars(self)["max_workers"] = max_workers
        self._seen: tuple[tuple[object, ...], Settings] = (), self._work_out_settings()
        self._clients = Clients()
        # When the Http is dropped, what is pending is finished, then its threads end.
        weakref.finalize(self, self._dispatcher.retire).atexit = False

    @property
    def max_workers(self) -> int:
        """How many requests are worked on at once, from now on; `ValueError` below 1."""
        limit: int = vars(self)["max_workers"]
        return limit

    @max_workers.setter
    def max_workers(self, limit: int) -> None:
        self._dispatcher.limit(_at_least_one("max_workers", limit))
        vars(self)["max_workers"] = limit

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: object = None,
        headers: Headers | None = None,
        redirections: int = httplib2.DEFAULT_MAX_REDIRECTS,
        connection_type: Any = None,  # Any: httplib2's, as above
        *,
        callback: Callback | None = None,
    ) -> Promise:
        """Ask for `uri` in the background; returns at once, and raises nothing that has to do with
        the request: that comes when its response or content is looked at.

        `body`: bytes, text (latin-1), a file or another reader, or an iterable of bytes; taken now.
        `headers`: copied. A promise's content among either is looked at now, which may block.
        `redirections`: how many redirects are followed.
        `callback`: called on a worker with the promise, settled; what it raises becomes the
        promise's exception, unless the request itself failed.

        >>> promise = Http().request(url, "POST", body="hello", headers={"content-type": "text/x"})
        >>> promise.result()[0].status
        200
        """
        runner, settings = self._dispatcher, self._current_settings()
        promise = new_promise(runner, runner.account, settings, method, uri, redirections)
        if headers is not None or body is not None or type(uri) is not str:
            _take(promise, uri, body, headers)
        if connection_type is not None or self.Client is not None or _has_expect(promise._headers):
            client = self._client(connection_type)
            promise._settings = settings._replace(client=client, is_plain=False)
        if callback is not None:
            promise.callback = callback
        if self.blocking:
            return runner.answer(promise)  # type: ignore[return-value]  # a promise unpacks to the same
        runner.submit(promise)
        return promise

    def _client(
        self,
        connection_type: Any,  # Any: httplib2's, as above
    ) -> Callable[[Request], tuple[httplib2.Response, bytes]]:
        kind = self.Client or HTTPLIB2
        # Not what hides a method: a `request` of somebody's calls ours, which would ask again.
        attributes = {
            name: value
            for name, value in vars(self).items()
            if name not in OURS and not hasattr(type(self), name)
        }
        return partial(self._clients.request, kind, attributes, connection_type)

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> concurrent.futures.Future[T]:
        """Call `fn(*args, **kwargs)` on a worker, when there is a slot; a Future of its value.

        >>> Http().submit(pow, 2, 10).result()
        1024
        """
        frames = frames_of_caller()
        name = getattr(fn, "__qualname__", None) or repr(fn)
        return self._dispatcher.call(partial(fn, *args, **kwargs), f"a call of {name}", frames)

    def _current_settings(self) -> Settings:
        """What the attributes are now; worked out anew only when one has changed."""
        attributes = (
            self.follow_redirects,
            self.follow_all_redirects,
            self.redirect_codes,
            self.safe_methods,
            self.forward_authorization_headers,
            self.limit_kwargs,
            self.timeout,
            self.ca_certs,
            self.disable_ssl_certificate_validation,
            socket.getdefaulttimeout(),
            self.tls_minimum_version,
            self.tls_maximum_version,
            id(self.proxy_info),
            id(self.cache),
            self.optimistic_concurrency_methods,
            self.ignore_etag,
            self.force_exception_to_status_code,
            self.credentials.credentials,
            self.certificates.credentials,
            id(self.authorizations),
            len(self.authorizations),
        )
        seen, settings = self._seen
        if attributes != seen:
            settings = self._work_out_settings()
            # The lists and dicts among them can change in place; what an id stands for has to last.
            self._seen = tuple(map(_copy_of, attributes)), settings
            self._lasting = self.proxy_info, self.cache, self.authorizations
        return settings

    def _work_out_settings(self) -> Settings:
        return Settings(
            self.follow_redirects,
            self.follow_all_redirects,
            frozenset(self.redirect_codes),
            tuple(self.safe_methods),
            self.forward_authorization_headers,
            _decode_limits(self.limit_kwargs),
            socket.getdefaulttimeout() if self.timeout is None else self.timeout,
            Tls(
                self.ca_certs or httplib2.CA_CERTS,
                not self.disable_ssl_certificate_validation,
                self.tls_minimum_version,
                self.tls_maximum_version,
            ),
            self.authorizations,
            tuple(map(_certificate, self.certificates.credentials)),
            self.proxy_info or None,
            _usable(self.cache),
            tuple(self.optimistic_concurrency_methods),
            self.ignore_etag,
            tuple(self.credentials.credentials),
            self.force_exception_to_status_code,
        ).with_derived()

    def close(self, cancel_futures: bool = False) -> None:
        """Finish what is pending, or with `cancel_futures` cancel it; then close the connections,
        and forget the credentials. The Http can be used again afterwards.

        May be called from anywhere; in a callback of its own it does not wait.
        """
        self._dispatcher.close(cancel_futures)
        self._clients.close()
        super().close()

    def __enter__(self) -> Http:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Any: attributes, as httplib2 pickles them; its types do not know that it does.
    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        self._set_up(self.max_workers)


def _take(promise: Promise, uri: object, body: object, headers: Headers | None) -> None:
    """Take what the caller may change later, or what has to be looked at."""
    try:
        if headers is not None:
            promise._headers = _snapshot(headers)
        if body is not None:
            promise._body = body_from(body)
        if type(uri) is not str:
            promise._uri = unwrap(uri)  # and refused, if it is bytes, as by httplib2
    except Exception as error:  # noqa: BLE001  # it comes when somebody looks
        promise._error = error


def _snapshot(headers: Headers) -> Headers:
    """A copy that nobody has to wait for: who looks at it may be who is to answer all others."""
    copied: dict[Any, Any] = dict(headers)  # Any: str or bytes, in all combinations
    for name, value in copied.items():
        if type(value) is not str:
            copied[name] = unwrap(value)
    return copied


def _has_expect(headers: Headers | None) -> bool:
    """Whether Expect is among the fields: after a 417 libcurl would ask again, or lose content."""
    return headers is not None and any(map(_is_expect, headers))


def _is_expect(name: object) -> bool:
    if isinstance(name, bytes):
        return name.lower() == b"expect"
    return isinstance(name, str) and name.lower() == "expect"


def _copy_of(attribute: object) -> object:
    return copy.copy(attribute) if isinstance(attribute, list | dict | set) else attribute


def _decode_limits(given: dict[str, float]) -> DecodeLimits:
    """Those of `limit_kwargs`, which go by the names of `httplib2.decode.LimitDecoder`."""
    usual = DecodeLimits()
    return DecodeLimits(
        given.get("ratio", usual.ratio),
        int(min(sys.maxsize, given.get("safe_limit", usual.safe))),
        int(min(sys.maxsize, given.get("hard_limit", usual.hard))),
    )


def _certificate(given: tuple[str, str, str, Any]) -> Certificate:  # Any: what `ssl` takes
    domain, key, cert, password = given
    hashable = bytes(password) if isinstance(password, bytearray) else password
    return Certificate(domain, key, cert, hashable)


def _usable(cache: Cache | None) -> Cache | None:
    return as_safe_cache(cache) if cache else None


def _at_least_one(name: str, value: object) -> int:
    if isinstance(value, int) and value >= 1:
        return value
    raise ValueError(f"{name}: expected an int of at least 1, not {value!r}")
