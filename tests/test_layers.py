"""Imports point down only.

A part is a module or a package directly under asynchttp. A part may import the parts of the same
layer and of the layers below. Imports that only a type checker follows count as any other.
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "asynchttp"

LAYERS = [
    {"__init__"},
    {"http"},
    {"options"},
    {"dispatch"},
    {"promise"},
    {"policy", "engine", "filecache"},
    {"messages"},
    {"log"},
    {"process"},
    {"_core"},
]
DEPTH = {part: depth for depth, layer in enumerate(LAYERS) for part in layer}

ONLY_ENGINE = "pycurl"
MAY_IMPORT_CORE = {"engine", "promise", "dispatch", "messages"}
"""The parts that may import the core."""
MODULES = (".py", ".pyi", "")
NEVER_POLICY = {"pycurl", "threading"}


class Import(NamedTuple):
    """Which part imports what, by its whole dotted name."""

    part: str
    name: str

    @property
    def origin(self) -> str:
        return self.name.partition(".")[0]

    @property
    def target(self) -> str:
        """The part that is imported, where the origin is ours."""
        inside = self.name.split(".")[1:]
        return inside[0] if inside and inside[0] in DEPTH else "__init__"


def part_of(file: Path, source: Path) -> str:
    return file.relative_to(source).parts[0].partition(".")[0]


def imports(source: Path) -> Iterator[Import]:
    for file in sorted(source.rglob("*.py")):
        package = file.relative_to(source.parent).parent.parts
        for node in ast.walk(ast.parse(file.read_text())):
            for name in imported_names(node, package):
                yield Import(part_of(file, source), name)


def imported_names(node: ast.AST, package: tuple[str, ...]) -> list[str]:
    match node:
        case ast.Import(names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module, names, level):
            above = package[: len(package) + 1 - level] if level else ()
            origin = [*above, *filter(None, [module])]
            return [".".join([*origin, alias.name]) for alias in names]
    return []


def layer_violations(source: Path) -> Iterator[str]:
    for each in imports(source):
        if each.origin == SOURCE.name and DEPTH[each.target] < DEPTH[each.part]:
            yield f"{each.part} imports {each.target}, which is above it"
        if each.target == "_core" and each.part not in MAY_IMPORT_CORE:
            yield f"{each.part} imports {each.target}, which is for others"
        if each.origin == ONLY_ENGINE and each.part != "engine":
            yield f"{each.part} imports {each.origin}, which is for engine alone"
        if each.origin in NEVER_POLICY and each.part == "policy":
            yield f"{each.part} imports {each.origin}, but is to do no I/O"


def module_of(name: str) -> str:
    """The module of ours that an import is about: a name in a module is imported from there."""
    while not any(
        (SOURCE.parent / name.replace(".", "/")).with_suffix(end).exists() for end in MODULES
    ):
        name = name.rpartition(".")[0]
    return name


def test_modules_import_in_no_circle() -> None:
    graph: dict[str, set[str]] = {}
    for file in SOURCE.rglob("*.py"):
        where = file.relative_to(SOURCE.parent).with_suffix("")
        names = {
            name
            for node in ast.walk(ast.parse(file.read_text()))
            for name in imported_names(node, where.parent.parts)
        }
        ours = {module_of(name) for name in names if name.startswith(SOURCE.name)}
        graph[".".join(where.parts)] = ours - {SOURCE.name}
    assert list(
        TopologicalSorter(graph).static_order()
    )  # raises CycleError, which names the circle


def test_every_part_has_its_layer() -> None:
    files = [*SOURCE.rglob("*.py"), *SOURCE.rglob("*.pyi")]
    assert {part_of(file, SOURCE) for file in files} == set(DEPTH)


def test_imports_point_down() -> None:
    assert not list(layer_violations(SOURCE))


@pytest.mark.parametrize(
    ("file", "line", "complaint"),
    [
        ("messages/request.py", "from ..http import Http", "messages imports http"),
        ("messages/request.py", "from .. import http", "messages imports http"),
        ("messages/request.py", "import asynchttp.http", "messages imports http"),
        (
            "messages/body.py",
            "from asynchttp.engine.plans import prepare",
            "messages imports engine",
        ),
        ("engine/plans.py", "from ..promise import work", "engine imports promise"),
        ("engine/plans.py", "from .. import Http", "engine imports __init__"),
        ("promise/work.py", "def f():\n    import pycurl", "promise imports pycurl"),
        ("filecache.py", "from . import _core", "filecache imports _core"),
        ("policy/cache.py", "from .._core import Work", "policy imports _core"),
        ("policy/cache.py", "import threading", "policy imports threading"),
    ],
)
def test_an_import_that_is_not_allowed(
    tmp_path: Path, file: str, line: str, complaint: str
) -> None:
    place = tmp_path / SOURCE.name / file
    place.parent.mkdir(parents=True)
    place.write_text(line)
    assert next(layer_violations(tmp_path / SOURCE.name)).startswith(complaint)


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("http.py", "from .engine.clients import Clients"),
        ("messages/body.py", "import http.client"),
        ("promise/promise.py", "from .lazy_pair import Content"),
        ("policy/cache.py", "from . import wire"),
        ("engine/plans.py", "import pycurl, threading"),
        ("engine/plans.py", "from .. import _core"),
        ("promise/work.py", "from .. import _core"),
    ],
)
def test_an_import_that_is_allowed(tmp_path: Path, file: str, line: str) -> None:
    place = tmp_path / SOURCE.name / file
    place.parent.mkdir(parents=True)
    place.write_text(line)
    assert not list(layer_violations(tmp_path / SOURCE.name))
