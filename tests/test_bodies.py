"""What a request carries: every kind of body arrives as httplib2 would send it, and is taken at the
call, so that the caller may do what he likes after.

Rule: httplib2 is asked the same (`tests.oracle`), with a body of its own where it can be read once.
"""

import array
import gzip
import hashlib
import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, TypeAlias

import httplib2
import pytest

from asynchttp import Http
from asynchttp.engine.upload import Upload
from tests.conftest import RawServers
from tests.oracle import Ask, Pair, Story, Url, answers, both, record, requests_of, same
from tests.servers.app import pattern
from tests.servers.raw import OK, Peer, head, reset, send, until_closed, wait
from tests.servers.seen import PATIENCE
from tests.servers.web import WebServer

LARGE = 20_000_000

Give: TypeAlias = Callable[[bytes | None], None]


class Reader:
    """No file of any kind, but it can be read."""

    def __init__(self, *pieces: bytes | str) -> None:
        self._pieces = list(pieces)

    def read(self, size: int = -1) -> bytes | str:
        if size < 0:
            joined = self._pieces[0][:0].join(self._pieces)  # type: ignore[arg-type]  # of one kind
            self._pieces.clear()
            return joined
        return self._pieces.pop(0) if self._pieces else b""


def generate() -> Iterator[bytes]:
    yield b"one"
    yield b""
    yield b"two"


