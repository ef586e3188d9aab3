"""The benchmark's servers give what its clients expect, and its programs notice if they do not."""

import gzip
import os
import ssl
import time
from collections.abc import Iterator
from typing import Literal
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psutil
import pytest

from bench.contenders import load_contender
from bench.documents import CONTENT, ROUTES, ROUTES_PATH, archive, archive_path, late_path
from bench.load import Load
from bench.process import MeasurementError, measured
from bench.resident import peak, resident
from bench.servers import Server, serving, serving_all, serving_https
from tests.servers.web import WebServer

CORES = frozenset(os.sched_getaffinity(0))


@pytest.fixture(scope="module")
def all_documents() -> Iterator[Server]:
    with serving_all(CORES) as running:
        yield running


def get(url: str) -> bytes:
    with urlopen(url) as answer:
        content: bytes = answer.read()
    return content


# The documents.


def test_the_small_document(all_documents: Server) -> None:
    with serving(CORES) as fastest:
        assert get(fastest.url) == get(all_documents.url) == CONTENT


def test_the_large_document_comes_as_gzip(all_documents: Server) -> None:
    compressed = get(all_documents.at(ROUTES_PATH).url)
    assert gzip.decompress(compressed) == ROUTES
    assert len(compressed) < len(ROUTES) / 4
    assert 95_000 < len(ROUTES) < 105_000


def test_the_late_document_is_late(all_documents: Server) -> None:
    began = time.monotonic()
    assert get(all_documents.at(late_path(0.25)).url) == CONTENT
    assert time.monotonic() - began >= 0.25


@pytest.mark.parametrize("size", [0, 1, 1_000_000, 2_500_001])
def test_the_archive_has_its_size(size: int, all_documents: Server) -> None:
    body = get(all_documents.at(archive_path(size)).url)
    assert len(body) == size
    assert body == archive(size)


def test_there_is_nothing_else(all_documents: Server) -> None:
    with pytest.raises(HTTPError, match="404"):
        get(all_documents.at("/other").url)


# HTTPS.


@pytest.mark.parametrize(("http", "fewest", "most"), [(1, 2, 10), (2, 1, 1)])
@pytest.mark.parametrize("name", ["asynchttp", "bare"])
def test_only_http2_has_one_connection_for_all(
    name: str, http: Literal[1, 2], fewest: int, most: int
) -> None:
    with serving_https(CORES, http) as server:
        load = Load(server.url, 10, ca_certs=server.ca_certs)
        with load_contender(name)(load) as fetch:
            fetch(50)
            fetch(50)
            assert fewest <= connections_to(server) <= most


def connections_to(server: Server) -> int:
    port = Request(server.url).host.rpartition(":")[2]
    mine = psutil.Process().net_connections()
    return sum(bool(one.raddr) and str(one.raddr.port) == port for one in mine)


def test_a_certificate_is_needed() -> None:
    with serving_https(CORES, 1) as server:
        with pytest.raises(OSError, match="CERTIFICATE_VERIFY_FAILED"):
            get(server.url)
        context = ssl.create_default_context(cafile=server.ca_certs)
        with urlopen(server.url, context=context) as answer:
            assert answer.read() == CONTENT


# The programs that measure, where the answer is wrong.


@pytest.mark.parametrize("client", ["asynchttp", "pycurl"])
def test_a_wrong_body_is_noticed(client: str, all_documents: Server) -> None:
    url = all_documents.at(archive_path(1000)).url
    with pytest.raises(MeasurementError, match="WrongAnswerError: status 200"):
        measured("bench.download", client, url, 1001, cores=CORES)


def test_a_wrong_answer_in_the_crowd_is_noticed(server: WebServer) -> None:
    with pytest.raises(MeasurementError, match="WrongAnswerError: status 404"):
        measured("bench.crowd", server.url("/status/404"), 2, cores=CORES)


@pytest.mark.parametrize("state", ["queued", "finished", "in_flight"])
def test_a_wrong_answer_has_no_footprint(state: str, server: WebServer) -> None:
    with pytest.raises(MeasurementError, match="WrongAnswerError: status 404"):
        measured("bench.footprint", state, server.url("/status/404"), 2, cores=CORES)


def test_the_peak_stays_when_memory_is_given_back() -> None:
    now, before = resident(), peak()
    assert 0 < now <= before
    bytearray(before)[:] = b"x" * before
    assert peak() > before
