"""`jitney batch` goes on: whatever is killed in the middle, and whoever refuses for a while."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
from pathlib import Path

import pytest

from broker.common.free_port import free_port
from tests.integration.batch.commands import LIMIT, WINDOW, arguments, batch, begun, rows, signalled, uppercase
from tests.integration.batch.counting_server import Counted
from tests.integration.processes import ROOT, clean_environ
from tests.integration.up import READY, running_up


def test_killed_in_the_middle_it_goes_on_and_computes_no_finished_row_again(
    server: Counted, source: Path, tmp_path: Path
) -> None:
    code, _ = signalled(server, 10, signal.SIGKILL, source)
    assert code == -signal.SIGKILL
    finished = [row["text"].lower() for row in rows(tmp_path / "out.jsonl.part")]

    done = batch(source, server.url)

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, uppercase())
    assert finished and all(server.texts[text] == 1 for text in finished)
    assert server.texts.total() <= 40 + WINDOW and max(server.texts.values()) <= 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_what_the_same_command_goes_on_from(
    number: signal.Signals, server: Counted, source: Path, tmp_path: Path
) -> None:
    code, said = signalled(server, 10, number, source)

    assert code == 128 + number
    assert f"ended by {number.name}. ".encode() in said and b"the same command goes on from here" in said
    assert batch(source, server.url).returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()


def test_other_options_do_not_go_on_with_it(server: Counted, source: Path, tmp_path: Path) -> None:
    server.refuse = lambda texts, before: (401, {}, {"code": "who", "detail": "you"}) if before == 10 else None
    assert batch(source, server.url).returncode == 2

    done = batch(source, server.url, "--set", "toLang=fr")

    assert done.returncode == 2 and b"--set toLang was None, now is 'fr'" in done.stderr


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


def test_trying_again_what_failed_goes_on_after_a_kill_too(server: Counted, source: Path, tmp_path: Path) -> None:
    server.refuse = lambda texts, before: (422, {}, {"code": "invalid_input", "detail": "not today"})
    assert batch(source, server.url).returncode == 1
    signalled(server, server.requests + 10, signal.SIGKILL, source, "--retry-failed")
    finished = [row["text"].lower() for row in rows(tmp_path / "out.jsonl.part")]

    done = batch(source, server.url, "--retry-failed")

    assert (done.returncode, rows(tmp_path / "out.jsonl")) == (0, uppercase())
    assert finished and all(server.texts[text] == 1 for text in finished)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_full_disk_ends_it_and_the_same_command_goes_on(server: Counted, source: Path, tmp_path: Path) -> None:
    wanted = ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", *arguments(source, server.url)]
    environ = clean_environ() | {"PYTHONDONTWRITEBYTECODE": "1"}

    full = subprocess.run(wanted, env=environ, cwd=ROOT, capture_output=True, timeout=LIMIT)

    assert full.returncode == 2 and b"cannot be written: File too large" in full.stderr
    again = subprocess.run(wanted, env=environ, cwd=ROOT, capture_output=True, timeout=LIMIT)
    assert again.returncode == 2 and str(tmp_path / "out.jsonl").encode() in again.stderr
    assert batch(source, server.url).returncode == 0
    assert rows(tmp_path / "out.jsonl") == uppercase()


def test_a_file_that_changes_while_it_is_read_is_noticed(server: Counted, source: Path, tmp_path: Path) -> None:
    def grow(texts: list[str], before: int) -> None:
        if before == 19:
            with source.open("a") as file:
                file.write("\n")

    server.refuse = grow

    done = batch(source, server.url)

    assert done.returncode == 2 and b"IN has changed since" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.timeout(180)  # a model is loaded twice
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
