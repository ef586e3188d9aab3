"""Clients: objects with httplib2's interface that make whole requests, a client for each worker.

Used for `Http.Client`, and for `connection_type=`, which only httplib2 itself can serve.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
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
        request: Request,
    ) -> tuple[httplib2.Response, bytes]:
        """Make `request` with this thread's client, after setting the client's attributes."""
        holder = self._holder(kind)  # a reference, so that `close` does not close the client
        client = holder.client
        vars(client).update(attributes)
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
