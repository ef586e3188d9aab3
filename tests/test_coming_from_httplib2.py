"""The page "Coming from httplib2" runs as printed.

Rule: the code is not changed; a proxy named in the environment plays the Internet.
"""

import re
from pathlib import Path
from unittest import mock

import httplib2
import pytest
from google.oauth2.credentials import Credentials

import asynchttp
from tests.conftest import RawServerFactory
from tests.servers.certificates import Authority, tls_server_context
from tests.servers.proxies import ACCEPT_TUNNEL
from tests.servers.raw import ServerConnection, read_head

PAGE = (Path(__file__).parents[1] / "docs" / "coming-from-httplib2.md").read_text()
ANSWER = b"""\
HTTP/1.1 200 OK\r
Content-Type: application/json\r
Content-Length: 14\r
Set-Cookie: a=1\r
Set-Cookie: b=2\r
\r
{"name": "me"}"""


def serve_answers(connection: ServerConnection) -> None:
    while True:  # until the client closes
        read_head(connection)
        connection.socket.sendall(ANSWER)


def token() -> Credentials:
    return Credentials("token")  # type: ignore[no-untyped-call]  # google-auth is half typed


def test_page_coming_from_httplib2_runs_as_printed(
    raw_server: RawServerFactory,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    context = tls_server_context(authority.sign("example.org", "www.googleapis.com"))
    internet = raw_server(
        [*ACCEPT_TUNNEL, lambda connection: connection.secure(context), serve_answers]
    )
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{internet.port}")
    monkeypatch.setattr(httplib2, "CA_CERTS", str(authority.pem))
    monkeypatch.chdir(tmp_path)  # the page's code makes a cache
    files = [str(number) for number in range(30)]
    names: dict[str, object] = {"credentials": token(), "files": files, "sign": str}
    for block in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        names["names"] = None
        exec(block, names)
        if "response, content = " in block:  # the page looks at some responses only
            assert names["response"].status == 200  # type: ignore[attr-defined]
        if "getall" in block:
            assert names["response"].getall("set-cookie") == ["a=1", "b=2"]  # type: ignore[attr-defined]
            assert names["response"]["set-cookie"] == "a=1, b=2"  # type: ignore[index]
        if "names = " in block:
            assert names["names"] == ["me"] * len(files)


@pytest.mark.parametrize("name", ["debuglevel", "CA_CERTS", "RETRIES", "AUTH_SCHEME_ORDER"])
def test_setting_on_asynchttp_is_set_on_httplib2(name: str) -> None:
    """Programs with `import asynchttp as httplib2` change module settings."""
    before = getattr(httplib2, name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asynchttp, name, "another")
        assert getattr(httplib2, name) == getattr(asynchttp, name) == "another"
    assert getattr(httplib2, name) is before
    with mock.patch(f"asynchttp.{name}", "another"):
        assert getattr(httplib2, name) == "another"
    assert getattr(httplib2, name) is before


def test_own_names_are_not_set_on_httplib2(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = httplib2.Http
    monkeypatch.setattr(asynchttp, "Http", object)
    monkeypatch.setattr(asynchttp, "neither", "nor", raising=False)
    assert httplib2.Http is theirs
    assert not hasattr(httplib2, "neither")
