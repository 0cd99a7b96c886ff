"""`jitney batch` as a person meets it: complete and in order, whatever is killed in the middle."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.embedded import free_port
from tests.integration.counting_server import Counted, counting_server
from tests.integration.processes import ROOT, clean_environ
from tests.integration.up import READY, running_up

LIMIT = 50.0  # seconds
WINDOW = 8


@pytest.fixture
def server() -> Iterator[Counted]:
    with counting_server() as counted:
        yield counted


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Forty rows."""
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps({"id": f"r{at}", "text": f"text {at}"}) + "\n" for at in range(40)))
    return path


def arguments(source: Path | str, url: str, *more: str, out: str = "", endpoint: str = "/models/any") -> list[str]:
    target = out or str(Path(source).with_name("out" + Path(source).suffix))
    narrow = ["--window", str(WINDOW), "--rows-per-request", "2"]
    command = [sys.executable, "-m", "jitney", "batch", str(source), "-o", target, "--endpoint", endpoint]
    return [*command, "--url", url, *narrow, *more]


def batch(
    source: Path | str, url: str, *more: str, said: bytes | None = None, **how: Any
) -> subprocess.CompletedProcess[bytes]:
    wanted = arguments(source, url, *more, **how)
    return subprocess.run(wanted, env=clean_environ(), cwd=ROOT, input=said, capture_output=True, timeout=LIMIT)


def begun(source: Path, url: str, *more: str, **how: Any) -> subprocess.Popen[bytes]:
    wanted = arguments(source, url, *more, **how)
    return subprocess.Popen(wanted, env=clean_environ(), cwd=ROOT, stderr=subprocess.PIPE, start_new_session=True)


def rows(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def uppercase(count: int = 40) -> list[Any]:
    return [{"id": f"r{at}", "text": f"TEXT {at}"} for at in range(count)]


def stopping_at(server: Counted, request: int, then: Callable[[], None]) -> None:
    """From this request on nobody is answered; `then` is called once."""
    reached = threading.Event()
    released = threading.Event()

    def refuse(texts: list[str], before: int) -> None:
        if before == request and not reached.is_set():
            reached.set()
            then()
            released.set()
        return None

    server.refuse = refuse


def test_a_file_is_answered_complete_and_in_order(server: Counted, source: Path, tmp_path: Path) -> None:
    done = batch(source, server.url)

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, uppercase())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]
    assert server.headers["jitney-lane"] == "bulk"
    assert b"40 rows, 0 failed" in done.stderr and b"text 1" not in done.stderr


def test_killed_in_the_middle_it_goes_on_and_computes_no_finished_row_again(
    server: Counted, source: Path, tmp_path: Path
) -> None:
    process: list[subprocess.Popen[bytes]] = []
    ready = threading.Event()

    def kill() -> None:
        ready.wait(LIMIT)
        process[0].kill()
        process[0].wait()

    stopping_at(server, 10, kill)
    process.append(begun(source, server.url))
    ready.set()
    process[0].communicate(timeout=LIMIT)
    assert process[0].returncode == -signal.SIGKILL
    finished = [row["text"].lower() for row in rows(tmp_path / "out.jsonl.part")]

    done = batch(source, server.url)

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, uppercase())
    assert finished and all(server.texts[text] == 1 for text in finished)
    assert server.texts.total() <= 40 + WINDOW and max(server.texts.values()) <= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_what_the_same_command_goes_on_from(
    number: signal.Signals, server: Counted, source: Path, tmp_path: Path
) -> None:
    process: list[subprocess.Popen[bytes]] = []
    ready = threading.Event()

    def stop() -> None:
        ready.wait(LIMIT)
        process[0].send_signal(number)
        process[0].wait(LIMIT)

    stopping_at(server, 10, stop)
    process.append(begun(source, server.url))
    ready.set()
    _, said = process[0].communicate(timeout=LIMIT)

    assert process[0].returncode == 128 + number
    assert f"ended by {number.name}. ".encode() in said and b"the same command goes on from here" in said
    assert batch(source, server.url).returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()


def test_other_options_do_not_go_on_with_it(server: Counted, source: Path, tmp_path: Path) -> None:
    server.refuse = lambda texts, before: (401, {}, {"code": "who", "detail": "you"}) if before == 10 else None
    assert batch(source, server.url).returncode == 2

    done = batch(source, server.url, "--set", "toLang=fr")

    assert done.returncode == 2 and b"--set toLang was None, now is 'fr'" in done.stderr


