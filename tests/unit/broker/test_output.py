"""What a process says may be lost; it goes on. Real processes, real pipes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SAYS = (
    "import sys, time; from broker.common.output import lost, never_fail; never_fail();"
    "print('out → …'); sys.stdout.flush();"
    "[print('x' * 5000, file=sys.stderr) for _ in range(40)];"
    "open(sys.argv[1], 'w').write(str(lost()))"
)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    """Where the child writes how much of its standard error was lost."""
    return tmp_path / "lost"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Its two ends."""
    read, write = os.pipe()
    yield read, write
    for end in (read, write):
        try:
            os.close(end)
        except OSError:
            continue


def speak(told: Path, output: int | None, *, program: str = SAYS, **environ: str) -> tuple[int, int]:
    """Exit code, and writes lost, of a child whose two outputs are this one."""
    ended = subprocess.run(
        [sys.executable, "-c", program, str(told)],
        stdout=output,
        stderr=output,
        cwd=ROOT,
        env={**os.environ, **environ},
        timeout=30,
    )
    return ended.returncode, int(told.read_text())


def test_a_reader_that_reads_loses_nothing(told: Path, tmp_path: Path) -> None:
    with (tmp_path / "all").open("wb") as sink:
        code, lost = speak(told, sink.fileno())

    assert (code, lost) == (0, 0)
    assert (tmp_path / "all").read_bytes().count(b"\n") == 41


def test_a_reader_that_is_gone_ends_nothing(told: Path, pipe: tuple[int, int]) -> None:
    read, write = pipe
    os.close(read)

    code, lost = speak(told, write)

    assert code == 0 and lost >= 40


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_sleeps_holds_nothing_up(told: Path, pipe: tuple[int, int], blocking: bool) -> None:
    os.set_blocking(pipe[1], blocking)

    code, lost = speak(told, pipe[1])

    assert code == 0 and lost > 0


def test_a_full_disk_ends_nothing(told: Path) -> None:
    with Path("/dev/full").open("wb", buffering=0) as full:
        code, lost = speak(told, full.fileno())

    assert code == 0 and lost >= 40


def test_started_with_closed_outputs_no_socket_of_ours_takes_their_place(told: Path) -> None:
    program = (
        "import socket, sys; from broker.common.output import never_fail; never_fail(); print('out');"
        "print('err', file=sys.stderr); open(sys.argv[1], 'w').write(str(socket.socket().fileno()))"
    )
    closed = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c", program, str(told)]

    ended = subprocess.run(closed, cwd=ROOT, timeout=30)

    assert ended.returncode == 0 and int(told.read_text()) > 2


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252", "utf-8"])
def test_letters_that_an_encoding_lacks_are_replaced(encoding: str) -> None:
    program = "from broker.common.output import never_fail; never_fail(); print('a → b – … 日 \\ud800')"
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONIOENCODING": encoding},
        timeout=30,
    )

    assert ended.returncode == 0 and ended.stderr == b""
    assert ended.stdout.startswith(b"a ")


def test_the_next_line_says_how_many_were_lost_before_it() -> None:
    program = (
        "import sys, structlog; from broker.common.logs import configure_logging;"
        "from broker.common.output import never_fail;"
        "never_fail(); configure_logging('info'); log = structlog.get_logger();"
        "[log.info('x' * 3000) for _ in range(60)]; print('said', flush=True); sys.stdin.readline(); log.info('again')"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as child:
        assert child.stdin and child.stdout and child.stderr
        assert child.stdout.readline() == b"said\n"  # nobody has read its log so far: the pipe is full
        until_full = os.read(child.stderr.fileno(), 1 << 20)
        child.stdin.write(b"\n")
        child.stdin.flush()
        rest = child.stderr.read()

    lines = (until_full + rest).splitlines()
    last = json.loads(lines[-1])
    assert last["event"] == "again" and last["lines_lost"] == 61 - len(lines) > 0
