"""Addresses and names that never answer, on this machine alone.

    refused_port             a port where connect() is refused
    black_hole_port          a port where connect() hangs
    DeadNameServer           runs a program in which name lookups hang

Rule: the sockets stay open until the end of the test, so that no other program gets the port.
"""

import os
import random
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from tests.servers.event_log import PATIENCE


@contextmanager
def refused_port() -> Iterator[int]:
    """Bound but not listening: the system itself refuses."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@contextmanager
def black_hole_port() -> Iterator[int]:
    """Listening, but with a full backlog: Linux drops further SYN packets."""
    with socket.socket() as listening, socket.socket() as filling:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        filling.connect(listening.getsockname())
        yield listening.getsockname()[1]


def can_replace_name_server() -> bool:
    return shutil.which("unshare") is not None and os.geteuid() == 0


class SilentNameServer:
    """A name server that takes every question and answers none: a lookup takes 30 seconds.

    A program run by `command` has no other name server; `localhost` and `alive.test` are in the
    program's hosts file. Needs Linux and root: for mounts that only the program sees, and for port
    53 of a loopback address picked at random.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE)
        self._socket.bind((f"127.{random.randrange(1, 255)}.{random.randrange(256)}.53", 53))
        self._write()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def _write(self) -> None:
        address = self._socket.getsockname()[0]
        files = {
            "resolv.conf": f"nameserver {address}\noptions timeout:30 attempts:1\n",
            "hosts": "127.0.0.1 localhost alive.test\n",
            "nsswitch.conf": "hosts: files dns\n",
        }
        for name, text in files.items():
            (self._directory / name).write_text(text)

    def command(self, *program: str | Path) -> list[str]:
        """The command line that runs `program` with this name server."""
        mounts = " && ".join(
            f'mount --bind "$0/{name}" /etc/{name}'
            for name in ("resolv.conf", "hosts", "nsswitch.conf")
        )
        script = f'{mounts} && exec "$@"'
        return ["unshare", "--mount", "sh", "-c", script, str(self._directory), *map(str, program)]

    def wait_for_question(self) -> bytes:
        """Wait for a question, and return the question."""
        return self._socket.recv(512)