def positioned(file: IO[bytes]) -> IO[bytes]:
    file.seek(2)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with a small content."""
    path = tmp_path / "body"
    path.write_bytes(b"0123456789")
    return path


def posting(
    make: Callable[[], object], method: str = "POST", headers: dict[str, str] | None = None
) -> Ask:
    """Makes a body, and posts it."""
    return lambda http, url: http.request(url("/"), method, make(), headers)


def posted(story: Story) -> bytes:
    assert len(story.requests) == 1
    return story.requests[0].body


# Every kind

IN_MEMORY: dict[str, tuple[Callable[[], object], bytes]] = {
    "str": (lambda: "caf\xe9", b"caf\xe9"),
    "empty str": (lambda: "", b""),
    "bytes": (lambda: b"abc\0\r\n", b"abc\0\r\n"),
    "empty bytes": (lambda: b"", b""),
    "bytearray": (lambda: bytearray(b"abc"), b"abc"),
    "memoryview": (lambda: memoryview(b"abcd")[1:3], b"bc"),
    "array": (lambda: array.array("H", [258]), array.array("H", [258]).tobytes()),
    "BytesIO": (lambda: positioned(io.BytesIO(b"abcd")), b"cd"),
    "StringIO": (lambda: io.StringIO("caf\xe9"), b"caf\xe9"),
    "GzipFile": (lambda: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(b"abc"))), b"abc"),
    "reader": (lambda: Reader(b"ab", b"c"), b"abc"),
    "generator": (generate, b"onetwo"),
    "iterator": (lambda: iter([b"a", bytearray(b"b"), memoryview(b"c")]), b"abc"),
    "list": (lambda: [b"a", b"b"], b"ab"),
    "tuple": (lambda: (b"a", b"b"), b"ab"),
    "empty list": (list, b""),
}


@pytest.mark.parametrize("kind", IN_MEMORY)
@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE", "PROPFIND"])
def test_every_kind(raw_server: RawServers, kind: str, method: str) -> None:
    make, content = IN_MEMORY[kind]
    story = same(raw_server, [answers(OK)], posting(make, method))
    assert posted(story) == content


OPENED: dict[str, Callable[[Path], IO[bytes] | IO[str]]] = {
    "rb": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "r+b": lambda path: path.open("r+b"),
    "text": lambda path: path.open("r", encoding="ascii"),
}


@pytest.mark.parametrize("position", [0, 3, 10])
@pytest.mark.parametrize("how", OPENED)
def test_every_kind_of_file(raw_server: RawServers, path: Path, how: str, position: int) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        with OPENED[how](path) as file:
            file.seek(position)
            return tuple(http.request(url("/"), "POST", file))

    story = same(raw_server, [answers(OK)], ask)
    assert posted(story) == b"0123456789"[position:]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "post", "put"])
def test_no_body(raw_server: RawServers, method: str) -> None:
    """With POST, PUT and PATCH a server expects to be told that there is none."""
    answer = OK.removesuffix(b"ok") if method == "HEAD" else OK
    story = same(raw_server, [answers(answer)], posting(lambda: None, method))
    expects = method.upper() in ("POST", "PUT", "PATCH")
    assert story.requests[0].header("content-length") == ("0" if expects else None)


@pytest.mark.parametrize("kind", ["bytes", "empty bytes", "BytesIO", "generator"])
def test_head_carries_nothing(raw_server: RawServers, kind: str) -> None:
    """RFC 9110, 9.3.2. httplib2 sends it along."""
    make, _ = IN_MEMORY[kind]
    theirs, ours = both(raw_server, [answers(OK.removesuffix(b"ok"))], posting(make, "HEAD"))
    assert ours.outcome == theirs.outcome
    assert posted(ours) == b""


def test_head_carries_nothing_however_often(raw_server: RawServers) -> None:
    """The first request of a kind shows the way to those that follow."""
    answered = [head, send(OK.removesuffix(b"ok"))]
    server = raw_server(answered * 3 + [until_closed])
    with Http() as http:
        for body in (b"x" * 100, b"y" * 100, None):
            assert http.request(server.url(), "HEAD", body=body).result(PATIENCE)[1] == b""
    asked = server.heads.wait_for(3)
    assert [b"content-length" in each.lower() for each in asked] == [False] * 3
    assert len(server.accepted) == 1


def test_text_may_come_in_pieces(raw_server: RawServers) -> None:
    """Where httplib2 raises a TypeError, having sent half of the request."""
    _, ours = both(raw_server, [answers(OK)], posting(lambda: iter("caf\xe9")))
    assert posted(ours) == b"caf\xe9"


# With a length that the caller gives


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "CONTENT-LENGTH"])
def test_a_file_of_a_given_length(raw_server: RawServers, path: Path, name: str) -> None:
    """It goes out with that length, and not in chunks."""

    def ask(http: httplib2.Http, url: Url) -> Pair:
        with path.open("rb") as file:
            return tuple(http.request(url("/"), "PUT", file, {name: "10"}))

    story = same(raw_server, [answers(OK)], ask)
    assert posted(story) == b"0123456789"
    assert story.requests[0].header("transfer-encoding") is None


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "BytesIO", "reader", "generator"])
def test_others_of_a_given_length(raw_server: RawServers, kind: str) -> None:
    make, content = IN_MEMORY[kind]
    headers = {"Content-Length": str(len(content))}
    story = same(raw_server, [answers(OK)], posting(make, "PUT", headers))
    assert posted(story) == content


def test_the_next_file_has_its_own_length(raw_server: RawServers, path: Path) -> None:
    server = raw_server([answers(OK)])
    with Http() as http, path.open("rb") as file:
        for headers in ({"Content-Length": "10"}, {}, {"Content-Length": "10"}):
            assert http.request(server.url("/"), "PUT", file, headers).response.status == 200
    given = [request.header("content-length") for request in requests_of(server)]
    assert given == ["10", None, "10"]
    assert list(server.bodies) == [b"0123456789"] * 3


def test_a_file_shorter_than_it_says(raw_server: RawServers, path: Path) -> None:
    """The server would wait for the rest for ever."""
    server = raw_server([head, until_closed])
    with Http() as http, path.open("rb") as file:
        promise = http.request(server.url("/"), "PUT", file, {"Content-Length": "11"})
        assert isinstance(promise.exception(PATIENCE), OSError)


@pytest.mark.parametrize("kind", ["bytes", "generator"])
def test_chunked_is_said_once(raw_server: RawServers, kind: str) -> None:
    make, content = IN_MEMORY[kind]
    server = raw_server([answers(OK)])
    with Http() as http:
        http.request(server.url("/"), "PUT", make(), {"Transfer-Encoding": "chunked"}).result()
    assert server.heads[0].lower().count(b"transfer-encoding") == 1
    assert server.bodies[0] == content


# Taken at the call


def test_what_changes_after_the_call_is_not_sent(server: WebServer, path: Path) -> None:
    gate = server.gate()
    body = bytearray(b"then")
    with Http(max_workers=1) as http:
        first = http.request(gate.url())  # the others have to wait until it is over
        from_memory = http.request(server.url(), "POST", body)
        with path.open("rb") as file:
            file.seek(5)
            from_file = http.request(server.url(), "POST", file)
            assert file.tell() == 5
        path.unlink()
        body[:] = b"later"
        gate.open()
        assert [each.response.status for each in (first, from_memory, from_file)] == [200] * 3
    assert [each.body for each in server.received] == [b"", b"then", b"56789"]


def test_what_was_written_to_a_file_is_sent(server: WebServer, path: Path) -> None:
    with Http() as http, path.open("w+b") as file:
        file.write(b"in the buffer")
        file.seek(0)
        assert http.request(server.url(), "POST", file).response.status == 200
    assert server.received[0].body == b"in the buffer"


def test_one_file_for_many(server: WebServer, path: Path) -> None:
    with Http() as http, path.open("rb") as file:
        file.seek(1)
        promises = [http.request(server.url(), "PUT", file) for _ in range(20)]
        assert {promise.response.status for promise in promises} == {200}
    assert [each.body for each in server.received] == [b"123456789"] * 20


# Large ones


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large"
    path.write_bytes(pattern(0, LARGE))
    return path


@pytest.mark.parametrize("which", ["server", "tls_server", "tls_h1_server"])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(LARGE)}])
def test_a_large_file_arrives_whole(
    request: pytest.FixtureRequest,
    large: Path,
    authority_file: str,
    which: str,
    headers: dict[str, str],
) -> None:
    server: WebServer = request.getfixturevalue(which)
    with Http(timeout=PATIENCE, ca_certs=authority_file) as http:
        with large.open("rb") as file:
            promise = http.request(server.url("/status/200"), "PUT", file, headers)
        assert promise.response.status == 200
    received = server.received[0].body
    assert len(received) == LARGE
    assert digest(received) == digest(large.read_bytes())


def test_large_bytes_arrive_whole(server: WebServer) -> None:
    body = pattern(0, LARGE)
    with Http(timeout=PATIENCE) as http:
        assert http.request(server.url("/status/200"), "PUT", body).response.status == 200
    assert digest(server.received[0].body) == digest(body)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_an_upload_that_is_stuck_holds_up_nobody(
    raw_server: RawServers, server: WebServer, large: Path
) -> None:
    may_read = threading.Event()
    stuck = raw_server([head, wait(may_read), read_chunked(LARGE), send(OK)])
    with Http() as http:
        with large.open("rb") as file:
            promise = http.request(stuck.url("/"), "PUT", file)
        stuck.heads.wait_for(1)
        assert http.request(server.url("/status/200")).response.status == 200
        assert not promise.done()
        may_read.set()
        assert promise.response.status == 200


def read_chunked(count: int) -> Callable[[Peer], None]:
    """Reads until the last chunk, and sees that so many bytes were in all of them."""

    def step(peer: Peer) -> None:
        found = 0
        while size := int(peer.reader.readline(), 16):
            found += len(peer.reader.read(size))
            peer.reader.readline()
        peer.reader.readline()
        assert found == count

    return step


def test_an_answer_before_the_end_of_the_upload(raw_server: RawServers, large: Path) -> None:
    """A server that wants no more of it says so, and closes when the client has."""
    no = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
    server = raw_server([head, send(no), until_closed])
    with Http(timeout=PATIENCE) as http, large.open("rb") as file:
        response, content = http.request(server.url("/"), "PUT", file)
        assert (response.status, content) == (413, b"no")


def test_an_upload_on_a_connection_that_has_just_been_closed(
    raw_server: RawServers, large: Path
) -> None:
    """It goes out again, from its beginning, on another one."""
    server = raw_server([record, send(OK), head], [record, send(OK)])
    with Http(timeout=PATIENCE) as http, large.open("rb") as file:
        assert http.request(server.url("/")).response.status == 200
        assert http.request(server.url("/"), "PUT", file).response.status == 200
    assert digest(server.bodies[1]) == digest(large.read_bytes())


def test_a_piece_that_was_read_for_the_first_sending_is_not_for_the_second(
    raw_server: RawServers, large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be so slow that the request is sent again before the first piece is there."""
    uploads: list[Upload] = []
    the_first_is_read_for, late_piece_was_given = threading.Event(), threading.Event()
    the_second_is_under_way = threading.Event()
    fetch_elsewhere, next_piece = Upload.fetch_elsewhere, Upload.next_piece

    def fetch(upload: Upload, give: Give, run: Callable[[Callable[[], None]], None]) -> None:
        uploads.append(upload)

        def give_and_tell(piece: bytes | None) -> None:
            give(piece)
            if upload is uploads[0]:
                late_piece_was_given.set()

        fetch_elsewhere(upload, give_and_tell, run)

    def read(upload: Upload) -> bytes | None:
        if upload is uploads[0]:
            the_first_is_read_for.set()
            assert the_second_is_under_way.wait(PATIENCE)
        elif len(uploads) == 5:
            the_second_is_under_way.set()
            assert late_piece_was_given.wait(PATIENCE)
        return next_piece(upload)

    monkeypatch.setattr(Upload, "fetch_elsewhere", fetch)
    monkeypatch.setattr(Upload, "next_piece", read)
    server = raw_server([record, send(OK), head, wait(the_first_is_read_for)], [record, send(OK)])
    with Http(timeout=PATIENCE) as http, large.open("rb") as file:
        assert http.request(server.url("/")).response.status == 200
        assert http.request(server.url("/"), "PUT", file).response.status == 200
    assert digest(server.bodies[1]) == digest(large.read_bytes())


