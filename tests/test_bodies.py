"""Bodies of requests: every kind arrives as httplib2 would send it, and is taken at the call, so
that callers may change the object afterwards.

Rule: httplib2 sends an equal body (`tests.reference`), made anew if a body can be read only once.
"""

import array
import gzip
import hashlib
import io
import os
import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import IO, TypeAlias

import httplib2
import pytest

from asynchttp import Http
from asynchttp.engine.upload import Upload
from tests.conftest import RawServerFactory
from tests.reference import (
    ClientResult,
    MakeRequest,
    Pair,
    Url,
    assert_same_as_httplib2,
    request_with_both,
)
from tests.servers.app import patterned_bytes
from tests.servers.event_log import PATIENCE
from tests.servers.raw import (
    OK,
    ServerConnection,
    read_head,
    read_until_closed,
    reset_connection,
    send,
    wait_for_event,
)
from tests.servers.recording import answer_requests, record_request, recorded_requests
from tests.servers.web import WebServer

LARGE_SIZE = 20_000_000

GivePiece: TypeAlias = Callable[[bytes | None], None]


class Reader:
    """Has `read`, but is no file of any kind."""

    def __init__(self, *pieces: bytes | str) -> None:
        self._pieces = list(pieces)

    def read(self, size: int = -1) -> bytes | str:
        if size < 0:
            joined = self._pieces[0][:0].join(self._pieces)  # type: ignore[arg-type]  # of one kind
            self._pieces.clear()
            return joined
        return self._pieces.pop(0) if self._pieces else b""


def generate_pieces() -> Iterator[bytes]:
    yield b"one"
    yield b""
    yield b"two"


