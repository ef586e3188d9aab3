"""OPTIONS: the table of what can be set for an Http and for a request.

A new option is a row here. `tests/test_options.py` says what else the option needs, and checks all
against the row: the argument of `Http` or `Http.request`, the field of `Settings`, and the line in
docs/options.md. `Http.request` hands arguments that Http has too to `for_request`. An option that
decides what a request means has a `field` in `Settings`. An option for libcurl goes on from there:
`wire.transfer_of`, `plans.prepare`, `curl_options.profile_options`.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Mapping
from enum import Flag, auto
from itertools import starmap
from operator import attrgetter
from typing import Any, NamedTuple

import httplib2

from .engine.extension_points import are_original, copy_of, parts_of
from .filecache import as_safe_cache
from .messages.settings import Cache, Certificate, DecodeLimits, Settings


class Place(Flag):
    """Where an option is given."""

    HTTP = auto()
    REQUEST = auto()
    ATTRIBUTE = auto()
    BOTH = HTTP | REQUEST
    """An argument of Http, kept as an attribute, and an argument of request, which is None for the
    value of the Http."""


def _unchanged(value: object) -> object:
    return value


class Option(NamedTuple):
    """A row of the table."""

    name: str
    type: str
    """The allowed values, in the words of docs/options.md and of error messages."""
    default: object
    place: Place
    meaning: str
    """A phrase for docs/options.md."""
    field: str = ""
    """The field of Settings, if the option decides what a request means."""
    convert: Callable[[Any], object] = _unchanged  # Any: any argument of a user
    """Returns the value for our own use; raises `TypeError` or `ValueError` for a wrong value."""
    attribute: str = ""
    """The attribute of an Http, where the attribute has another name than the option."""
    is_object: bool = False
    """Whether values are compared by identity, since the option is an object with a state."""
    is_own: bool = False
    """Whether httplib2 does not know the option."""

    def checked(self, value: object) -> Any:  # Any: `convert` decides
        """The value for our own use. Raises `ValueError` that names the option."""
        try:
            return self.convert(value)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{self.name}: expected {self.type}, not {value!r}") from error


def _at_least_one(value: object) -> int:
    if isinstance(value, int) and value >= 1:
        return value
    raise ValueError


def _at_least_one_or_none(value: object) -> int | None:
    return None if value is None else _at_least_one(value)


def _seconds_or_none(value: object) -> float | None:
    if value is None or (isinstance(value, int | float) and value >= 0):
        return value
    raise ValueError


def _retries(given: object) -> int | None:
    if given is None or (type(given) is int and given == 0):
        return given
    raise ValueError


def _timeout(given: float | None) -> float | None:
    return socket.getdefaulttimeout() if given is None else given


def _decode_limits(given: dict[str, float]) -> DecodeLimits:
    usual = DecodeLimits()
    return DecodeLimits(
        given.get("ratio", usual.ratio),
        int(min(sys.maxsize, given.get("safe_limit", usual.safe))),
        int(min(sys.maxsize, given.get("hard_limit", usual.hard))),
    )


# Any: as httplib2 keeps certificates: domain, key, certificate, and a password as `ssl` takes it.
def _certificates(given: list[tuple[str, str, str, Any]]) -> tuple[Certificate, ...]:
    return tuple(starmap(_certificate, given))


def _certificate(domain: str, key: str, cert: str, password: Any) -> Certificate:
    hashable = bytes(password) if isinstance(password, bytearray) else password
    return Certificate(domain, key, cert, hashable)


def _cache(given: Cache | None) -> Cache | None:
    return as_safe_cache(given) if given else None


FROM_ENVIRONMENT = httplib2.proxy_info_from_environment

# fmt: off
OPTIONS = (
    # httplib2's, in the order of its arguments.
    Option("cache", "str | Cache | None", None, Place.HTTP,
           "a directory, or an object with `get`, `set`, `delete`; None: no cache",
           "cache", _cache, is_object=True),
    Option("timeout", "float | None", None, Place.HTTP,
           "seconds for each connect and for each silence; None: `socket.getdefaulttimeout()`",
           "timeout", _timeout),
    Option("proxy_info", "ProxyInfo | Callable | None", FROM_ENVIRONMENT, Place.HTTP,
           "the proxy, or a function that returns one for a scheme; None: no proxy",
           "proxy_info", lambda given: given or None, is_object=True),
    Option("ca_certs", "str | None", None, Place.HTTP,
           "the file of trusted certificates; None: `httplib2.CA_CERTS`",
           "ca_certs", lambda given: given or httplib2.CA_CERTS),
    Option("disable_ssl_certificate_validation", "bool", False, Place.HTTP,
           "whether any server's certificate is accepted", "disable_ssl_certificate_validation"),
    Option("tls_maximum_version", "str | ssl.TLSVersion | None", None, Place.HTTP,
           "the highest version of TLS, such as `\"TLSv1_2\"`", "tls_maximum_version"),
    Option("tls_minimum_version", "str | ssl.TLSVersion | None", None, Place.HTTP,
           "the lowest version of TLS", "tls_minimum_version"),
    Option("decode_limit_hard", "int | None", None, Place.HTTP,
           "bytes of decoded content, at most; None: 10 GiB"),
    Option("decode_limit_safe", "int | None", None, Place.HTTP,
           "bytes of decoded content above which `decode_limit_ratio` counts; None: 10 MiB"),
    Option("decode_limit_ratio", "float | None", None, Place.HTTP,
           "decoded bytes for each encoded byte, at most; None: 100"),
    Option("decode_limit_chunk", "int | None", None, Place.HTTP,
           "for httplib2's own code only; no effect here"),
    # Ours.
    Option("max_workers", "int of at least 1", 32, Place.HTTP,
           "how many requests run at once, callbacks included",
           convert=_at_least_one, is_own=True),
    Option("max_callbacks", "int of at least 1 | None", None, Place.HTTP,
           "how many callbacks run at once, functions of `then` included; None: no limit",
           convert=_at_least_one_or_none, is_own=True),
    Option("exit_timeout", "float of at least 0 | None", None, Place.HTTP,
           "seconds for which the end of the program waits for pending requests; None: no limit",
           convert=_seconds_or_none, is_own=True),
    Option("blocking", "bool", False, Place.HTTP,
           "whether `request` waits, and returns a plain response and bytes",
           "blocking", is_own=True),
    Option("retries", "int (only 0) | None", None, Place.BOTH,
           "0: a request is on the wire once, whatever happens; None: a request that failed is sent"
           " again where that is safe, and in the blocking form as by httplib2",
           "retries", _retries, is_own=True),
    Option("max_content", "int of at least 1 | None", None, Place.BOTH,
           "bytes of content, at most; with more the request fails; None: no limit",
           "max_content", _at_least_one_or_none, is_own=True),
    # httplib2's, of a request.
    Option("redirections", "int", httplib2.DEFAULT_MAX_REDIRECTS, Place.REQUEST,
           "how many redirects are followed"),
    Option("connection_type", "type | None", None, Place.REQUEST,
           "a class of connections as in `http.client`: httplib2's own code makes the request"),
    # Ours.
    Option("callback", "Callback | None", None, Place.REQUEST,
           "a function that is called on a worker with the settled promise", is_own=True),
    # Attributes of httplib2's Http, to be set after it has been made.
    Option("follow_redirects", "bool", True, Place.ATTRIBUTE,
           "whether redirects are followed", "follow_redirects"),
    Option("follow_all_redirects", "bool", False, Place.ATTRIBUTE,
           "whether also for methods that are not safe", "follow_all_redirects"),
    Option("redirect_codes", "frozenset[int]", httplib2.REDIRECT_CODES, Place.ATTRIBUTE,
           "the statuses that are redirects", "redirect_codes", frozenset),
    Option("safe_methods", "list[str]", list(httplib2.SAFE_METHODS), Place.ATTRIBUTE,
           "the methods whose answers are cached and whose redirects are followed",
           "safe_methods", tuple),
    Option("forward_authorization_headers", "bool", False, Place.ATTRIBUTE,
           "whether redirects take Authorization and X-WSSE along, but never from https to http",
           "forward_authorization_headers"),
    Option("optimistic_concurrency_methods", "list[str]", ["PUT", "PATCH"], Place.ATTRIBUTE,
           "the methods that get `If-Match` with the ETag of the cached answer",
           "optimistic_concurrency_methods", tuple),
    Option("ignore_etag", "bool", False, Place.ATTRIBUTE,
           "whether ETags of cached answers are not sent", "ignore_etag"),
    Option("force_exception_to_status_code", "bool", False, Place.ATTRIBUTE,
           "whether errors become answers with a status of 400, 408 or 500",
           "force_exception_to_status_code"),
    Option("limit_kwargs", "dict[str, float]", {}, Place.ATTRIBUTE,
           "the limits of decoding, as arguments of `httplib2.decode.LimitDecoder`",
           "decode_limits", _decode_limits),
    Option("authorizations", "list[Authentication]", [], Place.ATTRIBUTE,
           "credentials that a server has accepted", "authorizations", is_object=True),
    Option("credentials", "Credentials", [], Place.ATTRIBUTE,
           "names and passwords; see `add_credentials`",
           "credentials", tuple, attribute="credentials.credentials"),
    Option("certificates", "KeyCerts", [], Place.ATTRIBUTE,
           "client certificates; see `add_certificate`",
           "certificates", _certificates, attribute="certificates.credentials"),
)
# fmt: on

OWN_NAMES = frozenset(option.name for option in OPTIONS if option.is_own)

_BY_NAME = {option.name: option for option in OPTIONS}
# Of the options that decide what a request means:
_FIELDS = [option for option in OPTIONS if option.field]
_NAMES = frozenset(option.name for option in _FIELDS)
_fields_of = attrgetter(*(row.field for row in _FIELDS))


def checked(name: str, value: object) -> Any:  # Any: as `Option.checked`
    """The value for our own use. Raises `ValueError` that names the option."""
    return _BY_NAME[name].checked(value)


def state_of(http: Any) -> tuple[object, ...]:  # Any: httplib2's stubs leave attributes out
    """All that decides the settings, and more; compared with an earlier one (`copy_of_state`).

    Written for speed, since each request calls this. Three objects are compared by identity, too:
    one cache may equal another.
    """
    return (
        vars(http),
        id(http.cache),
        id(http.proxy_info),
        id(http.authorizations),
        http.credentials.credentials,
        http.certificates.credentials,
        socket.getdefaulttimeout(),
        parts_of(type(http)),
    )


def copy_of_state(state: tuple[Any, ...]) -> tuple[object, ...]:  # Any: as `state_of` returns
    """A state to compare with later. Attributes of the program's own may be large: no copies."""
    own, *rest = state
    kept = {name: copy_of(value) if name in _NAMES else value for name, value in own.items()}
    return kept, *map(copy_of, rest)