# Those that cannot be sent


@pytest.mark.parametrize("body", [5, 0, False, object, 1.5, len, "\N{SNOWMAN}"], ids=repr)
def test_what_is_no_body(raw_server: RawServers, body: object) -> None:
    """httplib2 has sent the head when it finds out."""
    theirs, ours = both(raw_server, [record], posting(lambda: body))
    assert ours.outcome.error is theirs.outcome.error
    assert ours.requests == []


def closed(file: IO[bytes]) -> IO[bytes]:
    file.close()
    return file


def failing() -> Iterator[bytes]:
    yield b"some"
    raise LookupError("no more")


class FailingReader:
    def read(self, _: int = -1) -> bytes:
        raise LookupError("nothing at all")


UNUSABLE: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "closed reader": (lambda: closed(io.BytesIO(b"x")), ValueError),
    "closed file": (lambda: closed(Path(__file__).open("rb")), ValueError),  # noqa: SIM115
    "failing generator": (failing, LookupError),
    "failing reader": (FailingReader, LookupError),
    "list with a number": (lambda: [b"a", 5], TypeError),
    "list with None": (lambda: [b"a", None], TypeError),
    "text beyond latin-1": (lambda: Reader("\N{SNOWMAN}"), UnicodeEncodeError),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_cannot_be_read(raw_server: RawServers, kind: str) -> None:
    make, error = UNUSABLE[kind]
    server = raw_server([answers(OK)])
    with Http() as http:
        promise = http.request(server.url("/"), "POST", make())
        with pytest.raises(error):
            promise.result()
        assert http.request(server.url("/"), "POST", b"fine").response.status == 200
    assert list(server.bodies) == [b"fine"]


