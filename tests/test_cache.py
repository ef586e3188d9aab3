"""The cache beyond httplib2's own tests: broken entries, many threads and processes, killed
processes. test_coalescing has equal requests at the same time; test_differential and httplib2's own
tests compare the rest with httplib2.
"""

import concurrent.futures as cf
import gzip
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from email.utils import formatdate
from functools import partial
from pathlib import Path

import httplib2
import pytest

from asynchttp import Http, log
from asynchttp.filecache import SafeFileCache
from tests.conftest import RawServerFactory
from tests.programs import run_python
from tests.scripted import MemoryCache
from tests.servers.event_log import PATIENCE
from tests.servers.raw import Step, read_head, send
from tests.servers.recording import answer_requests
from tests.servers.web import WebServer
from tests.threads import thread_kind

FRESH = "/status/200?Cache-Control=max-age%3D1000"
FOR_EVER = "Cache-Control: max-age=1000", "Date: Fri, 01 Jan 2100 00:00:00 GMT"


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(str(tmp_path / "cache")) as http:
        yield http


def cache_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").iterdir())


def answer(content: bytes, *fields: str) -> Step:
    return send(answer_bytes(content, *fields))


def answer_bytes(content: bytes, *fields: str) -> bytes:
    lines = [f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + content


# Entries


def test_vary_limits_entry_to_equal_requests(http: Http, server: WebServer) -> None:
    """RFC 9111, 4.1."""
    url = server.url(f"{FRESH}&Vary=Accept")
    accepted = ["a", "a", "b", "b", "a"]
    answers = [http.request(url, headers={"accept": each}).result()[0] for each in accepted]
    assert [each.fromcache for each in answers] == [False, True, False, True, False]


def test_httplib2_reads_our_cache_entries(http: Http, server: WebServer, tmp_path: Path) -> None:
    http.request(server.url(FRESH)).result()
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        response, _ = theirs.request(server.url(FRESH))
    assert response.fromcache
    assert len(server.received) == 1


def test_our_cache_reads_httplib2_entries(http: Http, server: WebServer, tmp_path: Path) -> None:
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        theirs.request(server.url(FRESH))
    assert http.request(server.url(FRESH)).response.fromcache
    assert len(server.received) == 1


@pytest.mark.parametrize("cut", [0, 1, 10, 60, -1])
def test_truncated_entry_is_fetched_anew(
    http: Http, server: WebServer, tmp_path: Path, cut: int
) -> None:
    """A process killed while httplib2 writes leaves a truncated entry."""
    url = server.url("/bytes/100?Cache-Control=max-age%3D1000")
    whole = http.request(url).result()[1]
    (entry,) = cache_files(tmp_path)
    entry.write_bytes(entry.read_bytes()[:cut])
    assert http.request(url).content == whole
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "nonsense",
    [b"\0", b"\r\n\r\n", b"status: none\r\n\r\nx", b"x: y\r\n\r\nx", b"\xff" * 1000],
    ids=range(5),
)
def test_nonsense_entry_is_fetched_anew(
    http: Http, server: WebServer, tmp_path: Path, nonsense: bytes
) -> None:
    http.request(server.url(FRESH)).result()
    (entry,) = cache_files(tmp_path)
    entry.write_bytes(nonsense)
    assert http.request(server.url(FRESH)).response.fromcache is False
    assert http.request(server.url(FRESH)).response.fromcache is True


def test_entry_of_head_does_not_answer_get(http: Http, raw_server: RawServerFactory) -> None:
    """httplib2 answers with empty content."""
    fields = "Cache-Control: max-age=1000", "Date: Fri, 01 Jan 2100 00:00:00 GMT"
    server = raw_server([read_head, answer(b"", *fields)], [read_head, answer(b"content", *fields)])
    http.request(server.url(), "HEAD").result()
    assert http.request(server.url()).content == b"content"


def test_httplib2_entry_of_head_does_not_answer_get(
    http: Http, raw_server: RawServerFactory, tmp_path: Path
) -> None:
    fields = "Cache-Control: max-age=1000", "Date: Fri, 01 Jan 2100 00:00:00 GMT"
    whole = answer(b"content", *fields)
    server = raw_server([read_head, whole], [read_head, whole])
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        theirs.request(server.url(), "HEAD")
    assert http.request(server.url()).content == b"content"


