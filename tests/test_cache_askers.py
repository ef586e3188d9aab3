"""A cached answer is for the one who asked for the answer (RFC 9111, 3.5)."""

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httplib2
import pytest

from asynchttp import Http
from tests.conftest import RawServerFactory
from tests.scripted import HOST, MemoryCache, ScriptedServer
from tests.servers.raw import RawServer, ServerConnection, Step, read_head

FRESH = "Cache-Control: max-age=1000", "Date: Fri, 01 Jan 2100 00:00:00 GMT"
ALICE, BOB = {"authorization": "Alice"}, {"authorization": "Bob"}
NOBODY: dict[str, str] = {}
CHALLENGE = b'HTTP/1.1 401 U\r\nWWW-Authenticate: Basic realm="r"\r\nContent-Length: 0\r\n\r\n'
DIGEST = CHALLENGE.replace(b'Basic realm="r"', b'Digest realm="r", nonce="n", qop="auth"')


@pytest.fixture
def directory(tmp_path: Path) -> str:
    return str(tmp_path / "cache")


@pytest.fixture
def http(directory: str) -> Iterator[Http]:
    with Http(directory, blocking=True) as http:
        yield http


def entry_in(directory: str) -> bytes:
    (file,) = Path(directory).iterdir()
    return file.read_bytes()


def field(head: bytes, name: str) -> bytes | None:
    found = re.search(rb"(?im)^%b: ([^\r\n]*)" % name.encode(), head)
    return found and found[1]


def tell_asker(*fields: str, challenge: bytes = b"") -> Step:
    """Answer each request with the request's Authorization, or a 304 if a field has the ETag;
    requests without Authorization get `challenge`, if given.
    """

    def step(connection: ServerConnection) -> None:
        while True:
            head = read_head(connection)
            asker = field(head, "authorization") or b"nobody"
            lines = "\r\n".join((*FRESH, *fields)).encode()
            if challenge and asker == b"nobody":
                connection.socket.sendall(challenge)
            elif (field(head, "if-none-match") or b"none") in lines:
                connection.socket.sendall(b"HTTP/1.1 304 N\r\n" + lines + b"\r\n\r\n")
            else:
                length = b"Content-Length: %d" % len(asker)
                parts = b"HTTP/1.1 200 OK", lines, length, b"", asker
                connection.socket.sendall(b"\r\n".join(parts))

    return step


def ask(http: Http, server: RawServer, headers: dict[str, str]) -> tuple[str, bool]:
    response, content = http.request(server.url(), headers=headers)
    assert response.status == 200
    assert not any(name.startswith("-asynchttp") for name in response)
    return bytes(content).decode(), response.fromcache


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [(ALICE, BOB, "Bob"), (ALICE, NOBODY, "nobody"), (NOBODY, BOB, "Bob")],
    ids=["Alice's, Bob", "Alice's, nobody", "nobody's, Bob"],
)
def test_answer_is_not_served_to_another_asker(
    http: Http,
    raw_server: RawServerFactory,
    first: dict[str, str],
    second: dict[str, str],
    told: str,
) -> None:
    server = raw_server([tell_asker()])
    ask(http, server, first)
    assert ask(http, server, second) == (told, False)
    assert ask(http, server, second) == (told, True)


def test_answer_is_served_to_same_asker_by_another_http(
    http: Http, raw_server: RawServerFactory, directory: str
) -> None:
    server = raw_server([tell_asker()])
    ask(http, server, ALICE)
    with Http(directory, blocking=True) as other:
        assert ask(other, server, ALICE) == ("Alice", True)


@pytest.mark.parametrize("name", ["X-WSSE", "x-wsse"])
def test_wsse_field_tells_asker(http: Http, raw_server: RawServerFactory, name: str) -> None:
    server = raw_server([tell_asker()])
    ask(http, server, {name: "Alice"})
    assert ask(http, server, NOBODY) == ("nobody", False)


@pytest.mark.parametrize("directive", ["public", "s-maxage=9"])
def test_public_answer_is_served_to_every_asker(
    http: Http, raw_server: RawServerFactory, directive: str
) -> None:
    server = raw_server([tell_asker(f"Cache-Control: {directive}")])
    ask(http, server, ALICE)
    assert ask(http, server, BOB) == ("Alice", True)


