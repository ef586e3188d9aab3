"""How scenarios are drawn from a theme's table, or from those of several.

Rule: nothing is drawn that could not be compared; see `tests.differential.purposes`.
"""

from dataclasses import replace
from functools import partial
from typing import TypeVar

from httplib2 import REDIRECT_CODES
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.differential.scenario import Answer, Fields, Resource, Scenario, Visit
from tests.differential.server import SILENT
from tests.differential.themes import REPEATED, Choices, Theme

T = TypeVar("T")


def several(choices: Choices[T], most: int = 3) -> SearchStrategy[tuple[T, ...]]:
    """None, or up to so many of them."""
    if not choices:
        return st.just(())
    return st.lists(st.sampled_from(choices), max_size=most).map(tuple)


def rarely(choices: Choices[T], most: int = 2) -> SearchStrategy[tuple[T, ...]]:
    """None in most cases."""
    return st.one_of(st.just(()), st.just(()), several(choices, most))


def once_each(fields: Fields, but: Choices[str] = ()) -> Fields:
    """No name twice, but those that may be."""
    return tuple(
        field
        for place, field in enumerate(fields)
        if field[0] in but or field[0] not in dict(fields[:place])
    )


@st.composite
def scenarios(draw: DrawFn, themes: Choices[Theme]) -> Scenario:
    """Each part of one is of one of the themes."""
    theme = st.sampled_from(themes)
    urls = draw(st.lists(theme.flatmap(_urls), min_size=1, max_size=2, unique=True))
    visit = theme.flatmap(partial(_visit, urls=urls))
    scenario = Scenario(
        tuple(draw(_resource(draw(theme), url)) for url in urls),
        tuple(draw(st.lists(visit, min_size=1, max_size=6))),
        draw(st.sampled_from(draw(theme).cache)),
        draw(several(draw(theme).credentials, 2)),
    )
    return _without_bodies(scenario) if _ends_connections(scenario) else scenario


def _ends_connections(scenario: Scenario) -> bool:
    """Whether a request may meet a connection that has ended without a word to httplib2."""
    answers = [answer for resource in scenario.resources for answer in resource.answers]
    return any(
        answer.framing in SILENT
        or answer.version == "HTTP/1.0"
        or "Connection" in dict(answer.fields)  # the first is what http.client goes by
        for answer in answers
    )


def _without_bodies(scenario: Scenario) -> Scenario:
    """There httplib2 fails to send them; see `tests.differential.purposes`."""
    return replace(scenario, visits=tuple(replace(visit, body=None) for visit in scenario.visits))


def _urls(theme: Theme) -> SearchStrategy[str]:
    parts = st.tuples(st.sampled_from(theme.origins), st.sampled_from(theme.paths))
    return parts.map("".join)


@st.composite
def _resource(draw: DrawFn, theme: Theme, url: str) -> Resource:
    return Resource(
        url,
        tuple(draw(st.lists(_answer(theme), min_size=1, max_size=3))),
        draw(st.sampled_from(theme.validates)),
        draw(st.sampled_from(theme.guards)),
    )


@st.composite
def _answer(draw: DrawFn, theme: Theme) -> Answer:
    status = draw(st.sampled_from(theme.statuses))
    recipe = draw(st.sampled_from(theme.leading if status in REDIRECT_CODES else theme.recipes))
    coding, packed = draw(st.sampled_from(theme.codings))
    content = draw(st.sampled_from(theme.contents))
    return Answer(
        status,
        once_each(recipe + draw(rarely(theme.answer_fields, 3)), REPEATED),
        content,
        coding,
        packed or not content,
        draw(st.sampled_from(theme.framings)),
        draw(st.sampled_from(theme.reasons)),
        draw(st.sampled_from(theme.versions)),
    )


@st.composite
def _visit(draw: DrawFn, theme: Theme, urls: list[str]) -> Visit:
    method = draw(st.sampled_from(theme.methods))
    return Visit(
        draw(st.sampled_from(urls)),
        method,
        draw(several(theme.request_fields, 2).map(once_each)),
        draw(st.sampled_from(theme.bodies)) if method != "HEAD" else None,
        draw(st.sampled_from(theme.redirections)),
        draw(st.sampled_from(theme.after)),
        draw(rarely(theme.settings)),
    )