def test_a_server_that_asks_for_patience_gets_it(server: Counted, source: Path, tmp_path: Path) -> None:
    busy = {"code": "contended", "detail": "later"}
    server.refuse = lambda texts, before: (429, {"retry-after": "0"}, busy) if before in (3, 7) else None

    assert batch(source, server.url).returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()
    assert max(server.texts.values()) == 1


@pytest.mark.parametrize(("status", "code"), [(503, 3), (429, 3), (502, 4)])
def test_a_server_that_goes_on_refusing_ends_it_and_the_same_command_goes_on(
    status: int, code: int, server: Counted, source: Path, tmp_path: Path
) -> None:
    server.refuse = lambda texts, before: (status, {"retry-after": "60"}, {}) if before >= 5 else None
    refused = batch(source, server.url, "--patience", "5")
    server.refuse = lambda texts, before: None

    assert refused.returncode == code and b"the same command goes on" in refused.stderr
    assert batch(source, server.url).returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()


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


def test_trying_again_what_failed_goes_on_after_a_kill_too(server: Counted, source: Path, tmp_path: Path) -> None:
    process: list[subprocess.Popen[bytes]] = []
    ready = threading.Event()

    def kill() -> None:
        ready.wait(LIMIT)
        process[0].kill()
        process[0].wait()

    server.refuse = lambda texts, before: (422, {}, {"code": "invalid_input", "detail": "not today"})
    assert batch(source, server.url).returncode == 1
    stopping_at(server, server.requests + 10, kill)
    process.append(begun(source, server.url, "--retry-failed"))
    ready.set()
    process[0].communicate(timeout=LIMIT)
    finished = [row["text"].lower() for row in rows(tmp_path / "out.jsonl.part")]

    done = batch(source, server.url, "--retry-failed")

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, uppercase())
    assert finished and all(server.texts[text] == 1 for text in finished)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_nothing_that_failed_is_nothing_to_try_again(server: Counted, source: Path) -> None:
    assert batch(source, server.url).returncode == 0
    server.texts.clear()

    done = batch(source, server.url, "--retry-failed")

    assert done.returncode == 0 and b"no row of" in done.stderr and not server.texts


def test_a_file_that_changes_while_it_is_read_is_noticed(server: Counted, source: Path, tmp_path: Path) -> None:
    def grow(texts: list[str], before: int) -> None:
        if before == 19:
            with source.open("a") as file:
                file.write("\n")

    server.refuse = grow

    done = batch(source, server.url)

    assert done.returncode == 2 and b"IN has changed since" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


def test_a_full_disk_ends_it_and_the_same_command_goes_on(server: Counted, source: Path, tmp_path: Path) -> None:
    wanted = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *arguments(source, server.url)]
    environ = clean_environ() | {"PYTHONDONTWRITEBYTECODE": "1"}

    full = subprocess.run(wanted, env=environ, cwd=ROOT, capture_output=True, timeout=LIMIT)

    assert full.returncode == 2 and b"cannot be written: File too large" in full.stderr
    assert batch(source, server.url).returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()


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
        (b'text\n"never closed\n', b""),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_in_a_sentence(
    content: bytes, why: bytes, server: Counted, tmp_path: Path
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(content)

    done = batch(source, server.url)

    assert b"Traceback" not in done.stderr and why in done.stderr
    assert done.returncode == (2 if why else 0)


def test_everything_killed_and_started_again_a_csv_is_translated_complete_and_in_order(tmp_path: Path) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(
            [["n", "text"], *([str(at), "Life is like a box of chocolates."] for at in range(300))]
        )
    options = ["--set", "fromLang=en", "--set", "toLang=fr", "--id-column", "n"]
    port = free_port()
    served = ("--port", str(port), "--model", "translation:demo/translation")
    url = f"http://127.0.0.1:{port}"

    with running_up(*served, output=tmp_path / "said") as up:
        up.says(READY)
        process = begun(source, url, *options, endpoint="/translation")
        part = Path(f"{out}.part")
        up.until(lambda: part.exists() and part.read_bytes().count(b"\r\n") > 20, "some rows are there")
        process.kill()
        os.kill(up.popen.pid, signal.SIGKILL)
        process.communicate(timeout=LIMIT)
    before = part.read_bytes()
    with running_up(*served, output=tmp_path / "said again") as up:
        up.says(READY)
        done = batch(source, url, *options, endpoint="/translation")

    assert done.returncode == 0, done.stderr
    with out.open(newline="") as file:
        read = list(csv.DictReader(file))
    assert [row["n"] for row in read] == [str(at) for at in range(300)]
    assert {row["answer_text"] for row in read} == {"La vie est comme une boîte de chocolats."}
    assert out.read_bytes().startswith(before[: before.rindex(b"\r\n")])
