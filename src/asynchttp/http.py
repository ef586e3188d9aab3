"""Http: a subclass of httplib2.Http, whose requests return at once."""

from __future__ import annotations

import concurrent.futures
import weakref
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import httplib2

from . import log, options
from .dispatch.dispatcher import Dispatcher
from .engine.clients import HTTPLIB2_HTTP, Clients, OwnClient
from .engine.extension_points import running
from .filecache import SafeFileCache
from .messages.body import body_from
from .messages.callsite import frames_of_caller
from .messages.request import Headers, Request
from .messages.settings import Settings
from .policy.proxies import info_from_environment
from .policy.retry import resends_after_close
from .promise.callback_scope import in_context
from .promise.lazy_pair import unwrap
from .promise.promise import Callback, Promise, new_promise

P = ParamSpec("P")
T = TypeVar("T")

NOT_FOR_OTHER_CLIENTS = options.OWN_NAMES | {"connections"}


class Http(httplib2.Http):
    """An HTTP client with the interface of httplib2, whose requests run in the background.

    `max_workers`: how many requests run at once, callbacks included; any number can be queued.
    `max_callbacks`: how many callbacks run at once: 1 for one after the other.
    `exit_timeout`: how many seconds the end of the program waits for pending requests.
    `max_content`: how many bytes of content are accepted; None: any number. More raise
    `ContentTooLargeError`, before the rest is received or decoded.
    All other arguments, attributes and methods are those of `httplib2.Http`. Any number of threads
    may share an Http.

    >>> http = Http(timeout=30)
    >>> response, content = http.request(url)  # returns at once
    >>> response.status  # blocks until the response is there
    200

    `blocking`: `request` waits, raises errors, and returns a plain response and bytes, as in
    httplib2. Threads may share such an Http, too.

    >>> response, content = Http(blocking=True).request(url)  # blocks here
    >>> type(content)
    <class 'bytes'>

    `retries`: 0 to send each request once only, whatever happens.
    """

    # Slots, since `vars` holds the attributes of httplib2, for pickle and for other clients.
    __slots__ = (
        "_clients",
        "_dispatcher",
        "_has_warned",
        "_known_settings",
        "_own_client",
        "_referenced",
    )

    Client: type[httplib2.Http] | None = None
    """A class with the interface of httplib2.Http: each request is made by an instance, on a
    worker. None for libcurl."""

    # Any: arguments of httplib2, which has no types for them.
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
        max_callbacks: int | None = None,
        exit_timeout: float | None = None,
        blocking: bool = False,
        retries: int | None = None,
        max_content: int | None = None,
    ) -> None:
        super().__init__(
            SafeFileCache(cache) if cache and isinstance(cache, str) else cache,
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
        self.retries = retries
        self.max_content = max_content
        self._set_up(max_workers, max_callbacks, exit_timeout)

    def _set_up(
        self, max_workers: int, max_callbacks: int | None, exit_timeout: float | None
    ) -> None:
        self._dispatcher = Dispatcher(options.checked("max_workers", max_workers))
        vars(self)["max_workers"] = max_workers
        self.max_callbacks = max_callbacks
        self.exit_timeout = exit_timeout
        # Attributes, and the settings made from the attributes.
        self._known_settings: tuple[tuple[object, ...], Settings] = (), options.settings_of(self)
        self._has_warned = False
        self._clients, self._own_client = Clients(), OwnClient()
        # When the Http is dropped, pending requests are finished, then the connections are closed.
        weakref.finalize(self, self._dispatcher.close_when_idle).atexit = False

    @property
    def max_workers(self) -> int:
        """How many requests run at once; can be set at any time. `ValueError` below 1."""
        limit: int = vars(self)["max_workers"]
        return limit

    @max_workers.setter
    def max_workers(self, limit: int) -> None:
        self._dispatcher.set_limit(options.checked("max_workers", limit))
        vars(self)["max_workers"] = limit

    @property
    def max_callbacks(self) -> int | None:
        """How many callbacks run at once, or None for no limit; can be set at any time."""
        limit: int | None = vars(self)["max_callbacks"]
        return limit

    @max_callbacks.setter
    def max_callbacks(self, limit: int | None) -> None:
        self._dispatcher.callbacks.set_limit(options.checked("max_callbacks", limit))
        vars(self)["max_callbacks"] = limit

    @property
    def exit_timeout(self) -> float | None:
        """Seconds for which the end of the program waits for pending requests, or None for no
        limit; can be set at any time.
        """
        seconds: float | None = vars(self)["exit_timeout"]
        return seconds

    @exit_timeout.setter
    def exit_timeout(self, seconds: float | None) -> None:
        self._dispatcher.exit_timeout = options.checked("exit_timeout", seconds)
        vars(self)["exit_timeout"] = seconds

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: object = None,
        headers: Headers | None = None,
        redirections: int = httplib2.DEFAULT_MAX_REDIRECTS,
        connection_type: Any = None,  # Any: as above
        *,
        callback: Callback | None = None,
        retries: int | None = None,
        max_content: int | None = None,
    ) -> Promise:
        """Request `uri` in the background, and return at once. Errors of the request are raised
        later, at each look at response or content.

        `body`: bytes, text (latin-1), a file or another reader, or an iterable of bytes. Workers
        read a generator while its items are sent, once. `request` copies `headers`, and waits for
        the content of other promises in `headers` or `body`.
        `redirections`: how many redirects are followed.
        `callback`: called on a worker with the settled promise. If the callback raises, the promise
        gets the exception, unless the request itself failed.
        `retries`: 0 to send the request once only, whatever happens.
        `max_content`: how many bytes of content are accepted, decoded; as for the Http if None.

        >>> promise = Http().request(url, "POST", body="hello", headers={"content-type": "text/x"})
        >>> promise.result()[0].status
        200
        """
        dispatcher, settings = self._dispatcher, self._current_settings()
        if retries is not None or max_content is not None:
            given = {"retries": retries, "max_content": max_content}
            settings = options.for_request(settings, given)
        promise = new_promise(dispatcher, dispatcher.account, settings, method, uri, redirections)
        if headers is not None or body is not None or type(uri) is not str:
            _take_arguments(promise, uri, body, headers)
        if callback is not None:
            promise.callback = in_context(callback)
        if (
            settings.has_extensions
            or running
            or connection_type is not None
            or self.Client is not None
            or _has_expect(promise._headers)
        ):
            promise._settings = self._with_client(settings, method, body, connection_type)
            if dispatcher.is_in_exclusive_call():
                pair = dispatcher.run_at_once(promise)
                return pair if self.blocking else promise.with_plain_content()  # type: ignore[return-value]
        if self.blocking:
            return dispatcher.submit_and_wait(promise)  # type: ignore[return-value]  # unpacks alike
        dispatcher.submit(promise)
        return promise

    def _with_client(
        self,
        settings: Settings,
        method: str,
        body: object,
        connection_type: Any,  # Any: as above
    ) -> Settings:
        """The settings of a request that libcurl cannot make."""
        may_resend = resends_after_close(method, settings)
        is_inner = self._dispatcher.is_in_exclusive_call()
        if is_inner or (self.Client is None and (settings.has_extensions or running)):
            text = body if isinstance(body, str) else None
            own = partial(self._own_client.request, self, text, connection_type, may_resend)
            return settings._replace(client=own, is_client_exclusive=True, is_plain=False)
        other = self._other_client(connection_type, may_resend)
        return settings._replace(client=other, is_plain=False)

    def _other_client(
        self,
        connection_type: Any,  # Any: as above
        may_resend: bool,
    ) -> Callable[[Request], tuple[httplib2.Response, bytes]]:
        kind = self.Client or HTTPLIB2_HTTP
        # Without attributes that hide a method: a `request` set on this Http may call the method of
        # this class, which would use the other client again.
        attributes = {
            name: value
            for name, value in vars(self).items()
            if name not in NOT_FOR_OTHER_CLIENTS and not hasattr(type(self), name)
        }
        if self.proxy_info is httplib2.proxy_info_from_environment:
            attributes["proxy_info"] = info_from_environment
        return partial(self._clients.request, kind, attributes, connection_type, may_resend)

    def submit(
        self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> concurrent.futures.Future[T]:
        """Call `fn(*args, **kwargs)` on a worker when a slot is free. Returns a Future.

        >>> Http().submit(pow, 2, 10).result()
        1024
        """
        frames = frames_of_caller()
        name = getattr(fn, "__qualname__", None) or repr(fn)
        return self._dispatcher.submit_call(
            partial(fn, *args, **kwargs), f"a call of {name}", frames
        )

    def __repr__(self) -> str:
        dispatcher: Dispatcher | None = getattr(self, "_dispatcher", None)
        if dispatcher is None:  # in the `__init__` of a subclass
            return super().__repr__()
        return f"<{type(self).__name__} {dispatcher.describe()}>"

    def _current_settings(self) -> Settings:
        """The settings by the attributes; made again only when an attribute has changed."""
        state = options.state_of(self)
        known, settings = self._known_settings
        try:
            if state == known:
                return settings
        except Exception:  # noqa: BLE001  # an attribute of the program, that cannot be compared
            pass
        return self._change_settings(state)

    def _change_settings(self, state: tuple[object, ...]) -> Settings:
        settings = options.settings_of(self)
        if options.have_same_options(settings, self._known_settings[1]):
            settings = self._known_settings[1]  # with all cached plans
        if not (settings.tls.verify or self._has_warned):
            self._has_warned = True
            log.warning("certificates are not checked: anybody can read and change requests")
        self._known_settings = options.copy_of_state(state), settings
        # The ids of these are compared: no other object may get the same id.
        self._referenced = self.proxy_info, self.cache, self.authorizations
        return settings

    def close(self, cancel_futures: bool = False) -> None:
        """Finish pending requests, or with `cancel_futures` cancel them; then close the
        connections and drop the credentials. The Http can be used again afterwards.

        Waits for the requests that were pending at the call, and for what their callbacks ask for;
        except in a callback of this Http.
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

    # Any: attributes, as httplib2 pickles them; the types of httplib2 omit this method.
    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[misc]
        self._set_up(
            self.max_workers,
            self.max_callbacks,
            self.exit_timeout,
        )


def _take_arguments(promise: Promise, uri: object, body: object, headers: Headers | None) -> None:
    """Copy arguments that the caller may change later, and wait for content of other promises."""
    try:
        if headers is not None:
            promise._headers = _copy_headers(headers)
        if body is not None:
            promise._body = body_from(body)
        if type(uri) is not str:
            promise._uri = unwrap(uri)  # bytes are refused later, as by httplib2
    except Exception as error:  # noqa: BLE001  # raised at each look
        promise._error = error


def _copy_headers(headers: Headers) -> Headers:
    """A copy without content of pending promises: the dispatcher must not have to wait."""
    copied: dict[Any, Any] = dict(headers)  # Any: str or bytes, in all combinations
    for name, value in copied.items():
        if type(value) is not str:
            copied[name] = unwrap(value)
    return copied


def _has_expect(headers: Headers | None) -> bool:
    """Whether Expect is among the fields: after a 417 libcurl would send again, or lose content."""
    return headers is not None and any(map(_is_expect, headers))


def _is_expect(name: object) -> bool:
    if isinstance(name, bytes):
        return name.lower() == b"expect"
    return isinstance(name, str) and name.lower() == "expect"