def test_unreadable_cache_does_not_fail_request(server: WebServer) -> None:
    class Broken(dict[str, bytes]):
        def __bool__(self) -> bool:
            return True

        def get(self, key: str, default: object = None) -> bytes:
            raise OSError("no disk")

        def set(self, key: str, value: bytes) -> None:
            self[key] = value

    with Http(Broken()) as http:
        assert http.request(server.url(FRESH)).response.status == 200


def test_any_object_with_cache_methods_works(server: WebServer) -> None:
    kept: dict[str, bytes] = {}
    threads: list[str] = []

    class Memory:
        def get(self, key: str) -> bytes | None:
            threads.append(thread_kind())
            return kept.get(key)

        def set(self, key: str, value: bytes) -> None:
            kept[key] = value

        def delete(self, key: str) -> None:
            kept.pop(key, None)

    with Http(Memory()) as http:
        assert http.request(server.url(FRESH)).response.fromcache is False
        assert http.request(server.url(FRESH)).response.fromcache is True
        http.request(server.url(FRESH), "POST").result()
    assert kept == {}
    assert set(threads) == {"asynchttp worker"}  # never the I/O thread


def test_concurrent_writers_leave_whole_entry(
    http: Http, server: WebServer, tmp_path: Path
) -> None:
    """Every reader sees a whole entry."""
    url = server.url("/bytes/200000")
    program = """
        http = Http(sys.argv[2])
        for _ in range(30):
            assert len(http.request(sys.argv[1])[1]) == 200000
    """
    directory = str(tmp_path / "cache")
    with cf.ThreadPoolExecutor(3) as threads:
        processes = [threads.submit(run_python, program, url, directory) for _ in range(2)]
        for _ in range(30):
            promises = [http.request(url, headers={"x": str(number)}) for number in range(5)]
            assert [len(promise.content) for promise in promises] == [200000] * 5
        assert [process.result().assert_clean() for process in processes] == [[], []]
    assert len(cache_files(tmp_path)) == 1


def test_killed_writer_leaves_whole_entry(server: WebServer, tmp_path: Path) -> None:
    """Five processes are killed in the middle of writing."""
    program = """
        import os, signal
        from asynchttp.filecache import SafeFileCache
        cache = SafeFileCache(sys.argv[1])
        content = b"x" * 5_000_000
        cache.set("key", b"begin" + content)
        threading.Timer(float(sys.argv[2]), lambda: os.kill(os.getpid(), signal.SIGKILL)).start()
        while True:
            cache.set("key", b"again" + content)
    """
    for number in range(5):
        run_python(program, str(tmp_path), str(0.01 + number / 200))
        kept = SafeFileCache(str(tmp_path)).get("key")
        assert kept is not None
        assert len(kept) == 5_000_005


def test_changed_cache_counts_for_later_requests(
    http: Http, server: WebServer, tmp_path: Path
) -> None:
    http.request(server.url(FRESH)).result()
    http.cache = None  # type: ignore[assignment]  # None: no cache is given
    assert http.request(server.url(FRESH)).response.fromcache is False
    http.cache = httplib2.FileCache(str(tmp_path / "cache"))
    assert http.request(server.url(FRESH)).response.fromcache is True


def test_304_does_not_change_stored_length(http: Http, raw_server: RawServerFactory) -> None:
    """RFC 9111, 3.2."""
    unchanged = send(b'HTTP/1.1 304 N\r\nETag: "a"\r\nContent-Length: 0\r\n\r\n')
    scripts = [
        [read_head, answer(b"content", 'ETag: "a"')],
        *[[read_head, unchanged] for _ in range(3)],
    ]
    server = raw_server(*scripts)
    contents = [bytes(http.request(server.url()).content) for _ in range(4)]
    assert contents == [b"content"] * 4
    assert [b"if-none-match" in each for each in server.heads] == [False, True, True, True]


