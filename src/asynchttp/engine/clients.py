"""Clients: objects with httplib2's interface that make whole requests, on workers.

Clients      a client for each worker: for `Http.Client`, `connection_type=` and `Expect`
OwnClient    the Http itself, by httplib2's code: where a program has overridden or replaced parts
             of httplib2 (extension_points.py)
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from typing import Any

import httplib2

from ..messages.request import Request
from ..process.native import threading
from .extension_points import Parts, are_shared_original, copy_of, parts_of, running
from .single_sending import sent_once

# Taken at import: a program may later replace `httplib2.Http` by the Http of asynchttp.
HTTPLIB2_HTTP = httplib2.Http


class _AutoClosed:
    """A client, closed when no longer referenced: after the thread's end, after a change of the
    thread's class of client, or after `Http.close`.
    """

    def __init__(self, kind: type[httplib2.Http]) -> None:
        self.kind = kind
        self.client: Any = kind()  # Any: attributes are set that httplib2's stubs leave out

    def __del__(self) -> None:
        # The client shares these objects with the Http, and `close` would clear them.
        self.client.credentials = httplib2.Credentials()
        self.client.certificates = httplib2.KeyCerts()
        self.client.close()


class Clients:
    """Makes and keeps the clients of one Http."""

    def __init__(self) -> None:
        self._of_this_thread = threading.local()

    def close(self) -> None:
        """Close all clients; a client in use is closed after its request."""
        self._of_this_thread = threading.local()

    def request(
        self,
        kind: type[httplib2.Http],
        attributes: Mapping[str, object],
        connection_type: Any,  # Any: httplib2's stubs leave the type out
        may_resend: bool,
        request: Request,
    ) -> tuple[httplib2.Response, bytes]:
        """Make `request` with this thread's client, after setting the client's attributes.

        `may_resend`: whether httplib2 may send again after a close, as httplib2 does.
        """
        holder = self._holder(kind)  # a reference, so that `close` does not close the client
        client = holder.client
        vars(client).update(attributes)
        with nullcontext() if may_resend else sent_once(client):
            response, content = client.request(*_arguments(request, None, connection_type))
            return response, content

    def _holder(self, kind: type[httplib2.Http]) -> _AutoClosed:
        holder: _AutoClosed | None = getattr(self._of_this_thread, "holder", None)
        if holder is None or holder.kind is not kind:
            holder = self._of_this_thread.holder = _AutoClosed(kind)
        return holder


class OwnClient:
    """Makes requests by httplib2's code on the Http itself, which serves one request at a time."""

    def __init__(self) -> None:
        self._connected_with: tuple[Parts, int] | None = None
        self._requesting_process: int | None = None
        """The process that is making a request; a fork may come in the middle of a request."""
        self._connections: dict[str, Any] = {}  # Any: a program may replace the class

    def __del__(self) -> None:
        # The Http has been dropped: an Http of httplib2 would leave the connections open.
        self._close_connections()

    def request(
        self,
        http: Any,  # Any: httplib2's stubs leave attributes out
        text: str | None,
        connection_type: Any,  # Any: as above
        may_resend: bool,
        request: Request,
    ) -> tuple[httplib2.Response, bytes]:
        """Make `request`; `text`: the body, if the caller gave text."""
        parts = parts_of(type(http))
        if self._requesting_process != os.getpid():  # no inner request of an overridden method
            self._close_stale_connections(http, parts)
        with ExitStack() as stack:
            stack.callback(setattr, self, "_requesting_process", self._requesting_process)
            self._requesting_process = os.getpid()
            if not may_resend:
                stack.enter_context(sent_once(http))
            if running or not are_shared_original(parts):
                stack.enter_context(_noted_as_running(request))
            arguments = _arguments(request, text, connection_type)
            response, content = HTTPLIB2_HTTP.request(http, *arguments)
            return response, content

    def _close_stale_connections(self, http: Any, parts: Parts) -> None:  # Any: as above
        """Close connections that were made by other parts, or by another process."""
        present = copy_of(parts), os.getpid()
        if present != self._connected_with:
            self._close_connections()
        self._connected_with, self._connections = present, http.connections

    def _close_connections(self) -> None:
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()


@contextmanager
def _noted_as_running(request: Request) -> Iterator[None]:
    running.append(request)
    try:
        yield
    finally:
        with suppress(ValueError):  # the process has forked
            running.remove(request)


# Any: httplib2's own arguments, which its stubs leave out.
def _arguments(request: Request, text: str | None, connection_type: Any) -> tuple[Any, ...]:
    """The arguments of `httplib2.Http.request`."""
    body = text if text is not None or request.body is None else request.body.whole()
    headers = None if request.headers is None else dict(request.headers)
    return request.uri, request.method, body, headers, request.redirections, connection_type