def at_third_byte(file: IO[bytes]) -> IO[bytes]:
    file.seek(2)
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with small content."""
    path = tmp_path / "body"
    path.write_bytes(b"0123456789")
    return path


def request_with_body(
    make: Callable[[], object], method: str = "POST", headers: dict[str, str] | None = None
) -> MakeRequest:
    """Make a body, and post it."""
    return lambda http, url: http.request(url("/"), method, make(), headers)


def body_of_only_request(result: ClientResult) -> bytes:
    assert len(result.requests) == 1
    return result.requests[0].body


# Every kind

BODIES_IN_MEMORY: dict[str, tuple[Callable[[], object], bytes]] = {
    "str": (lambda: "caf\xe9", b"caf\xe9"),
    "empty str": (lambda: "", b""),
    "bytes": (lambda: b"abc\0\r\n", b"abc\0\r\n"),
    "empty bytes": (lambda: b"", b""),
    "bytearray": (lambda: bytearray(b"abc"), b"abc"),
    "memoryview": (lambda: memoryview(b"abcd")[1:3], b"bc"),
    "array": (lambda: array.array("H", [258]), array.array("H", [258]).tobytes()),
    "BytesIO": (lambda: at_third_byte(io.BytesIO(b"abcd")), b"cd"),
    "StringIO": (lambda: io.StringIO("caf\xe9"), b"caf\xe9"),
    "GzipFile": (lambda: gzip.GzipFile(fileobj=io.BytesIO(gzip.compress(b"abc"))), b"abc"),
    "reader": (lambda: Reader(b"ab", b"c"), b"abc"),
    "generator": (generate_pieces, b"onetwo"),
    "iterator": (lambda: iter([b"a", bytearray(b"b"), memoryview(b"c")]), b"abc"),
    "list": (lambda: [b"a", b"b"], b"ab"),
    "tuple": (lambda: (b"a", b"b"), b"ab"),
    "empty list": (list, b""),
}


@pytest.mark.parametrize("kind", BODIES_IN_MEMORY)
@pytest.mark.parametrize("method", ["POST", "PUT", "GET", "DELETE", "PROPFIND"])
def test_body_of_any_type_is_sent_like_httplib2(
    raw_server: RawServerFactory, kind: str, method: str
) -> None:
    make, content = BODIES_IN_MEMORY[kind]
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(OK)], request_with_body(make, method)
    )
    assert body_of_only_request(result) == content


WAYS_TO_OPEN: dict[str, Callable[[Path], IO[bytes] | IO[str]]] = {
    "rb": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "r+b": lambda path: path.open("r+b"),
    "text": lambda path: path.open("r", encoding="ascii"),
}


@pytest.mark.parametrize("position", [0, 3, 10])
@pytest.mark.parametrize("how", WAYS_TO_OPEN)
def test_open_file_is_sent_from_its_position(
    raw_server: RawServerFactory, path: Path, how: str, position: int
) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        with WAYS_TO_OPEN[how](path) as file:
            file.seek(position)
            return tuple(http.request(url("/"), "POST", file))

    result = assert_same_as_httplib2(raw_server, [answer_requests(OK)], ask)
    assert body_of_only_request(result) == b"0123456789"[position:]


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "post", "put"])
def test_missing_body_is_sent_like_httplib2(raw_server: RawServerFactory, method: str) -> None:
    """With POST, PUT and PATCH, servers expect a length of 0."""
    answer = OK.removesuffix(b"ok") if method == "HEAD" else OK
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(answer)], request_with_body(lambda: None, method)
    )
    expects = method.upper() in ("POST", "PUT", "PATCH")
    assert result.requests[0].header("content-length") == ("0" if expects else None)


@pytest.mark.parametrize("kind", ["bytes", "empty bytes", "BytesIO", "generator"])
def test_body_is_not_sent_with_head(raw_server: RawServerFactory, kind: str) -> None:
    """RFC 9110, 9.3.2. httplib2 sends the body."""
    make, _ = BODIES_IN_MEMORY[kind]
    theirs, ours = request_with_both(
        raw_server, [answer_requests(OK.removesuffix(b"ok"))], request_with_body(make, "HEAD")
    )
    assert ours.outcome == theirs.outcome
    assert body_of_only_request(ours) == b""


def test_body_is_never_sent_with_repeated_head(raw_server: RawServerFactory) -> None:
    """The core reuses the settings of the first request for similar requests."""
    answered = [read_head, send(OK.removesuffix(b"ok"))]
    server = raw_server(answered * 3 + [read_until_closed])
    with Http() as http:
        for body in (b"x" * 100, b"y" * 100, None):
            assert http.request(server.url(), "HEAD", body=body).result(PATIENCE)[1] == b""
    asked = server.heads.wait_for(3)
    assert [b"content-length" in each.lower() for each in asked] == [False] * 3
    assert len(server.accepted) == 1


# With a length given by the caller


@pytest.mark.parametrize("name", ["Content-Length", "content-length", "CONTENT-LENGTH"])
def test_file_with_given_length_is_not_chunked(
    raw_server: RawServerFactory, path: Path, name: str
) -> None:
    def ask(http: httplib2.Http, url: Url) -> Pair:
        with path.open("rb") as file:
            return tuple(http.request(url("/"), "PUT", file, {name: "10"}))

    result = assert_same_as_httplib2(raw_server, [answer_requests(OK)], ask)
    assert body_of_only_request(result) == b"0123456789"
    assert result.requests[0].header("transfer-encoding") is None


@pytest.mark.parametrize("kind", ["bytes", "bytearray", "BytesIO", "reader", "generator"])
def test_body_with_given_length_is_sent_whole(raw_server: RawServerFactory, kind: str) -> None:
    make, content = BODIES_IN_MEMORY[kind]
    headers = {"Content-Length": str(len(content))}
    result = assert_same_as_httplib2(
        raw_server, [answer_requests(OK)], request_with_body(make, "PUT", headers)
    )
    assert body_of_only_request(result) == content


def test_given_length_counts_for_one_request(raw_server: RawServerFactory, path: Path) -> None:
    server = raw_server([answer_requests(OK)])
    with Http() as http, path.open("rb") as file:
        for headers in ({"Content-Length": "10"}, {}, {"Content-Length": "10"}):
            assert http.request(server.url("/"), "PUT", file, headers).response.status == 200
    given = [request.header("content-length") for request in recorded_requests(server)]
    assert given == ["10", None, "10"]
    assert list(server.bodies) == [b"0123456789"] * 3


def test_file_shorter_than_given_length_fails(raw_server: RawServerFactory, path: Path) -> None:
    """Otherwise, the server would wait for the missing byte for ever."""
    server = raw_server([read_head, read_until_closed])
    with Http() as http, path.open("rb") as file:
        promise = http.request(server.url("/"), "PUT", file, {"Content-Length": "11"})
        assert isinstance(promise.exception(PATIENCE), OSError)


@pytest.mark.parametrize("kind", ["bytes", "generator"])
def test_given_chunked_header_is_sent_once(raw_server: RawServerFactory, kind: str) -> None:
    make, content = BODIES_IN_MEMORY[kind]
    server = raw_server([answer_requests(OK)])
    with Http() as http:
        http.request(server.url("/"), "PUT", make(), {"Transfer-Encoding": "chunked"}).result()
    assert server.heads[0].lower().count(b"transfer-encoding") == 1
    assert server.bodies[0] == content


# Taken at the call


def test_changes_after_call_do_not_change_body(server: WebServer, path: Path) -> None:
    held = server.hold_answers()
    body = bytearray(b"then")
    with Http(max_workers=1) as http:
        first = http.request(held.url())  # occupies the only slot
        from_memory = http.request(server.url(), "POST", body)
        with path.open("rb") as file:
            file.seek(5)
            from_file = http.request(server.url(), "POST", file)
            assert file.tell() == 5
        path.unlink()
        body[:] = b"later"
        held.answer_all()
        assert [each.response.status for each in (first, from_memory, from_file)] == [200] * 3
    assert [each.body for each in server.received] == [b"", b"then", b"56789"]


def test_unflushed_content_of_file_is_sent(server: WebServer, path: Path) -> None:
    with Http() as http, path.open("w+b") as file:
        file.write(b"in the buffer")
        file.seek(0)
        assert http.request(server.url(), "POST", file).response.status == 200
    assert server.received[0].body == b"in the buffer"


def test_file_serves_many_requests(server: WebServer, path: Path) -> None:
    with Http() as http, path.open("rb") as file:
        file.seek(1)
        promises = [http.request(server.url(), "PUT", file) for _ in range(20)]
        assert {promise.response.status for promise in promises} == {200}
    assert [each.body for each in server.received] == [b"123456789"] * 20


# Large bodies


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("large") / "large"
    path.write_bytes(patterned_bytes(0, LARGE_SIZE))
    return path


@pytest.mark.parametrize("which", ["server", "tls_server", "tls_h1_server"])
@pytest.mark.parametrize("headers", [{}, {"Content-Length": str(LARGE_SIZE)}])
def test_large_file_is_sent_whole(
    request: pytest.FixtureRequest,
    large_file: Path,
    authority_file: str,
    which: str,
    headers: dict[str, str],
) -> None:
    server: WebServer = request.getfixturevalue(which)
    with Http(timeout=PATIENCE, ca_certs=authority_file) as http:
        with large_file.open("rb") as file:
            promise = http.request(server.url("/status/200"), "PUT", file, headers)
        assert promise.response.status == 200
    received = server.received[0].body
    assert len(received) == LARGE_SIZE
    assert digest(received) == digest(large_file.read_bytes())


def test_large_bytes_are_sent_whole(server: WebServer) -> None:
    body = patterned_bytes(0, LARGE_SIZE)
    with Http(timeout=PATIENCE) as http:
        assert http.request(server.url("/status/200"), "PUT", body).response.status == 200
    assert digest(server.received[0].body) == digest(body)


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_stuck_upload_does_not_delay_other_requests(
    raw_server: RawServerFactory, server: WebServer, large_file: Path
) -> None:
    may_read = threading.Event()
    stuck = raw_server([read_head, wait_for_event(may_read), read_chunked(LARGE_SIZE), send(OK)])
    with Http() as http:
        with large_file.open("rb") as file:
            promise = http.request(stuck.url("/"), "PUT", file)
        stuck.heads.wait_for(1)
        assert http.request(server.url("/status/200")).response.status == 200
        assert not promise.done()
        may_read.set()
        assert promise.response.status == 200


def read_chunked(count: int) -> Callable[[ServerConnection], None]:
    """Read until the last chunk, and check the total size."""

    def step(connection: ServerConnection) -> None:
        found = 0
        while size := int(connection.reader.readline(), 16):
            found += len(connection.reader.read(size))
            connection.reader.readline()
        connection.reader.readline()
        assert found == count

    return step


def test_early_answer_ends_large_upload(raw_server: RawServerFactory, large_file: Path) -> None:
    """A server may refuse the rest of an upload, and close after the client has closed."""
    no = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
    server = raw_server([read_head, send(no), read_until_closed])
    with Http(timeout=PATIENCE) as http, large_file.open("rb") as file:
        response, content = http.request(server.url("/"), "PUT", file)
        assert (response.status, content) == (413, b"no")


def test_upload_is_resent_if_idle_connection_closes(
    raw_server: RawServerFactory, large_file: Path
) -> None:
    """The second upload begins with the first byte."""
    server = raw_server([record_request, send(OK), read_head], [record_request, send(OK)])
    with Http(timeout=PATIENCE) as http, large_file.open("rb") as file:
        assert http.request(server.url("/")).response.status == 200
        assert http.request(server.url("/"), "PUT", file).response.status == 200
    assert digest(server.bodies[1]) == digest(large_file.read_bytes())


def test_late_piece_of_first_sending_is_discarded(
    raw_server: RawServerFactory, large_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may be so slow that the upload is sent again before the first piece is read."""
    uploads: list[Upload] = []
    first_is_being_read, late_piece_arrived = threading.Event(), threading.Event()
    second_is_under_way = threading.Event()
    read_on_worker, next_piece = Upload.read_on_worker, Upload.next_piece

    def fetch(upload: Upload, give: GivePiece, run: Callable[[Callable[[], None]], None]) -> None:
        uploads.append(upload)

        def give_and_tell(piece: bytes | None) -> None:
            give(piece)
            if upload is uploads[0]:
                late_piece_arrived.set()

        read_on_worker(upload, give_and_tell, run)

    def read(upload: Upload) -> bytes | None:
        if upload is uploads[0]:
            first_is_being_read.set()
            assert second_is_under_way.wait(PATIENCE)
        elif len(uploads) == 5:
            second_is_under_way.set()
            assert late_piece_arrived.wait(PATIENCE)
        return next_piece(upload)

    monkeypatch.setattr(Upload, "read_on_worker", fetch)
    monkeypatch.setattr(Upload, "next_piece", read)
    server = raw_server(
        [record_request, send(OK), read_head, wait_for_event(first_is_being_read)],
        [record_request, send(OK)],
    )
    with Http(timeout=PATIENCE) as http, large_file.open("rb") as file:
        assert http.request(server.url("/")).response.status == 200
        assert http.request(server.url("/"), "PUT", file).response.status == 200
    assert digest(server.bodies[1]) == digest(large_file.read_bytes())


