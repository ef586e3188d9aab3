"""Hypothesis strategies that draw scenarios from one value table or from several.

Rule: draw only scenarios that can be compared; see `tests.differential.intended_differences`.
"""

from dataclasses import replace
from functools import partial
from typing import TypeVar

from httplib2 import REDIRECT_CODES
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.differential.scenario import Answer, Fields, Resource, Scenario, Visit
from tests.differential.server import UNANNOUNCED
from tests.differential.value_tables import REPEATED, Choices, ValueTable

T = TypeVar("T")


def tuples_up_to(choices: Choices[T], most: int = 3) -> SearchStrategy[tuple[T, ...]]:
    """A tuple of up to `most` choices, repeats allowed."""
    if not choices:
        return st.just(())
    return st.lists(st.sampled_from(choices), max_size=most).map(tuple)


def mostly_empty_tuples(choices: Choices[T], most: int = 2) -> SearchStrategy[tuple[T, ...]]:
    """A tuple of up to `most` choices, empty in most cases."""
    return st.one_of(st.just(()), st.just(()), tuples_up_to(choices, most))


def without_repeats(fields: Fields, but: Choices[str] = ()) -> Fields:
    """The fields without repeated names, except for the names in `but`."""
    return tuple(
        field
        for place, field in enumerate(fields)
        if field[0] in but or field[0] not in dict(fields[:place])
    )


@st.composite
def scenarios(draw: DrawFn, tables: Choices[ValueTable]) -> Scenario:
    """Draw each part of a scenario from one of the tables."""
    table = st.sampled_from(tables)
    urls = draw(st.lists(table.flatmap(_urls), min_size=1, max_size=2, unique=True))
    visit = table.flatmap(partial(_visit, urls=urls))
    scenario = Scenario(
        tuple(draw(_resource(draw(table), url)) for url in urls),
        tuple(draw(st.lists(visit, min_size=1, max_size=6))),
        draw(st.sampled_from(draw(table).cache)),
        draw(tuples_up_to(draw(table).credentials, 2)),
    )
    return _without_bodies(scenario) if _ends_connections(scenario) else scenario


def _ends_connections(scenario: Scenario) -> bool:
    """Whether a request may meet a connection that was closed without httplib2's noticing."""
    answers = [answer for resource in scenario.resources for answer in resource.answers]
    return any(
        answer.framing in UNANNOUNCED
        or answer.version == "HTTP/1.0"
        or "Connection" in dict(answer.fields)  # http.client reads only the first Connection
        for answer in answers
    )


def _without_bodies(scenario: Scenario) -> Scenario:
    """The scenario without bodies: httplib2 cannot send a body on a closed connection."""
    return replace(scenario, visits=tuple(replace(visit, body=None) for visit in scenario.visits))


def _urls(table: ValueTable) -> SearchStrategy[str]:
    parts = st.tuples(st.sampled_from(table.origins), st.sampled_from(table.paths))
    return parts.map("".join)


@st.composite
def _resource(draw: DrawFn, table: ValueTable, url: str) -> Resource:
    return Resource(
        url,
        tuple(draw(st.lists(_answer(table), min_size=1, max_size=3))),
        draw(st.sampled_from(table.validates)),
        draw(st.sampled_from(table.guards)),
    )


@st.composite
def _answer(draw: DrawFn, table: ValueTable) -> Answer:
    status = draw(st.sampled_from(table.statuses))
    recipe = draw(
        st.sampled_from(table.redirect_recipes if status in REDIRECT_CODES else table.recipes)
    )
    coding, packed = draw(st.sampled_from(table.codings))
    content = draw(st.sampled_from(table.contents))
    return Answer(
        status,
        without_repeats(recipe + draw(mostly_empty_tuples(table.answer_fields, 3)), REPEATED),
        content,
        coding,
        packed or not content,
        draw(st.sampled_from(table.framings)),
        draw(st.sampled_from(table.reasons)),
        draw(st.sampled_from(table.versions)),
    )


@st.composite
def _visit(draw: DrawFn, table: ValueTable, urls: list[str]) -> Visit:
    method = draw(st.sampled_from(table.methods))
    return Visit(
        draw(st.sampled_from(urls)),
        method,
        draw(tuples_up_to(table.request_fields, 2).map(without_repeats)),
        draw(st.sampled_from(table.bodies)) if method != "HEAD" else None,
        draw(st.sampled_from(table.redirections)),
        draw(st.sampled_from(table.after)),
        draw(mostly_empty_tuples(table.settings)),
    )
