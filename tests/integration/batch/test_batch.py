"""`jitney batch` as a person meets it: complete and in order, and refused in a sentence."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import subprocess
from pathlib import Path

import pytest

from broker.common.free_port import free_port
from tests.integration.batch.commands import (
    LIMIT,
    arguments,
    batch,
    rows,
    uppercase,
)
from tests.integration.batch.counting_server import Counted
from tests.integration.processes import ROOT, clean_environ


def test_a_file_is_answered_complete_and_in_order(server: Counted, source: Path, tmp_path: Path) -> None:
    done = batch(source, server.url)

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, uppercase())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    assert server.headers["jitney-lane"] == "bulk"
    assert b"40 rows, 0 failed" in done.stderr and b"text 1" not in done.stderr


def test_a_server_that_asks_for_patience_gets_it(server: Counted, source: Path, tmp_path: Path) -> None:
    busy = {"code": "contended", "detail": "later"}
    server.refuse = lambda texts, before: (429, {"retry-after": "0"}, busy) if before in (3, 7) else None

    assert batch(source, server.url).returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()
    assert max(server.texts.values()) == 1


def test_where_nobody_listens_it_says_so_at_once_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    done = batch(source, f"http://127.0.0.1:{free_port()}")

    assert done.returncode == 4 and b"is not reached" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


def test_failed_rows_have_their_error_and_are_tried_again_when_asked(
    server: Counted, source: Path, tmp_path: Path
) -> None:
    bad = {"code": "invalid_input", "detail": "not today"}
    server.refuse = lambda texts, before: (422, {}, bad) if {"text 7", "text 8"} & {*texts} else None
    first = batch(source, server.url)
    out = rows(tmp_path / "out.jsonl")
    server.refuse = lambda texts, before: None
    server.texts.clear()

    second = batch(source, server.url, "--retry-failed")

    assert (first.returncode, second.returncode) == (1, 0)
    assert [row["id"] for row in out if "error" in row] == ["r7", "r8"]
    assert rows(tmp_path / "out.jsonl") == uppercase()
    assert server.texts == {"text 7": 1, "text 8": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_nothing_that_failed_is_nothing_to_try_again(server: Counted, source: Path) -> None:
    assert batch(source, server.url).returncode == 0
    server.texts.clear()

    done = batch(source, server.url, "--retry-failed")

    assert done.returncode == 0 and b"no row of" in done.stderr and not server.texts


def test_without_httpx2_it_says_what_to_install(source: Path, tmp_path: Path) -> None:
    (tmp_path / "httpx2.py").write_text("raise ImportError")
    environ = clean_environ() | {"PYTHONPATH": f"{tmp_path}:{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"}

    done = subprocess.run(arguments(source, "http://127.0.0.1:1"), env=environ, cwd=ROOT, capture_output=True)

    assert done.returncode == 2 and b"pip install 'jitney[client]'" in done.stderr


def test_whoever_read_what_it_says_may_go(server: Counted, source: Path, tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        process = subprocess.Popen(arguments(source, server.url), env=clean_environ(), cwd=ROOT, stderr=theirs)
    finally:
        os.close(theirs)

    assert process.wait(LIMIT) == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()


def test_on_a_terminal_there_is_a_bar(server: Counted, source: Path, tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    environ = clean_environ() | {"TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(arguments(source, server.url), env=environ, cwd=ROOT, stderr=theirs)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # that is how a terminal ends
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)

    assert process.wait(LIMIT) == 0
    assert b"40 rows (100 %)" in said and b"jitney batch: 40 rows, 0 failed" in said


def test_a_finished_file_is_not_replaced_unasked(server: Counted, source: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("precious")

    refused = batch(source, server.url)

    assert refused.returncode == 2 and b"--overwrite" in refused.stderr
    assert (tmp_path / "out.jsonl").read_text() == "precious"
    assert batch(source, server.url, "--overwrite").returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()


def test_standard_input_and_output_work_without_going_on(server: Counted, source: Path) -> None:
    done = batch("-", server.url, "--format", "jsonl", out="-", said=source.read_bytes())

    assert done.returncode == 0
    assert [json.loads(line) for line in done.stdout.splitlines()] == uppercase()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x1f\x8b\x08", b"is compressed"),
        ("text\nx\n".encode("utf-16"), b"is UTF-16"),
        (b"a,b\n1,2\n", b"no column 'text'"),
        (b'text\n"never closed\n', b"is never closed"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(
    content: bytes, why: bytes, server: Counted, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content)

    done = batch(source, server.url)

    assert b"Traceback" not in done.stderr and why in done.stderr
    assert done.returncode == 2
