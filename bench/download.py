"""Measures a large body that is fetched into memory. Prints the seconds, and the peak of memory
above the memory before, in bytes, as JSON:

    python -m bench.download CLIENT URL SIZE

Rules: the client is warm. The clock stops when the bytes have come. The bytes are compared later,
after the memory is measured: comparing 100 MB takes a tenth of the time of fetching.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from typing import Final, TypeAlias
from urllib.parse import urljoin

import pycurl

from asynchttp import Http
from bench.documents import PATH, archive
from bench.load import WrongAnswerError
from bench.resident import peak, resident

Download: TypeAlias = Callable[[str], tuple[int, bytes]]
"""The status and the bytes of a URL."""

_BUFFER: Final = 512 * 1024


@contextmanager
def through_asynchttp() -> Iterator[Download]:
    with Http() as http:

        def download(url: str) -> tuple[int, bytes]:
            response, content = http.request(url)
            return response.status, bytes(content)

        yield download


@contextmanager
def through_pycurl() -> Iterator[Download]:
    """The best form of plain pycurl.

    Measured, and no faster or with more memory: a preallocated bytearray, a growing bytearray, a
    joined list of pieces, `perform_rb`, WRITEDATA for WRITEFUNCTION, other sizes of the buffer.
    """
    with closing(pycurl.Curl()) as easy:
        easy.setopt(pycurl.PROXY, "")
        easy.setopt(pycurl.NOSIGNAL, 1)
        easy.setopt(pycurl.BUFFERSIZE, _BUFFER)

        def download(url: str) -> tuple[int, bytes]:
            body = BytesIO()
            easy.setopt(pycurl.URL, url)
            easy.setopt(pycurl.WRITEFUNCTION, body.write)
            easy.perform()
            return easy.getinfo(pycurl.RESPONSE_CODE), body.getvalue()

        yield download


CLIENTS: Final = {"asynchttp": through_asynchttp, "pycurl": through_pycurl}


def measure(client: str, url: str, size: int) -> dict[str, float]:
    with CLIENTS[client]() as download:
        download(urljoin(url, PATH))
        base = resident()
        began = time.perf_counter()
        status, body = download(url)
        figures = {"seconds": time.perf_counter() - began, "memory": float(peak() - base)}
    if status != 200 or body != archive(size):
        raise WrongAnswerError(status, body[:100])
    return figures


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
