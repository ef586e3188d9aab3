"""httplib2 with one thing wrong, many times over: the comparison has to find each out.

Rule: a class is wrong in one way, which its docstring names, and says in which theme that shows.
"""

from collections.abc import Iterator
from http.client import IncompleteRead
from typing import Any, ClassVar

import httplib2

from tests.oracle import Pair


class Mutant(httplib2.Http):
    """httplib2 as it is, for now."""

    theme: ClassVar[str]

    # Any: httplib2's own arguments, here as in all methods below, which do not look at them.
    def request(self, *args: Any, **kwargs: Any) -> Pair:
        return self.changed(*super().request(*args, **kwargs))

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        """What comes of a request, redirects included."""
        return response, content


class LosesReasons(Mutant):
    """It gives the usual phrase for every status."""

    theme = "plain"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.reason = "Reason"
        return response, content


class KeepsOneOfMany(Mutant):
    """Of fields of one name it knows the first."""

    theme = "plain"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.update({name: value.split(", ")[0] for name, value in response.items()})
        return response, content


class TakesWhatThereIs(Mutant):
    """It does not mind that content is cut off."""

    theme = "plain"

    def request(self, *args: Any, **kwargs: Any) -> Pair:
        try:
            return super().request(*args, **kwargs)
        except IncompleteRead as error:
            return httplib2.Response({}), error.partial


class SendsMore(Mutant):
    """It sends a header of its own."""

    theme = "plain"

    def _normalize_headers(self, headers: Any) -> Any:
        return {"accept": "*/*", **super()._normalize_headers(headers)}  # type: ignore[misc]  # not in its types


class FollowsOneMore(Mutant):
    """It follows a redirect too many."""

    theme = "redirects"

    def request(self, *args: Any, **kwargs: Any) -> Pair:
        if args[4:]:  # a redirect that is followed passes names
            args = (*args[:4], args[4] + 1)
        return super().request(*args, **kwargs)


class KeepsSecrets(Mutant):
    """It takes Authorization along wherever it is sent."""

    theme = "redirects"

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, name == "forward_authorization_headers" or value)


class LosesPrevious(Mutant):
    """It forgets where it came from."""

    theme = "redirects"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.previous = None
        return response, content


class NeverSaysFromCache(Mutant):
    """It does not tell what it has from the cache."""

    theme = "cache"

    def changed(self, response: httplib2.Response, content: bytes) -> Pair:
        response.fromcache = False
        return response, content


class IgnoresEtags(Mutant):
    """It asks again as if it knew nothing."""

    theme = "cache"

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, name == "ignore_etag" or value)


class WritesOneByteMore(Mutant):
    """Its files in the cache have a byte too many."""

    theme = "cache"

    # Any: httplib2's own arguments.
    def __init__(self, cache: Any = None, **kwargs: Any) -> None:
        super().__init__(cache, **kwargs)
        if cache:
            keep = self.cache.set
            self.cache.set = lambda key, value: keep(key, value + b"\n")  # type: ignore[method-assign]  # that is what is wrong


class TriesOnePassword(Mutant):
    """It gives up after the first name and password."""

    theme = "auth"

    def _auth_from_challenge(self, *args: Any) -> Iterator[Any]:
        for authorization in super()._auth_from_challenge(*args):  # type: ignore[misc]  # not in its types
            yield authorization
            return


class IgnoresNextNonce(Mutant):
    """It goes on with a nonce that the server has replaced."""

    theme = "auth"

    def _auth_from_challenge(self, *args: Any) -> Iterator[Any]:
        for authorization in super()._auth_from_challenge(*args):  # type: ignore[misc]  # not in its types
            authorization.response = lambda *_: False
            yield authorization


MUTANTS = Mutant.__subclasses__()
