"""The cache beyond httplib2's own tests: broken entries, many threads and processes, killed
processes. test_coalescing has equal requests at the same time; test_differential and httplib2's own
tests compare the rest with httplib2.
"""

import concurrent.futures as cf
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httplib2
import pytest

from asynchttp import Http
from asynchttp.filecache import SafeFileCache
from tests.conftest import RawServerFactory
from tests.programs import run_python
from tests.servers.event_log import PATIENCE
from tests.servers.raw import Step, read_head, send
from tests.servers.web import WebServer

FRESH = "/status/200?Cache-Control=max-age%3D1000"


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(str(tmp_path / "cache")) as http:
        yield http


def cache_files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").iterdir())


def answer(content: bytes, *fields: str) -> Step:
    lines = [f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}", *fields, "", ""]
    return send("\r\n".join(lines).encode() + content)


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
            threads.append(threading.current_thread().name)
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


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_error_while_storing_fails_promise(server: WebServer, error: type[BaseException]) -> None:
    """No slot is lost."""

    class Broken:
        def get(self, key: str) -> None:
            return None

        def set(self, key: str, value: bytes) -> None:
            raise error("mine")

        def delete(self, key: str) -> None:
            pass

    with Http(Broken(), max_workers=1) as http:
        for _ in range(3):
            assert isinstance(http.request(server.url(FRESH)).exception(PATIENCE), error)