CODED = {  # of Content-Encoding: bytes as sent, bytes as handed out, and the field that remains
    "gzip": (gzip.compress(b"content"), b"content", None),
    "br": (b"as brotli", b"as brotli", "br"),
    "gzip, br": (b"as brotli", b"as brotli", "gzip, br"),
}


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("long", ["", "X-Long: " + "long " * 30], ids=["short", "long"])
def test_content_encoding_of_cached_answer_agrees_with_the_bytes(
    http: Http, raw_server: RawServerFactory, coding: str, long: str
) -> None:
    """RFC 9111, 3.1: a stored content that is still encoded keeps its field."""
    sent, content, field = CODED[coding]
    fresh = ["Cache-Control: max-age=1000", f"Date: {formatdate(usegmt=True)}"]
    fields = [f"Content-Encoding: {coding}", *fresh, *([long] if long else [])]
    server = raw_server([read_head, answer(sent, *fields)])
    first, second = (http.request(server.url()).result() for _ in range(2))
    assert (first[0].fromcache, second[0].fromcache) == (False, True)
    for response, received in (first, second):
        assert (response.get("content-encoding"), received) == (field, content)
        assert response["content-length"] == str(len(content))


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("named", ["gzip", "br", "identity"])
def test_content_encoding_of_304_does_not_change_the_stored_field(
    http: Http, raw_server: RawServerFactory, coding: str, named: str
) -> None:
    """RFC 9111, 3.2. httplib2 fails with a ValueError."""
    sent, content, field = CODED[coding]
    unchanged = f'HTTP/1.1 304 N\r\nETag: "a"\r\nContent-Encoding: {named}\r\n\r\n'.encode()
    stored = [read_head, answer(sent, f"Content-Encoding: {coding}", 'ETag: "a"')]
    server = raw_server(stored, *[[read_head, send(unchanged)] for _ in range(2)])
    for _ in range(3):
        response, received = http.request(server.url()).result()
        assert (response.get("content-encoding"), received) == (field, content)


def test_httplib2_reads_the_field_of_our_encoded_entry(
    http: Http, raw_server: RawServerFactory, tmp_path: Path
) -> None:
    fresh = "Cache-Control: max-age=1000", f"Date: {formatdate(usegmt=True)}"
    server = raw_server([read_head, answer(b"as brotli", "Content-Encoding: br", *fresh)])
    http.request(server.url()).result()
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        response, content = theirs.request(server.url())
    assert response.fromcache
    assert (response["content-encoding"], content) == ("br", b"as brotli")


# A cache that cannot be written


class Unwritable(MemoryCache):
    """A cache whose writing methods raise an error."""

    def __init__(self, error: type[BaseException] = OSError) -> None:
        super().__init__()
        self.error = error

    def set(self, key: str, value: bytes) -> None:
        raise self.error("cannot set")

    def delete(self, key: str) -> None:
        raise self.error("cannot delete")


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    log.flush()
    return [each.getMessage() for each in caplog.records if each.levelname == "WARNING"]


@pytest.mark.parametrize("error", [OSError, ValueError, KeyError])
@pytest.mark.parametrize("cache_control", ["max-age=60", "no-store"])
def test_unwritable_cache_loses_no_answer(
    raw_server: RawServerFactory,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
    cache_control: str,
) -> None:
    """An entry is set or deleted."""
    server = raw_server([read_head, answer(b"content", f"Cache-Control: {cache_control}")])
    with Http(Unwritable(error)) as http:
        assert http.request(server.url()).content == b"content"
    (warning,) = warnings_of(caplog)
    assert f"cannot change the cache entry for {server.url()}: {error.__name__}(" in warning


