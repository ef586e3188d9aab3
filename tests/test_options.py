"""The table of options agrees with signatures, attributes, settings and documentation.

For a new option, these tests say what is missing, and where.
"""

import inspect
from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

import httplib2
import pytest

from asynchttp import Http
from asynchttp.messages.settings import Settings
from asynchttp.options import OPTIONS, Option, Place, for_request

PAGE = Path(__file__).parent.parent / "docs" / "options.md"
NOT_OPTIONS = {"self", "uri", "method", "body", "headers"}
HEADINGS = {
    Place.HTTP: "argument of `Http`",
    Place.REQUEST: "argument of `request`",
    Place.ATTRIBUTE: "attribute of an `Http`",
}


def options_of(place: Place) -> list[Option]:
    """The options of the place, as the place has them."""
    options = [option for option in OPTIONS if place in option.place]
    return [as_argument_of_request(o) if place is Place.REQUEST else o for o in options]


def as_argument_of_request(option: Option) -> Option:
    if option.place is not Place.BOTH:
        return option
    kind = option.type if option.type.endswith("| None") else f"{option.type} | None"
    meaning = "as the argument of `Http`, for this request; None: the value of the `Http`"
    return option._replace(type=kind, default=None, meaning=meaning)


def printed(default: object) -> str:
    return getattr(default, "__name__", None) or repr(default)


def documented(place: Place) -> str:
    """The table of the page for one place, as the page must have it."""
    lines = [f"## {HEADINGS[place]}", ""]
    lines += ["| option | type | default | meaning |", "|---|---|---|---|"]
    for option in options_of(place):
        kind = option.type.replace("|", "\\|")
        values = f"`{option.name}` | `{kind}` | `{printed(option.default)}`"
        lines.append(f"| {values} | {option.meaning} |")
    return "\n".join(lines)


@pytest.mark.parametrize("place", Place, ids=lambda place: place.name)
def test_page_of_options_is_the_table(place: Place) -> None:
    heading, *rest = documented(place).splitlines()
    section = PAGE.read_text().partition(f"{heading}\n")[2].partition("\n## ")[0]
    assert section.strip().splitlines() == rest[1:]


@pytest.mark.parametrize(
    ("place", "function"), [(Place.HTTP, Http.__init__), (Place.REQUEST, Http.request)]
)
def test_signature_agrees_with_the_table(place: Place, function: Callable[..., object]) -> None:
    arguments = {
        name: argument
        for name, argument in inspect.signature(function).parameters.items()
        if name not in NOT_OPTIONS
    }
    assert {name: argument.default for name, argument in arguments.items()} == {
        option.name: option.default for option in options_of(place)
    }
    for option in options_of(place):
        if option.is_own:
            assert arguments[option.name].annotation.removesuffix(" | None") in option.type


def test_httplib2_knows_all_options_but_the_own() -> None:
    known = {
        *inspect.signature(httplib2.Http.__init__).parameters,
        *inspect.signature(httplib2.Http.request).parameters,
        *vars(httplib2.Http()),
    }
    assert [o.name for o in OPTIONS if o.is_own is (o.name in known)] == []


@pytest.mark.parametrize("option", options_of(Place.ATTRIBUTE), ids=lambda option: option.name)
def test_attribute_has_the_default_of_the_table(option: Option) -> None:
    assert attrgetter(option.attribute or option.name)(Http()) == option.default


def test_settings_have_the_fields_of_the_table() -> None:
    """Fields with a default are derived, or not made from attributes."""
    made = {name for name in Settings._fields if name not in Settings._field_defaults}
    assert made == {option.field for option in OPTIONS if option.field}


@pytest.mark.parametrize(
    "option", [option for option in OPTIONS if option.field], ids=lambda option: option.name
)
def test_changed_attribute_changes_the_settings(option: Option) -> None:
    http = Http()
    before = http._current_settings()
    owner, _, name = (option.attribute or option.name).rpartition(".")
    subject = attrgetter(owner)(http) if owner else http
    present = getattr(subject, name)
    setattr(subject, name, 0 if name == "retries" else another(present, option.type))
    assert http._current_settings() is not before
    assert getattr(http._current_settings(), option.field) != getattr(before, option.field)


def another(value: object, kind: str) -> object:
    match value:
        case bool():
            return not value
        case list():
            return [*value, ("domain", "name", "password", "")]
        case frozenset():
            return value | {299}
        case dict():
            return {"ratio": 7}
        case None:
            return 7 if kind.startswith("int") else "another"
    return None


@pytest.mark.parametrize("name", [option.name for option in OPTIONS if option.is_object])
def test_equal_object_in_place_of_another_changes_the_settings(name: str) -> None:
    class AlwaysEqual(list[object]):
        """An object that equals all others, as an empty cache may equal another empty cache."""

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None

    http, first, second = Http(), AlwaysEqual([1]), AlwaysEqual([2])
    setattr(http, name, first)
    assert getattr(http._current_settings(), name) is first
    setattr(http, name, second)
    assert getattr(http._current_settings(), name) is second


def test_attribute_of_a_program_keeps_the_settings() -> None:
    """A subclass that counts its requests in an attribute keeps the plans of its requests."""
    http = Http()
    before = http._current_settings()
    http.requests_so_far = 1  # type: ignore[attr-defined]  # an attribute of the program
    assert http._current_settings() is before


def test_large_attribute_of_a_program_is_neither_copied_nor_compared() -> None:
    """A copy of this attribute, or a comparison with a copy, would be a RecursionError."""
    http = Http()
    results: dict[str, object] = {}
    results["all"] = results
    http.results = results  # type: ignore[attr-defined]  # an attribute of the program
    before = http._current_settings()
    results["more"] = 1
    assert http._current_settings() is before


def test_wrong_attribute_is_named() -> None:
    http = Http()
    http.redirect_codes = 7  # type: ignore[assignment]  # on purpose
    with pytest.raises(ValueError, match=r"redirect_codes: expected frozenset\[int\], not 7"):
        http.request("http://127.0.0.1/")


def test_argument_of_request_changes_the_settings_of_that_request() -> None:
    settings = Http(timeout=3)._current_settings()
    assert for_request(settings, {"timeout": 5}).timeout == 5
    assert settings.timeout == 3


def test_argument_none_of_request_leaves_the_settings_of_the_http() -> None:
    settings = Http(timeout=3)._current_settings()
    assert for_request(settings, {"timeout": None}) is settings


def test_request_with_another_setting_shares_no_plans() -> None:
    settings = Http(timeout=3)._current_settings()
    assert for_request(settings, {"timeout": 5}).plans is not settings.plans


@pytest.mark.parametrize(
    "option", [option for option in OPTIONS if option.place is Place.BOTH], ids=lambda o: o.name
)
def test_argument_of_request_reaches_its_promise(option: Option, refused_url: str) -> None:
    value = next(value for value in (0, 1, True, "other") if is_allowed(option, value))
    with Http() as http:
        promise = http.request(refused_url, **{option.name: value})  # type: ignore[arg-type]
        assert getattr(promise._settings, option.field) == value
        assert getattr(http._current_settings(), option.field) != value
        promise.cancel()


def is_allowed(option: Option, value: object) -> bool:
    try:
        option.checked(value)
    except ValueError:
        return False
    return value != option.default


def test_wrong_argument_of_request_is_named() -> None:
    settings = Http()._current_settings()
    with pytest.raises(ValueError, match="max_workers: expected int of at least 1, not 0"):
        for_request(settings, {"max_workers": 0})