def test_private_answer_is_not_public(http: Http, raw_server: RawServerFactory) -> None:
    """RFC 9111, 4.2.1: the most restrictive of conflicting directives counts."""
    server = raw_server([tell_asker("Cache-Control: public, private")])
    ask(http, server, ALICE)
    assert ask(http, server, BOB) == ("Bob", False)


def test_304_serves_entry_to_another_asker(http: Http, raw_server: RawServerFactory) -> None:
    """The server says that Alice's document is Bob's, too."""
    server = raw_server([tell_asker('ETag: "1"', "Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT")])
    ask(http, server, ALICE)
    assert ask(http, server, BOB) == ("Alice", True)
    assert field(server.heads[-1], "if-none-match") == b'"1"'
    assert field(server.heads[-1], "if-modified-since") is None
    assert ask(http, server, BOB) == ("Alice", True)
    assert len(server.heads) == 2


@pytest.mark.parametrize("fields", [(), ("Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT",)])
def test_entry_without_etag_is_fetched_anew_for_another_asker(
    http: Http, raw_server: RawServerFactory, fields: tuple[str, ...]
) -> None:
    """Two documents may have been modified at the same time."""
    server = raw_server([tell_asker(*fields)])
    ask(http, server, ALICE)
    assert ask(http, server, BOB) == ("Bob", False)
    assert b"\r\nif-" not in server.heads[-1]


def test_own_condition_of_another_asker_is_not_answered_from_entry(
    http: Http, raw_server: RawServerFactory
) -> None:
    """The 304 is about Bob's document, which is not in the cache."""
    server = raw_server([tell_asker('ETag: "1"', 'X-ETag-Of-Bob: "2"')])
    ask(http, server, ALICE)
    response, content = http.request(server.url(), headers={**BOB, "if-none-match": '"2"'})
    assert (response.status, content) == (304, b"")


def test_only_if_cached_does_not_serve_another_asker(
    http: Http, raw_server: RawServerFactory
) -> None:
    server = raw_server([tell_asker('ETag: "1"', "X-Secret: Alice")])
    ask(http, server, ALICE)
    headers = {**BOB, "cache-control": "only-if-cached"}
    response, content = http.request(server.url(), headers=headers)
    assert (response.status, content, "x-secret" in response) == (504, b"", False)


def test_put_has_no_if_match_of_another_asker(http: Http, raw_server: RawServerFactory) -> None:
    server = raw_server([tell_asker('ETag: "1"')])
    ask(http, server, ALICE)
    http.request(server.url(), "PUT", headers=BOB)
    assert field(server.heads[-1], "if-match") is None
    ask(http, server, ALICE)
    http.request(server.url(), "PUT", headers=ALICE)
    assert field(server.heads[-1], "if-match") == b'"1"'


def test_permanent_redirect_is_not_served_to_another_asker(scripted: ScriptedServer) -> None:
    with scripted.http(cache=MemoryCache()) as http:
        for asker in (ALICE, BOB):
            promise = http.request(HOST + "/", headers=asker, redirections=1)
            scripted.wait_for_transfer().answer(301, f"Location: /{asker['authorization']}", *FRESH)
            target = scripted.wait_for_transfer()
            assert target.path == f"/{asker['authorization']}"
            target.answer()
            assert promise.response.status == 200


@pytest.mark.parametrize("challenge", [CHALLENGE, DIGEST], ids=["Basic", "Digest"])
def test_answer_to_credentials_is_served_to_same_user(
    http: Http, raw_server: RawServerFactory, challenge: bytes
) -> None:
    """The Authorization field of a Digest differs with each request."""
    http.add_credentials("alice", "secret")
    server = raw_server([tell_asker(challenge=challenge)])
    told, _ = ask(http, server, NOBODY)
    assert ask(http, server, NOBODY) == (told, True)
    assert len(server.heads) == 2  # the challenge and the answer


@pytest.mark.parametrize("challenge", [CHALLENGE, DIGEST], ids=["Basic", "Digest"])
@pytest.mark.parametrize("other", ["bob", None])
def test_answer_to_credentials_is_not_served_to_another_user(
    http: Http, raw_server: RawServerFactory, directory: str, challenge: bytes, other: str | None
) -> None:
    http.add_credentials("alice", "secret")
    server = raw_server([tell_asker(challenge=challenge)])
    told, _ = ask(http, server, NOBODY)
    with Http(directory, blocking=True) as another:
        if other is None:
            response, _ = another.request(server.url())
            assert response.status == 401
        else:
            another.add_credentials(other, "secret")
            assert ask(another, server, NOBODY)[0] != told