# Bodies that cannot be sent


NOT_BODIES = [
    *[5, 0, False, object, 1.5, len, "\N{SNOWMAN}"],
    *[{"name": "value"}, {"name": 1}, OrderedDict(name="value")],
    *[["text"], ("text",), {"text"}, frozenset(["text"]), {"text": 1}.keys(), deque(["text"])],
    *[[b"bytes", "text"], [5], range(3)],
]


@pytest.mark.parametrize("body", NOT_BODIES, ids=repr)
def test_object_of_wrong_type_is_refused(raw_server: RawServerFactory, body: object) -> None:
    """httplib2 raises the same error, but only after sending the head."""
    theirs, ours = request_with_both(raw_server, [record_request], request_with_body(lambda: body))
    assert ours.outcome.error is theirs.outcome.error
    assert ours.requests == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"name": "value"}, "dict"),
        ({}, "dict"),
        (5, "int"),
        (["text"], "an iterable of str"),
        ([b"bytes", 5], "an iterable of int"),
    ],
    ids=repr,
)
def test_refused_body_is_told_what_is_allowed(refused_url: str, body: object, kind: str) -> None:
    error = Http().request(refused_url, "POST", body).exception()
    assert isinstance(error, TypeError)
    allowed = "body: expected bytes, str, a file, a reader or an iterable of bytes"
    assert str(error) == f"{allowed}, not {kind}"


