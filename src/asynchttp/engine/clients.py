"""Clients: other classes with httplib2's interface that make the requests, one on each worker.

For `Http.Client`, and for `connection_type=`, which only httplib2's own connections understand.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import httplib2

from ..messages.request import Request


class _Owned:
    """A client; closed when nobody uses it any more: its thread has ended, another has taken its
    place, or the Http has been closed.
    """

    def __init__(self, kind: type[httplib2.Http]) -> None:
        self.kind = kind
        self.client: Any = kind()  # Any: it has httplib2's interface

    def __del__(self) -> None:
        # Not the Http's, which `close` would clear.
        self.client.credentials = httplib2.Credentials()
        self.client.certificates = httplib2.KeyCerts()
        self.client.close()


class Clients:
    """Makes and keeps the clients of one Http."""

    def __init__(self) -> None:
        self._here = threading.local()

    def close(self) -> None:
        """Close all clients, those in use when they have made their request."""
        self._here = threading.local()

    def ask(
        self,
        kind: type[httplib2.Http],
        attributes: Mapping[str, object],
        connection_type: Any,  # Any: httplib2's, which it does not type
        request: Request,
    ) -> tuple[httplib2.Response, bytes]:
        """Have the client of this thread make `request`, with its attributes as they are given."""
        owned = self._owned(kind)  # held until the request has been made
        client = owned.client
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

    def _owned(self, kind: type[httplib2.Http]) -> _Owned:
        owned: _Owned | None = getattr(self._here, "owned", None)
        if owned is None or owned.kind is not kind:
            owned = self._here.owned = _Owned(kind)
        return owned