def test_answer_is_not_served_to_same_user_in_another_realm(
    http: Http, raw_server: RawServerFactory, directory: str
) -> None:
    http.add_credentials("alice", "secret")
    other_realm = CHALLENGE.replace(b'realm="r"', b'realm="s"')
    server = raw_server([tell_asker(challenge=CHALLENGE)], [tell_asker(challenge=other_realm)])
    ask(http, server, NOBODY)
    with Http(directory, blocking=True) as another:
        another.add_credentials("alice", "secret")
        another.request(server.url("/?other"))  # the credentials are sent from now on
        another.request(server.url())
    assert len(server.heads) == 5


def test_credentials_without_user_are_a_new_asker_each_time(
    http: Http, raw_server: RawServerFactory
) -> None:
    """A program's own authentication may have no user name."""

    class Signature:
        def __init__(self, *_: object) -> None:
            self.host, self.path = f"127.0.0.1:{server.port}", "/"

        def inscope(self, *_: object) -> bool:
            return True

        def depth(self, _: object) -> int:
            return 0

        def request(self, _: object, __: object, headers: dict[str, str], ___: object) -> None:
            headers["authorization"] = "signed"

        def response(self, *_: object) -> bool:
            return False

    server = raw_server([tell_asker()])
    http.authorizations.append(Signature())  # type: ignore[arg-type]  # not of httplib2's class
    assert [ask(http, server, NOBODY)[1] for _ in range(2)] == [False, False]


# Entries


def test_entry_has_digest_with_new_salt_in_place_of_credentials(
    http: Http, raw_server: RawServerFactory, directory: str
) -> None:
    server = raw_server([tell_asker()])
    marks = set()
    for _ in range(2):
        http.request(server.url(), headers={"authorization": "secret", "cache-control": "no-cache"})
        marks.add(field(entry_in(directory).partition(b"\r\n\r\n")[0], "-asynchttp-asked-by"))
    assert len(marks) == 2
    assert all(mark and re.fullmatch(rb"[0-9a-f]{32} [0-9a-f]{32}", mark) for mark in marks)


def test_entry_of_nobody_has_no_digest(
    http: Http, raw_server: RawServerFactory, directory: str
) -> None:
    ask(http, raw_server([tell_asker()]), NOBODY)
    assert b"-asynchttp-" not in entry_in(directory)


def test_httplib2_reads_and_keeps_entry_with_digest(
    http: Http, raw_server: RawServerFactory, directory: str
) -> None:
    server = raw_server([tell_asker('ETag: "1"')])
    ask(http, server, ALICE)
    with closing(httplib2.Http(directory)) as theirs:
        for headers in (ALICE, {**ALICE, "cache-control": "max-age=0"}):
            response, content = theirs.request(server.url(), headers=headers)
            assert (response.status, response.fromcache, content) == (200, True, b"Alice")
    assert ask(http, server, ALICE) == ("Alice", True)
    assert ask(http, server, BOB) == ("Alice", True)
    assert [bool(field(head, "if-none-match")) for head in server.heads] == [False, True, True]


def test_entry_of_httplib2_is_not_served_to_who_has_credentials(
    http: Http, raw_server: RawServerFactory, directory: str
) -> None:
    """httplib2 does not store who asked."""
    server = raw_server([tell_asker()])
    with closing(httplib2.Http(directory)) as theirs:
        theirs.request(server.url(), headers=ALICE)
    assert ask(http, server, BOB) == ("Bob", False)


# Requests that are the same, at the same time


def test_requests_of_two_askers_are_not_coalesced(scripted: ScriptedServer) -> None:
    with scripted.http(cache=MemoryCache()) as http:
        promises = [http.request(HOST, headers=asker) for asker in (ALICE, BOB, NOBODY)]
        for transfer in scripted.wait_for_transfers(3):
            transfer.answer(content=transfer.headers.get("authorization", "nobody").encode())
        assert [bytes(promise.content) for promise in promises] == [b"Alice", b"Bob", b"nobody"]
