"""The lines that `http.client` would print about a transfer, for `httplib2.debuglevel`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pycurl


def trace_lines(records: Sequence[tuple[int, bytes]]) -> Iterator[str]:
    """The lines for the core's records, each libcurl's curl_infotype and the bytes."""
    for kind, text in records:
        if kind != pycurl.INFOTYPE_HEADER_IN:
            yield f"send: {text!r}"
        elif text.startswith(b"HTTP/"):
            yield f"reply: {text.decode('latin-1')!r}"
        elif text.strip():
            yield f"header: {text.decode('latin-1').strip()}"
