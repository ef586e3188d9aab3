"""The guard of instructions per request counts, compares, and gives a reason for skipping."""

import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.instructions import __main__ as guard
from bench.instructions.count import AT_ONCE, per_request
from bench.instructions.record import RECORDED, Record, platform_key, read, write
from bench.servers import PROJECT

BEFORE = Record(asynchttp=1000, bare=500, on="a test")


@pytest.fixture
def valgrind(tmp_path: Path) -> Path:
    """A valgrind that counts a thousand instructions, and seven for each request."""
    script = tmp_path / "valgrind"
    script.write_text(
        '#!/bin/sh\nshift 2; "$@" || exit; for last; do :; done\n'
        'echo "==1== Collected : $((1000 + last * 7))" >&2\n'
    )
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("name", ["asynchttp", "bare"])
def test_instructions_per_request_are_the_slope(name: str, valgrind: Path) -> None:
    assert per_request(valgrind, name, AT_ONCE, 3 * AT_ONCE) == 7


def test_instructions_guard_reports_failed_client(valgrind: Path) -> None:
    with pytest.raises(RuntimeError, match=r"absent failed: (.|\n)*No module named"):
        per_request(valgrind, "absent", AT_ONCE, 2 * AT_ONCE)


def test_instructions_guard_reports_missing_count(valgrind: Path) -> None:
    valgrind.write_text("#!/bin/sh\n")
    with pytest.raises(RuntimeError, match="did not say"):
        per_request(valgrind, "bare", AT_ONCE, 2 * AT_ONCE)


def test_lockstep_server_answers_all_at_once() -> None:
    command = [sys.executable, "-m", "bench.instructions.lockstep", "2"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=PROJECT, stdin=pipe, stdout=pipe, text=True) as server:
        assert server.stdout is not None
        address = ("127.0.0.1", urlsplit(server.stdout.readline().strip()).port)
        with socket.create_connection(address) as first, socket.create_connection(address) as last:
            first.sendall(b"GET / HTTP/1.1\r\n\r\n")
            first.settimeout(0.2)
            with pytest.raises(TimeoutError):
                first.recv(1)
            first.settimeout(20)
            last.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert first.recv(1000) == last.recv(1000)
        server.communicate()
    assert server.returncode == 0


@pytest.mark.parametrize(
    ("now", "status", "words"),
    [
        (1000, 0, "+0.0% on what was recorded"),
        (1099, 0, "+9.9% on what was recorded"),
        (1101, 1, "more than 10% up. If that is as it should be, record it: make"),
        (899, 0, "more than 10% down. If that is as it should be, record it: make"),
    ],
)
def test_guard_fails_beyond_ten_percent_change(
    now: int, status: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guard.judge(Record(now, 500, "a test"), BEFORE) == status
    assert words in capsys.readouterr().out


def test_guard_points_out_different_build(capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.judge(BEFORE, BEFORE) == 0
    assert "another build" not in capsys.readouterr().out
    assert guard.judge(Record(1000, 500, "another"), BEFORE) == 0
    assert "another build" in capsys.readouterr().out


def test_guard_without_record_says_how_to_record(capsys: pytest.CaptureFixture[str]) -> None:
    assert guard.judge(BEFORE, None) == 0
    assert f"Nothing is recorded for {platform_key()}" in capsys.readouterr().out


def test_guard_without_valgrind_is_skipped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(guard, "find_valgrind", lambda: None)
    assert guard.main([]) == 0
    assert "Skipped" in capsys.readouterr().out


def test_new_record_keeps_records_of_other_platforms(tmp_path: Path) -> None:
    path = tmp_path / "recorded.json"
    path.write_text('{"CPython 2.7 pdp11": {"asynchttp": 2, "bare": 1, "on": "paper"}}')
    write(path, BEFORE)
    assert read(path) == {"CPython 2.7 pdp11": Record(2, 1, "paper"), platform_key(): BEFORE}


def test_committed_record_can_be_read() -> None:
    assert all(record.asynchttp > record.bare > 0 for record in read(RECORDED).values())