def test_unsafe_request_is_sent_although_entry_cannot_be_deleted(
    server: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    with Http(Unwritable()) as http:
        assert http.request(server.url("/status/201"), "POST").response.status == 201
    assert len(server.received) == 1
    assert "cannot delete" in "".join(warnings_of(caplog))


def test_entry_in_doubt_that_cannot_be_deleted_loses_no_answer(
    raw_server: RawServerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    server = raw_server([read_head, send(b"HTTP/1.1 404 Gone\r\nContent-Length: 0\r\n\r\n")])
    cache = Unwritable()
    MemoryCache.set(cache, server.url(), b"status: 200\r\n\r\nstale")
    with Http(cache) as http:
        assert http.request(server.url()).response.status == 404
    assert "cannot delete" in "".join(warnings_of(caplog))


def test_redirect_that_cannot_be_stored_is_followed(
    raw_server: RawServerFactory, caplog: pytest.LogCaptureFixture
) -> None:
    moved = send(b"HTTP/1.1 301 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
    server = raw_server([read_head, moved, read_head, answer(b"there")])
    with Http(Unwritable()) as http:
        assert http.request(server.url()).content == b"there"
    assert len(warnings_of(caplog)) == 2


def test_answer_comes_although_cache_directory_is_gone(
    http: Http, server: WebServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    http.request(server.url(FRESH)).result()
    shutil.rmtree(tmp_path / "cache")
    assert http.request(server.url(FRESH)).response.status == 200
    assert "FileNotFoundError" in "".join(warnings_of(caplog))


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_exit_while_storing_fails_promise(server: WebServer, error: type[BaseException]) -> None:
    """No slot is lost."""
    with Http(Unwritable(error), max_workers=1) as http:
        for _ in range(3):
            assert isinstance(http.request(server.url(FRESH)).exception(PATIENCE), error)


# Resources with the same key


@pytest.mark.parametrize("vary", ["*", "accept, *", "x,\taccept"])
def test_vary_that_never_matches(http: Http, raw_server: RawServerFactory, vary: str) -> None:
    """RFC 9111, 4.1. httplib2 knows only names separated by commas and spaces."""
    same = answer(b"content", f"Vary: {vary}", *FOR_EVER)
    server = raw_server([read_head, same, read_head, same])
    assert [http.request(server.url()).response.fromcache for _ in range(2)] == [False, False]


def test_request_with_own_host_neither_uses_nor_fills_cache(
    http: Http, raw_server: RawServerFactory
) -> None:
    """The key is the URL, in which another host stands."""
    contents = [b"a.test", b"URL", b"a.test again"]
    server = raw_server(
        [step for each in contents for step in (read_head, answer(each, *FOR_EVER))]
    )
    hosts = [{"Host": "a.test"}, {}, {"host": "a.test"}, {}]
    got = [bytes(http.request(server.url(), headers=each).content) for each in hosts]
    assert got == [*contents, b"URL"]


def test_unsafe_request_with_own_host_keeps_entry(http: Http, raw_server: RawServerFactory) -> None:
    script = [read_head, answer(b"content", *FOR_EVER)]
    server = raw_server([*script, *script])
    http.request(server.url()).result()
    http.request(server.url(), "POST", headers={"Host": "a.test"}).result()
    assert http.request(server.url()).response.fromcache


def test_permanent_redirect_with_own_host_is_not_stored(
    http: Http, raw_server: RawServerFactory
) -> None:
    moved = send(b"HTTP/1.1 301 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n")
    script = [read_head, moved, read_head, answer(b"there"), read_head, answer(b"here")]
    server = raw_server(script)
    http.request(server.url(), headers={"Host": "a.test"}).result()
    assert http.request(server.url()).content == b"here"


def test_host_of_the_url_uses_cache(http: Http, raw_server: RawServerFactory) -> None:
    server = raw_server([read_head, answer(b"content", *FOR_EVER)])
    headers = {"Host": f"127.0.0.1:{server.port}"}
    for given, fromcache in [(headers, False), ({}, True), (headers, True)]:
        assert http.request(server.url(), headers=given).response.fromcache == fromcache


# Fields of httplib2's own

OWN_NAMES = [
    "-x-permanent-redirect-url",
    "-X-Permanent-Redirect-URL",
    "-varied-accept",
    "-content-encoding",
    "-asynchttp-asked-by",
    "-",
]


@pytest.mark.parametrize("name", OWN_NAMES)
def test_name_with_leading_hyphen_is_dropped(
    http: Http, raw_server: RawServerFactory, name: str
) -> None:
    """httplib2 marks entries with such fields; the second GET was 200 and b""."""
    fields = f"{name}: http://127.0.0.1:1/", f"{name}: again", "X: y"
    server = raw_server([read_head, answer(b"content", *fields, *FOR_EVER)])
    for is_second in (False, True):
        response, content = http.request(server.url()).result()
        assert (response.fromcache, content, response["x"]) == (is_second, b"content", "y")
        assert (response.getall(name), name.lower() in response) == ([], False)


def test_name_with_leading_hyphen_is_dropped_without_cache(raw_server: RawServerFactory) -> None:
    server = raw_server([read_head, answer(b"content", *(f"{name}: x" for name in OWN_NAMES))])
    with Http() as http:
        assert not any(name.startswith("-") for name in http.request(server.url()).response)


def test_redirect_field_that_httplib2_stored_for_a_server_is_not_followed(
    http: Http, raw_server: RawServerFactory, tmp_path: Path
) -> None:
    whole = answer(b"content", "-x-permanent-redirect-url: http://127.0.0.1:1/", *FOR_EVER)
    server = raw_server([read_head, whole])
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        theirs.request(server.url())
    assert http.request(server.url()).content == b"content"


# Fields that came several times


def test_getall_from_cache_gives_each_value(
    http: Http, raw_server: RawServerFactory, tmp_path: Path
) -> None:
    """Also from another process, after a 304, and where the joined values are long."""
    cookies = ["a=1; Expires=Sun, 06 Nov 1994 08:49:37 GMT", "b=2, 3; Path=/" + "x" * 90, "c", ""]
    fields = [f"Set-Cookie: {cookie}" for cookie in cookies]
    fields += ["Link: <a>", "Link: <b>", "X: y, z", 'ETag: "1"', *FOR_EVER]
    unchanged = b'HTTP/1.1 304 N\r\nETag: "1"\r\nX: 1\r\nX: 2\r\n\r\n'
    server = raw_server([answer_requests(answer_bytes(b"content", *fields), unchanged)])
    revalidated = {"cache-control": "max-age=0"}
    http.request(server.url()).result()
    with Http(str(tmp_path / "cache")) as other:
        for client, headers, xs in [
            (http, {}, ["y, z"]),
            (other, {}, ["y, z"]),
            (other, revalidated, ["1", "2"]),
            (http, {}, ["1", "2"]),
        ]:
            response, _ = client.request(server.url(), headers=headers).result()
            assert response.fromcache
            assert response.getall("set-cookie") == cookies
            assert response["set-cookie"] == ", ".join(cookies)
            assert response.getall("link") == ["<a>", "<b>"]
            assert response.getall("x") == xs


def test_getall_gives_whole_value_that_httplib2_has_changed(
    http: Http, raw_server: RawServerFactory, tmp_path: Path
) -> None:
    full = answer(b"content", "X: a", "X: b", 'ETag: "1"', *FOR_EVER)
    unchanged = send(b'HTTP/1.1 304 N\r\nETag: "1"\r\nX: long, and other\r\n\r\n')
    server = raw_server([read_head, full], [read_head, unchanged])
    http.request(server.url()).result()
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        theirs.request(server.url(), headers={"cache-control": "max-age=0"})
    assert http.request(server.url()).response.getall("x") == ["long, and other"]


# Modes


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("make", [Http, SafeFileCache], ids=lambda make: make.__name__)
def test_new_cache_directory_is_for_the_user_alone(
    tmp_path: Path, make: Callable[[str], object]
) -> None:
    make(str(tmp_path / "parent" / "cache"))
    assert mode_of(tmp_path / "parent" / "cache") == 0o700


def test_existing_directory_and_its_files_have_modes_of_httplib2(
    server: WebServer, tmp_path: Path
) -> None:
    """A group may share the directory."""
    modes: list[tuple[int, int]] = []
    for client in (httplib2.Http, partial(Http, blocking=True)):
        directory = tmp_path / f"{len(modes)}"
        directory.mkdir()
        directory.chmod(0o2775)
        with closing(client(str(directory))) as http:
            http.request(server.url(FRESH))
        (file,) = directory.iterdir()
        modes.append((mode_of(directory), mode_of(file)))
    assert modes[0] == modes[1]