UNREADABLE = Path("/proc/self/mem")  # a regular file whose first page cannot be read


@pytest.mark.skipif(not UNREADABLE.exists(), reason="takes Linux")
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "10"}])
def test_a_file_that_fails_when_it_is_read(raw_server: RawServers, headers: dict[str, str]) -> None:
    server = raw_server([head, until_closed], [answers(OK)])
    with Http(timeout=PATIENCE) as http, UNREADABLE.open("rb", buffering=0) as file:
        promise = http.request(server.url("/"), "POST", file, headers)
        with pytest.raises(OSError, match="Input/output error"):
            promise.result()
        assert http.request(server.url("/"), "POST", b"fine").response.status == 200


# Nothing is left behind


def descriptors_of(path: Path) -> int:
    """How many this process has open on the file."""
    found = 0
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names, of which one is gone when listed
        with suppress(OSError):
            found += os.path.samestat(os.fstat(int(name)), path.stat())
    return found


@pytest.mark.parametrize("fate", ["sent", "refused", "reset", "cancelled"])
def test_descriptors_are_given_back(raw_server: RawServers, path: Path, fate: str) -> None:
    scripts = {"reset": [head, reset], "cancelled": [head, until_closed]}
    server = raw_server(scripts.get(fate, [answers(OK)]))
    uri = server.url("/") if fate != "refused" else "nonsense"
    with closing(Http(max_workers=1)) as http:
        with path.open("rb") as file:
            promises = [http.request(uri, "PUT", file) for _ in range(5)]
        if fate == "cancelled":  # the first on its way, the others in the queue
            server.heads.wait_for(1)
            assert descriptors_of(path) == 5
            http.close(cancel_futures=True)
        for promise in promises:
            promise.wait()
    assert descriptors_of(path) == 0
