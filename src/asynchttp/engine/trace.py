"""What goes over the wire, said the way `http.client` prints it: for `httplib2.debuglevel`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pycurl


def lines_of(records: Sequence[tuple[int, bytes]]) -> Iterator[str]:
    """The lines to print for records of the core: libcurl's curl_infotype, and the bytes."""
    for kind, text in records:
        if kind != pycurl.INFOTYPE_HEADER_IN:
            yield f"send: {text!r}"
        elif text.startswith(b"HTTP/"):
            yield f"reply: {text.decode('latin-1')!r}"
        elif text.strip():
            yield f"header: {text.decode('latin-1').strip()}"
