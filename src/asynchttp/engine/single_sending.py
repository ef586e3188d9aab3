"""Single sending: httplib2's own code sends a request once only.

httplib2 sends a request again after a close, whatever the method. `sent_once` keeps httplib2 from
doing so where policy forbids the second sending.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from selectors import EVENT_READ, DefaultSelector  # `select.poll` is missing with eventlet
from typing import Any


# Any: a client or a connection with httplib2's interface, whose types are unknown.
@contextmanager
def sent_once(client: Any) -> Iterator[None]:
    """Within the context the client sends each request once."""
    if not hasattr(client, "_conn_request"):  # a class of a program, which knows best
        yield
        return
    attributes = vars(client)
    given = {name: attributes[name] for name in ("_conn_request",) if name in attributes}
    client._conn_request = partial(_send_once, client._conn_request)
    try:
        yield
    finally:
        del client._conn_request
        attributes.update(given)


def _send_once(send: Any, connection: Any, *arguments: Any) -> Any:
    return send(_SingleSending(connection), *arguments)


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


def _is_readable(connected: Any) -> bool:
    if not hasattr(connected, "fileno"):
        return False
    with DefaultSelector() as selector:
        selector.register(connected, EVENT_READ)
        return bool(selector.select(0))