def close_file(file: IO[bytes]) -> IO[bytes]:
    file.close()
    return file


class FailingReader:
    def read(self, _: int = -1) -> bytes:
        raise LookupError("nothing at all")


UNUSABLE_BODIES: dict[str, tuple[Callable[[], object], type[Exception]]] = {
    "closed reader": (lambda: close_file(io.BytesIO(b"x")), ValueError),
    "closed file": (lambda: close_file(Path(__file__).open("rb")), ValueError),  # noqa: SIM115
    "failing reader": (FailingReader, LookupError),
    "list with a number": (lambda: [b"a", 5], TypeError),
    "list with None": (lambda: [b"a", None], TypeError),
    "dict of bytes": (lambda: {b"name": b"value"}, TypeError),
    "text beyond latin-1": (lambda: Reader("\N{SNOWMAN}"), UnicodeEncodeError),
}


@pytest.mark.parametrize("kind", UNUSABLE_BODIES)
def test_unreadable_body_fails_before_sending(raw_server: RawServerFactory, kind: str) -> None:
    make, error = UNUSABLE_BODIES[kind]
    server = raw_server([answer_requests(OK)])
    with Http() as http:
        promise = http.request(server.url("/"), "POST", make())
        with pytest.raises(error):
            promise.result()
        assert http.request(server.url("/"), "POST", b"fine").response.status == 200
    assert list(server.bodies) == [b"fine"]


