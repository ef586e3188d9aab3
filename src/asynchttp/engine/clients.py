"""Clients: objects with httplib2's interface that make whole requests, a client for each worker.

Used for `Http.Client`, and for `connection_type=`, which only httplib2 itself can serve.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial
from select import POLLIN, poll
from typing import Any

import httplib2

from ..messages.request import Request


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
        _set_resending(client, may_resend)
        body = None if request.body is None else request.body.whole()
        response, content = client.request(
            request.uri,
            request.method,
            body,
            None if request.headers is None else dict(request.headers),
            request.redirections,
            connection_type,
        )
        return response, content

    def _holder(self, kind: type[httplib2.Http]) -> _AutoClosed:
        holder: _AutoClosed | None = getattr(self._of_this_thread, "holder", None)
        if holder is None or holder.kind is not kind:
            holder = self._of_this_thread.holder = _AutoClosed(kind)
        return holder


# Any: a client or a connection with httplib2's interface, whose types are unknown.
class _SingleSending:
    """A connection for a single sending of a request.

    httplib2 connects again before a second sending, and then gets the error of the first sending.
    """

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._error: Exception | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def connect(self) -> None:
        if self._error is not None:
            raise self._error
        self._connection.connect()

    def request(self, *arguments: Any) -> None:
        if _is_readable(self._connection.sock):  # RFC 9112, 9.3: the server may have closed it
            self._connection.close()
            self._connection.connect()
        self._connection.request(*arguments)

    def getresponse(self) -> Any:
        try:
            return self._connection.getresponse()
        except Exception as error:
            self._error = error
            raise


def _set_resending(client: Any, may_resend: bool) -> None:
    vars(client).pop("_conn_request", None)
    if not may_resend and hasattr(client, "_conn_request"):
        client._conn_request = partial(_send_once, client._conn_request)


def _send_once(send: Any, connection: Any, *arguments: Any) -> Any:
    return send(_SingleSending(connection), *arguments)


def _is_readable(connected: Any) -> bool:
    if not hasattr(connected, "fileno"):
        return False
    poller = poll()
    poller.register(connected, POLLIN)
    return bool(poller.poll(0))
