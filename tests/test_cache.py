"""The cache where httplib2 has nothing to say: entries that are broken, many threads and processes,
processes that are killed; requests that are the same at the same time: test_coalescing. That the
cache is httplib2's otherwise is shown by test_differential and by httplib2's own tests.
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
from tests.conftest import RawServers
from tests.programs import run
from tests.servers.raw import Step, head, send
from tests.servers.seen import PATIENCE
from tests.servers.web import WebServer

FRESH = "/status/200?Cache-Control=max-age%3D1000"


@pytest.fixture
def http(tmp_path: Path) -> Iterator[Http]:
    with Http(str(tmp_path / "cache")) as http:
        yield http


def entries(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "cache").iterdir())


def answer(content: bytes, *fields: str) -> Step:
    lines = [f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}", *fields, "", ""]
    return send("\r\n".join(lines).encode() + content)


# Entries


def test_what_varies_is_an_answer_to_the_same_request_only(http: Http, server: WebServer) -> None:
    """RFC 9111, 4.1."""
    url = server.url(f"{FRESH}&Vary=Accept")
    accepted = ["a", "a", "b", "b", "a"]
    answers = [http.request(url, headers={"accept": each}).result()[0] for each in accepted]
    assert [each.fromcache for each in answers] == [False, True, False, True, False]


def test_httplib2_uses_ours(http: Http, server: WebServer, tmp_path: Path) -> None:
    http.request(server.url(FRESH)).result()
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        response, _ = theirs.request(server.url(FRESH))
    assert response.fromcache
    assert len(server.received) == 1


def test_we_use_httplib2s(http: Http, server: WebServer, tmp_path: Path) -> None:
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        theirs.request(server.url(FRESH))
    assert http.request(server.url(FRESH)).response.fromcache
    assert len(server.received) == 1


@pytest.mark.parametrize("cut", [0, 1, 10, 60, -1])
def test_an_entry_that_is_cut_is_fetched_anew(
    http: Http, server: WebServer, tmp_path: Path, cut: int
) -> None:
    """As a process leaves it that is killed while httplib2 writes."""
    url = server.url("/bytes/100?Cache-Control=max-age%3D1000")
    whole = http.request(url).result()[1]
    (entry,) = entries(tmp_path)
    entry.write_bytes(entry.read_bytes()[:cut])
    assert http.request(url).content == whole
    assert len(server.received) == 2


@pytest.mark.parametrize(
    "nonsense",
    [b"\0", b"\r\n\r\n", b"status: none\r\n\r\nx", b"x: y\r\n\r\nx", b"\xff" * 1000],
    ids=range(5),
)
def test_an_entry_of_nonsense_is_fetched_anew(
    http: Http, server: WebServer, tmp_path: Path, nonsense: bytes
) -> None:
    http.request(server.url(FRESH)).result()
    (entry,) = entries(tmp_path)
    entry.write_bytes(nonsense)
    assert http.request(server.url(FRESH)).response.fromcache is False
    assert http.request(server.url(FRESH)).response.fromcache is True


def test_an_entry_of_a_head_is_no_answer_to_a_get(http: Http, raw_server: RawServers) -> None:
    """httplib2 answers with nothing."""
    fields = "Cache-Control: max-age=1000", "Date: Fri, 01 Jan 2100 00:00:00 GMT"
    server = raw_server([head, answer(b"", *fields)], [head, answer(b"content", *fields)])
    http.request(server.url(), "HEAD").result()
    assert http.request(server.url()).content == b"content"


def test_nor_is_one_that_httplib2_kept(http: Http, raw_server: RawServers, tmp_path: Path) -> None:
    fields = "Cache-Control: max-age=1000", "Date: Fri, 01 Jan 2100 00:00:00 GMT"
    whole = answer(b"content", *fields)
    server = raw_server([head, whole], [head, whole])
    with closing(httplib2.Http(str(tmp_path / "cache"))) as theirs:
        theirs.request(server.url(), "HEAD")
    assert http.request(server.url()).content == b"content"


def test_a_cache_that_cannot_be_read(server: WebServer) -> None:
    class Broken(dict[str, bytes]):
        def __bool__(self) -> bool:
            return True

        def get(self, key: str, default: object = None) -> bytes:
            raise OSError("no disk")

        def set(self, key: str, value: bytes) -> None:
            self[key] = value

    with Http(Broken()) as http:
        assert http.request(server.url(FRESH)).response.status == 200


def test_any_object_that_has_the_methods(server: WebServer) -> None:
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


def test_many_threads_and_processes_that_write_the_same(
    http: Http, server: WebServer, tmp_path: Path
) -> None:
    """Whoever reads sees a whole entry."""
    url = server.url("/bytes/200000")
    program = """
        http = Http(sys.argv[2])
        for _ in range(30):
            assert len(http.request(sys.argv[1])[1]) == 200000
    """
    directory = str(tmp_path / "cache")
    with cf.ThreadPoolExecutor(3) as threads:
        processes = [threads.submit(run, program, url, directory) for _ in range(2)]
        for _ in range(30):
            promises = [http.request(url, headers={"x": str(number)}) for number in range(5)]
            assert [len(promise.content) for promise in promises] == [200000] * 5
        assert [process.result().fine() for process in processes] == [[], []]
    assert len(entries(tmp_path)) == 1


def test_a_process_that_is_killed_leaves_no_half_entry(server: WebServer, tmp_path: Path) -> None:
    """Killed again and again in the middle of writing."""
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
        run(program, str(tmp_path), str(0.01 + number / 200))
        kept = SafeFileCache(str(tmp_path)).get("key")
        assert kept is not None
        assert len(kept) == 5_000_005


def test_a_change_of_the_cache_counts_for_what_comes_after(
    http: Http, server: WebServer, tmp_path: Path
) -> None:
    http.request(server.url(FRESH)).result()
    http.cache = None  # type: ignore[assignment]  # as it is when none is given
    assert http.request(server.url(FRESH)).response.fromcache is False
    http.cache = httplib2.FileCache(str(tmp_path / "cache"))
    assert http.request(server.url(FRESH)).response.fromcache is True


def test_a_304_does_not_change_the_length_of_what_is_kept(
    http: Http, raw_server: RawServers
) -> None:
    """RFC 9111, 3.2."""
    unchanged = send(b'HTTP/1.1 304 N\r\nETag: "a"\r\nContent-Length: 0\r\n\r\n')
    scripts = [[head, answer(b"content", 'ETag: "a"')], *[[head, unchanged] for _ in range(3)]]
    server = raw_server(*scripts)
    contents = [bytes(http.request(server.url()).content) for _ in range(4)]
    assert contents == [b"content"] * 4
    assert [b"if-none-match" in each for each in server.heads] == [False, True, True, True]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, ValueError])
def test_whatever_a_cache_raises_is_the_promises(
    server: WebServer, error: type[BaseException]
) -> None:
    """When it is to keep something; no slot is lost."""

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