UNREADABLE_FILE = Path("/proc/self/mem")  # a regular file with an unreadable first page


@pytest.mark.skipif(not UNREADABLE_FILE.exists(), reason="takes Linux")
@pytest.mark.parametrize("headers", [{}, {"Content-Length": "10"}])
def test_read_error_of_file_fails_promise(
    raw_server: RawServerFactory, headers: dict[str, str]
) -> None:
    server = raw_server([read_head, read_until_closed], [answer_requests(OK)])
    with Http(timeout=PATIENCE) as http, UNREADABLE_FILE.open("rb", buffering=0) as file:
        promise = http.request(server.url("/"), "POST", file, headers)
        with pytest.raises(OSError, match="Input/output error"):
            promise.result()
        assert http.request(server.url("/"), "POST", b"fine").response.status == 200


# Descriptors


def count_descriptors(path: Path) -> int:
    """How many descriptors of this process are open on the file."""
    found = 0
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - names; the listing's own is gone by then
        with suppress(OSError):
            found += os.path.samestat(os.fstat(int(name)), path.stat())
    return found


@pytest.mark.parametrize("fate", ["sent", "refused", "reset", "cancelled"])
def test_descriptors_of_body_are_closed(
    raw_server: RawServerFactory, path: Path, fate: str
) -> None:
    scripts = {"reset": [read_head, reset_connection], "cancelled": [read_head, read_until_closed]}
    server = raw_server(scripts.get(fate, [answer_requests(OK)]))
    uri = server.url("/") if fate != "refused" else "nonsense"
    with closing(Http(max_workers=1)) as http:
        with path.open("rb") as file:
            promises = [http.request(uri, "PUT", file) for _ in range(5)]
        if fate == "cancelled":  # a request is on the way, four are queued
            server.heads.wait_for(1)
            assert count_descriptors(path) == 5
            http.close(cancel_futures=True)
        for promise in promises:
            promise.wait()
    assert count_descriptors(path) == 0