def have_same_options(one: Settings, other: Settings) -> bool:
    """Whether two settings differ in cached plans only."""
    is_rest_same = (one.has_extensions, one.is_plain) == (other.has_extensions, other.is_plain)
    # Not a generator, in which Ctrl-C would be lost.
    return is_rest_same and all(map(_are_equal, _FIELDS, _fields_of(one), _fields_of(other)))


def _are_equal(row: Option, one: object, other: object) -> bool:
    return one is other if row.is_object else one == other


def settings_of(http: httplib2.Http) -> Settings:
    """The settings by the attributes of an Http. Raises `ValueError` that names the attribute."""
    fields: dict[str, Any] = {  # Any: of the types in Settings
        row.field: row.checked(attrgetter(row.attribute or row.name)(http)) for row in _FIELDS
    }
    has_extensions = not are_original(http)
    return Settings(**fields, has_extensions=has_extensions).with_derived()


def for_request(settings: Settings, given: Mapping[str, object]) -> Settings:
    """The settings of an Http, changed by those arguments of a request that are not None.

    Raises `ValueError` that names the argument.
    """
    changes: dict[str, Any] = {  # Any: of the types in Settings
        _BY_NAME[name].field: checked(name, value)
        for name, value in given.items()
        if value is not None
    }
    return settings._replace(**changes).with_derived() if changes else settings
