"""The documentation is true: docstring examples and the README's code run, links lead somewhere."""

import doctest
import importlib
import logging
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import asynchttp
from asynchttp import log
from tests.servers.web import WebServer

PROJECT = Path(__file__).parent.parent
README = (PROJECT / "README.md").read_text()
PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").glob("*.md"))]
MODULES = [
    module.name
    for module in pkgutil.walk_packages(asynchttp.__path__, "asynchttp.")
    if module.name != "asynchttp.__main__"
]


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for name in ("asynchttp", *MODULES):
        module = importlib.import_module(name)
        yield from (test for test in finder.find(module, name) if test.examples)


@pytest.mark.parametrize("example", list(examples()), ids=lambda example: example.name)
def test_docstring_example_runs(example: doctest.DocTest, server: WebServer) -> None:
    """`url` is an address that answers with five bytes."""
    example.globs.update(Http=asynchttp.Http, url=server.url("/bytes/5"))
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_pages_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)]*)\)", page.read_text())
    lost = [link for link in links if ":" not in link and not (page.parent / link).exists()]
    assert lost == []


def readme_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_readme_code_runs_as_printed(
    server: WebServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """All blocks run in order, as for a reader, but with the test server's address."""
    monkeypatch.chdir(tmp_path)
    url = server.url("/text/utf-8?text=[1]")
    names: dict[str, object] = {"url": url}
    quiet = list(logging.root.handlers)
    try:
        for block in readme_blocks():
            exec(re.sub(r'f?"https://example.org/[^"]*"', repr(url), block), names)
    finally:
        logging.getLogger("asynchttp").setLevel(logging.NOTSET)
        for handler in set(logging.root.handlers) - set(quiet):
            logging.root.removeHandler(handler)
    assert capsys.readouterr().out == "200 3\n" * 100
    assert names["response"].parsed == [1]  # type: ignore[attr-defined]  # set by the callback


def test_logging_recipe_logs_each_step_of_request(
    server: WebServer, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = next(block for block in readme_blocks() if "basicConfig" in block)
    recipe = recipe.replace("basicConfig(", "basicConfig(force=True, ")  # pytest has handlers
    before = list(logging.root.handlers)
    try:
        exec(recipe)
        with asynchttp.Http() as http:
            number = http.request(server.url("/bytes/5"), callback=len).number
        log.flush()
    finally:
        logging.getLogger("asynchttp").setLevel(logging.NOTSET)
        logging.root.handlers[:] = before
    messages = [line for line in capsys.readouterr().err.splitlines() if f"#{number} " in line]
    steps = [re.sub(r"^\S+ \S+ .*?#\d+ ", "", line) for line in messages]
    milliseconds = r"\d+\.\d ms"
    expected = [
        rf"queued: GET {re.escape(server.url('/bytes/5'))}",
        rf"started after {milliseconds}",
        rf"connected to 127.0.0.1 port {server.port} in {milliseconds}",
        rf"answered 200, 5 bytes, after {milliseconds}",
        rf"callback ran {milliseconds}",
        rf"settled after {milliseconds}",
    ]
    assert len(steps) == len(expected)
    for line, pattern in zip(steps, expected, strict=True):
        assert re.fullmatch(pattern, line)
