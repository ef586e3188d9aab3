"""The benchmark's servers give the right answers, and the programs notice wrong answers."""

import gzip
import os
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from bench.contenders import load_contender
from bench.cores import free
from bench.documents import (
    CONTENT,
    FEW_ROUTES_PATH,
    GZIPPED,
    ROUTES_PATH,
    archive,
    archive_path,
    content_at,
    late_path,
)
from bench.load import Load
from bench.nginx import find_nginx
from bench.process import MeasurementError, measured
from bench.resident import peak, resident
from bench.servers import Server, server_name, serving, serving_https, serving_late
from tests.servers.web import WebServer

CORES = frozenset(os.sched_getaffinity(0))


SIZES = [0, 1, 1_000_000, 2_500_001]


@pytest.fixture(scope="module", params=["nginx", "granian"])
def all_documents(request: pytest.FixtureRequest) -> Iterator[Server]:
    """All documents except late documents, served by nginx and by granian."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "granian":
            patch.setenv("BENCH_NGINX", "")
        elif find_nginx() is None:
            pytest.skip("there is no nginx")
        with serving(free(), *SIZES) as running:
            assert server_name().startswith(request.param)
            yield running


@pytest.fixture(scope="module")
def late_documents() -> Iterator[Server]:
    with serving_late(free()) as running:
        yield running


def get(url: str) -> bytes:
    with urlopen(url) as answer:
        content: bytes = answer.read()
    return content


# The documents


def test_small_document_is_served_by_all(all_documents: Server, late_documents: Server) -> None:
    assert get(all_documents.url) == get(late_documents.url) == CONTENT


@pytest.mark.parametrize(("path", "size"), [(FEW_ROUTES_PATH, 2_000), (ROUTES_PATH, 100_000)])
def test_json_documents_are_served_as_gzip(path: str, size: int, all_documents: Server) -> None:
    with urlopen(all_documents.at(path).url) as answer:
        compressed = answer.read()
        assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(compressed) == GZIPPED[path] == content_at(all_documents.at(path).url)
    assert len(compressed) < len(GZIPPED[path]) / 4
    assert len(GZIPPED[path]) == pytest.approx(size, rel=0.05)


def test_query_does_not_change_document(all_documents: Server) -> None:
    assert get(f"{all_documents.url}?number=17") == CONTENT


def test_late_document_arrives_late(late_documents: Server) -> None:
    began = time.monotonic()
    assert get(late_documents.at(late_path(0.25)).url) == CONTENT
    assert time.monotonic() - began >= 0.25


def test_late_documents_do_not_wait_for_each_other(late_documents: Server) -> None:
    """In sequence, 300 answers after 2 seconds would take ten minutes; a test has three."""
    load = Load(late_documents.at(late_path(2)).url, 300)
    with load_contender("asynchttp")(load) as fetch:
        fetch(300)


def test_late_server_survives_client_disconnect(late_documents: Server) -> None:
    port = int(Request(late_documents.url).host.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(f"GET {late_path(0.01)} HTTP/1.1\r\n".encode())
        client.sendall(b"\r\n")
    time.sleep(0.05)
    assert get(late_documents.url) == CONTENT


@pytest.mark.parametrize("size", SIZES)
def test_archive_has_requested_size(size: int, all_documents: Server) -> None:
    body = get(all_documents.at(archive_path(size)).url)
    assert len(body) == size
    assert body == archive(size)


def test_unknown_paths_are_not_found(all_documents: Server, late_documents: Server) -> None:
    for server in (all_documents, late_documents):
        with pytest.raises(HTTPError, match="404"):
            get(server.at("/other").url)


def test_nginx_is_looked_for_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "nginx"
    script.write_text("#!/bin/sh\necho /somewhere/nginx\n")
    script.chmod(0o755)
    monkeypatch.setattr("bench.nginx._SCRIPT", script)
    monkeypatch.delenv("BENCH_NGINX", raising=False)
    assert find_nginx() == "/somewhere/nginx"
    script.write_text("#!/bin/sh\nexit 1\n")
    assert find_nginx() == "/somewhere/nginx"
    monkeypatch.delenv("BENCH_NGINX")
    assert find_nginx() is None
    assert server_name().startswith("granian/")


# HTTPS


@pytest.mark.parametrize(("http", "fewest", "most"), [(1, 2, 10), (2, 1, 1)])
@pytest.mark.parametrize("name", ["asynchttp", "bare"])
def test_only_http2_shares_one_connection(
    name: str, http: Literal[1, 2], fewest: int, most: int
) -> None:
    with serving_https(free(), http) as server:
        load = Load(server.url, 10, ca_certs=server.ca_certs)
        with load_contender(name)(load) as fetch:
            fetch(50)
            fetch(50)
            assert fewest <= count_connections_to(server) <= most


def count_connections_to(server: Server) -> int:
    port = Request(server.url).host.rpartition(":")[2]
    mine = psutil.Process().net_connections()
    return sum(bool(one.raddr) and str(one.raddr.port) == port for one in mine)


def test_https_server_needs_trusted_certificate() -> None:
    with serving_https(free(), 1) as server:
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            get(server.url)
        context = ssl.create_default_context(cafile=server.ca_certs)
        with urlopen(server.url, context=context) as answer:
            assert answer.read() == CONTENT


# Measuring programs, given a wrong answer


@pytest.mark.parametrize("client", ["asynchttp", "pycurl"])
def test_download_program_notices_wrong_body(client: str, all_documents: Server) -> None:
    url = all_documents.at(archive_path(1_000_000)).url
    with pytest.raises(MeasurementError, match="WrongAnswerError: status 200"):
        measured("bench.download", client, url, 1_000_001, cores=CORES)


def test_crowd_program_notices_wrong_answer(server: WebServer) -> None:
    with pytest.raises(MeasurementError, match="WrongAnswerError: status 404"):
        measured("bench.crowd", server.url("/status/404"), 2, cores=CORES)


@pytest.mark.parametrize("state", ["queued", "finished", "in_flight"])
def test_footprint_program_notices_wrong_answer(state: str, server: WebServer) -> None:
    with pytest.raises(MeasurementError, match="WrongAnswerError: status 404"):
        measured("bench.footprint", state, server.url("/status/404"), 2, cores=CORES)


def test_peak_memory_stays_after_release() -> None:
    now, before = resident(), peak()
    assert 0 < now <= before
    bytearray(before)[:] = b"x" * before
    assert peak() > before
