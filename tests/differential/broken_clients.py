"""Broken versions of httplib2: the comparison has to find every broken client.

Rule: each class has one fault, named in the docstring; `area` is the value table whose scenarios
show the fault.
"""

from collections.abc import Iterator
from http.client import IncompleteRead
from typing import Any, ClassVar

import httplib2

from tests.reference import Pair


class BrokenClient(httplib2.Http):
    """httplib2 without a fault; subclasses add one fault each."""

    area: ClassVar[str]

    # Any: httplib2's own arguments, here as in all methods below; the methods only pass them on.
    def request(self, *args: Any, **kwargs: Any) -> Pair:
        return self.changed(*super().request(*args, **kwargs))

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        """The pair returned for a request, redirects included."""
        return response, content


class ReplacesReasons(BrokenClient):
    """The reason phrase is always the same."""

    area = "plain"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.reason = "Reason"
        return response, content


class KeepsFirstField(BrokenClient):
    """Only the first of several fields of one name is kept."""

    area = "plain"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.update({name: value.split(", ")[0] for name, value in response.items()})
        return response, content


class AcceptsTruncated(BrokenClient):
    """Truncated content is accepted."""

    area = "plain"

    def request(self, *args: Any, **kwargs: Any) -> Pair:
        try:
            return super().request(*args, **kwargs)
        except IncompleteRead as error:
            return httplib2.Response({}), error.partial


class SendsExtraHeader(BrokenClient):
    """An extra header is sent."""

    area = "plain"

    def _normalize_headers(self, headers: Any) -> Any:
        return {"accept": "*/*", **super()._normalize_headers(headers)}  # type: ignore[misc]  # untyped


class FollowsOneTooMany(BrokenClient):
    """A redirect beyond the limit is followed."""

    area = "redirects"

    def request(self, *args: Any, **kwargs: Any) -> Pair:
        if args[4:]:  # positional only in the first request: redirects pass keywords
            args = (*args[:4], args[4] + 1)
        return super().request(*args, **kwargs)


class ForwardsAuthorization(BrokenClient):
    """Authorization is forwarded on every redirect."""

    area = "redirects"

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, name == "forward_authorization_headers" or value)


class LosesPrevious(BrokenClient):
    """`previous` is always None."""

    area = "redirects"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.previous = None
        return response, content


class NeverSetsFromcache(BrokenClient):
    """`fromcache` is always False."""

    area = "cache"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.fromcache = False
        return response, content


class IgnoresEtags(BrokenClient):
    """Stored ETags are never sent."""

    area = "cache"

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, name == "ignore_etag" or value)


class WritesOneByteMore(BrokenClient):
    """Each file in the cache has one byte too many."""

    area = "cache"

    # Any: httplib2's own arguments.
    def __init__(self, cache: Any = None, **kwargs: Any) -> None:
        super().__init__(cache, **kwargs)
        if cache:
            store = self.cache.set
            self.cache.set = lambda key, value: store(key, value + b"\n")  # type: ignore[method-assign]  # the fault


class TriesOnePassword(BrokenClient):
    """Only the first name and password are tried."""

    area = "auth"

    def _auth_from_challenge(self, *args: Any) -> Iterator[Any]:
        for authorization in super()._auth_from_challenge(*args):  # type: ignore[misc]  # untyped
            yield authorization
            return


class IgnoresNextNonce(BrokenClient):
    """A replaced nonce is used again."""

    area = "auth"

    def _auth_from_challenge(self, *args: Any) -> Iterator[Any]:
        for authorization in super()._auth_from_challenge(*args):  # type: ignore[misc]  # untyped
            authorization.response = lambda *_: False
            yield authorization


BROKEN_CLIENTS = BrokenClient.__subclasses__()
