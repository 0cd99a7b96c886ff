"""`jitney report` and `jitney history erase`, each against real databases and a real broker."""

from __future__ import annotations

import asyncio
import csv
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import redis
from typer.testing import CliRunner, Result

from broker.common.free_port import free_port
from broker.embedded import Server, embedded_server
from broker.history.hashing import SECRET, hash_secret_from, input_hash
from broker.history.rows import HistoryRow, block_of, row_to_bytes
from broker.keys import Keys
from broker.redis import connect_history
from history.databases import sqlite
from history.databases.place import open_database
from history.reading.queries import Selection
from history.reading.reader import HistoryReader
from history.views import REPORTS
from jitney.cli import app
from jitney.history import erase
from tests.integration.history.filled import opened
from tests.integration.history.rows import a_row, recent

WORDS = "correct horse battery staple"
HASHED = hash_secret_from({SECRET: WORDS}) or b""
NAMESPACE = "default"


@pytest.fixture(scope="module")
def shared_broker() -> Iterator[Server]:
    with embedded_server(environ={"PATH": os.environ["PATH"]}) as server:
        yield server


@pytest.fixture
def broker(shared_broker: Server) -> Server:
    """Empty."""
    with redis.Redis.from_url(shared_broker.url) as client:
        client.flushall()
    return shared_broker


def run(place: str, *arguments: str, given: str | bytes = "", **environ: str) -> Result:
    told = {"JITNEY_HISTORY_DATABASE": place, "JITNEY_NAMESPACE": NAMESPACE, SECRET: ""} | environ
    return CliRunner().invoke(app, arguments, input=given, env=told)


def keep(place: str, *rows: HistoryRow) -> None:
    async def write() -> None:
        async with opened(place, *rows, now=time.time()):
            pass

    asyncio.run(write())


def left(place: str) -> set[str]:
    """The requests of the rows that are there."""
    reader = HistoryReader(lambda: open_database(place, is_readonly=True))
    return {row.request_id for row in asyncio.run(reader.rows(Selection(), 1_000))}


def brings(broker: Server, *rows: HistoryRow) -> None:
    """As front ends do: they wait for the writer."""

    async def append() -> None:
        queue = await connect_history(broker.url, NAMESPACE, "test")
        assert await queue.append_history([block_of([row_to_bytes(row)]) for row in rows], 0) == len(rows)
        await queue.aclose()

    asyncio.run(append())


def erases(place: str, broker: Server | str, *arguments: str, **how: Any) -> Result:
    url = broker if isinstance(broker, str) else broker.url
    return run(place, "history", "erase", *arguments, JITNEY_REDIS_URL=url, **how)


def test_all_reports_are_tables_and_each_says_what_it_is(place: str) -> None:
    rows = [recent(model="m", label="good", score=0.25, caller="alice", batch_size=1, queue=0.01, compute=0.03)]
    rows += [recent(model="m", code="contended", status=429), recent(model="m", is_cached=True, label="good")]
    keep(place, *rows)

    said = run(place, "report")

    assert said.exit_code == 0, said.output
    assert [line.partition(":")[0] for line in said.stdout.splitlines() if ": " in line] == list(REPORTS)
    assert "DAY" in said.stdout and "P95" in said.stdout
    assert "40.0 ms" in said.stdout  # queue and compute
    assert "50.0%" in said.stdout  # of two answers one came from the cache
    assert "0.250" in said.stdout


def test_of_many_lines_the_first_are_shown_and_how_to_see_the_others(place: str) -> None:
    keep(place, *(recent(label=f"label {number}") for number in range(25)))

    all_reports, one = run(place, "report"), run(place, "report", "per-day")

    assert "15 more: jitney report per-day" in all_reports.stdout
    assert one.stdout.count("label ") == 25


@pytest.mark.parametrize("name", REPORTS)
def test_each_report_is_csv_too(place: str, name: str) -> None:
    keep(place, recent(model="=m", label="good", score=0.25, caller="alice", batch_size=1), recent(code="expired"))

    said = run(place, "report", name, "--csv")

    head, *lines = csv.reader(said.stdout.splitlines())
    assert tuple(head) == REPORTS[name].columns
    assert lines
    assert not any(cell.startswith("=") for line in lines for cell in line)


def test_a_report_is_of_the_last_days_and_of_one_model(place: str) -> None:
    now = int(time.time() * 1_000_000)
    keep(place, a_row(at=now - 3 * 86_400_000_000, label="old"), recent(label="new"), recent(label="m", model="m"))

    found = {
        "999999d": run(place, "report", "per-day", "--since", "999999d").stdout,
        "2d": run(place, "report", "per-day", "--since", "2d").stdout,
        "4d": run(place, "report", "per-day", "--since", "4d").stdout,
        "m": run(place, "report", "per-day", "--model", "m").stdout,
    }

    assert "old" in found["999999d"]
    assert ("old" in found["2d"], "old" in found["4d"], "new" in found["2d"]) == (False, True, True)
    assert "new" not in found["m"] and " m " in found["m"]


def test_nothing_obeys_an_escape_that_stands_in_a_row(place: str) -> None:
    keep(place, recent(label="\x1b[2Jgone\nnext", score=0.1))

    said = run(place, "report").stdout

    assert "\x1b" not in said
    assert "gone next" in said


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "nonsense"],
        ["report", "--csv"],
        ["report", "--since", "soon"],
        ["history", "erase"],
        ["history", "erase", "--key", "a", "--input", "-"],
        ["history", "erase", "--input", "-"],
    ],
)
def test_what_cannot_be_meant_is_refused(place: str, arguments: list[str]) -> None:
    assert run(place, *arguments, given="\n").exit_code == 2


@pytest.mark.parametrize("command", [["report"], ["history", "erase", "--key", "a", "--yes"]])
def test_a_database_that_is_away_is_told_without_its_password(broker: Server, command: list[str]) -> None:
    place = f"postgresql://jitney:sesame@127.0.0.1:{free_port()}/history"

    said = run(place, *command, JITNEY_REDIS_URL=broker.url)

    assert said.exit_code == 1
    assert "jitney: the history cannot be" in said.stderr
    assert "sesame" not in said.output


@pytest.mark.parametrize("command", [["report"], ["history", "erase", "--key", "a", "--yes"]])
def test_what_names_no_database_is_told_so(broker: Server, command: list[str]) -> None:
    said = run("mysql://host/x", *command, JITNEY_REDIS_URL=broker.url)

    assert said.exit_code == 1
    assert "postgresql://" in said.stderr


def test_a_key_s_rows_are_erased_whether_it_is_known_or_not(place: str, broker: Server) -> None:
    keep(place, recent(caller="alice", request_id="1"), recent(caller="bob", request_id="2"))

    said = erases(place, broker, "--key", "alice", "--yes")

    assert (said.exit_code, said.stdout) == (0, "1 erased\n"), said.output
    assert left(place) == {"2"}


def test_it_asks_first_and_says_how_many_rows(place: str, broker: Server) -> None:
    keep(place, recent(caller="alice", request_id="1"), recent(caller="alice", request_id="2"))

    no, nothing, yes = [erases(place, broker, "--key", "alice", given=given) for given in ("n\n", "", "y\n")]

    assert "erase 2 rows for good?" in no.stderr
    assert (no.exit_code, nothing.exit_code, yes.exit_code) == (1, 1, 0)
    assert left(place) == set()


def test_where_there_is_nothing_nobody_is_asked(place: str, broker: Server) -> None:
    keep(place)

    assert erases(place, broker, "--key", "alice").stdout == "0 erased\n"


def test_an_input_is_erased_by_itself_and_by_its_hash(place: str, broker: Server) -> None:
    rows = [recent(request_id="1", input="my name"), recent(request_id="2", input_hash=input_hash(HASHED, "my name"))]
    keep(place, *rows, recent(request_id="3", input="my name is"))

    without = erases(place, broker, "--input", "-", "--yes", given="my name\n")
    kept = left(place)
    with_hash = erases(place, broker, "--input", "-", "--yes", given="my name\n", JITNEY_HASH_SECRET=WORDS)

    assert (without.exit_code, without.stdout, kept) == (1, "1 erased\n", {"2", "3"})
    assert "JITNEY_HASH_SECRET" in without.stderr
    assert (with_hash.exit_code, with_hash.stdout, left(place)) == (0, "1 erased\n", {"3"})


def test_without_the_secret_all_is_erased_where_no_row_keeps_only_a_hash(place: str, broker: Server) -> None:
    keep(place, recent(input="my name", input_hash=input_hash(HASHED, "my name")))

    said = erases(place, broker, "--input", "-", "--yes", given="my name\n")

    assert (said.exit_code, said.stdout, said.stderr) == (0, "1 erased\n", "")


def test_a_picture_without_the_secret_erases_nothing(place: str, broker: Server) -> None:
    keep(place, recent(request_id="1"), recent(request_id="2"))

    said = erases(place, broker, "--input", "-", "--yes", given=b"\xff\xd8\xff\xe0 picture\n")

    assert (said.exit_code, left(place)) == (2, {"1", "2"})
    assert "JITNEY_HASH_SECRET" in said.stderr


def from_a_shell(place: str, broker: Server, text: Path, answers: str | None) -> subprocess.CompletedProcess[bytes]:
    """With standard input from a file, at a terminal of its own where these are answered, else at none."""
    told = {"JITNEY_HISTORY_DATABASE": place, "JITNEY_NAMESPACE": NAMESPACE, "JITNEY_REDIS_URL": broker.url, SECRET: ""}
    erase = f'exec "$0" -m jitney history erase --input - < "{text}"'
    keyboard, terminal = os.openpty()
    try:
        # The first terminal that the leader of a session opens is that session's.
        shell = erase if answers is None else f': < "{os.ttyname(terminal)}"; {erase}'
        os.write(keyboard, (answers or "").encode())
        command = ["sh", "-c", shell, sys.executable]
        return subprocess.run(command, env=os.environ | told, start_new_session=True, capture_output=True, timeout=60)
    finally:
        os.close(keyboard)
        os.close(terminal)


@pytest.mark.parametrize(("answer", "gone"), [("y\n", "1"), ("n\n", ""), ("\n", ""), (None, "")])
def test_who_gives_a_text_by_standard_input_is_asked_at_the_terminal(
    place: str, broker: Server, tmp_path: Path, answer: str | None, gone: str
) -> None:
    keep(place, recent(request_id="1", input="my name"), recent(request_id="2"))
    text = tmp_path / "text.txt"
    text.write_text("my name\n")

    said = from_a_shell(place, broker, text, answer)

    assert left(place) == {"1", "2"} - set(gone), said
    assert said.returncode == (0 if gone else 1)
    assert b"erase 1 rows for good?" in said.stderr
    assert (b"--yes" in said.stderr) is (answer is None)


def test_what_somebody_s_reading_keeps_in_the_log_is_told_until_it_is_gone(
    tmp_path: Path, broker: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "LOCK", 0.2)
    place = str(tmp_path / "history.db")
    keep(place, recent(caller="alice", input="secret"))
    with closing(sqlite3.connect(place, isolation_level=None)) as report:
        report.execute("begin")
        report.execute("select count(*) from prediction").fetchall()
        before = [erases(place, broker, "--key", "alice", "--yes") for _ in range(2)]
    after = erases(place, broker, "--key", "alice", "--yes")

    assert [(said.exit_code, said.stdout) for said in before] == [(1, "1 erased\n"), (1, "0 erased\n")]
    assert all("-wal" in said.stderr for said in before)
    assert (after.exit_code, after.stdout, after.stderr) == (0, "0 erased\n", "")
    assert not any(b"secret" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_picture_is_erased_by_its_hash(place: str, broker: Server) -> None:
    picture = b"\xff\xd8\xff\xe0 picture\n"
    keep(place, recent(request_id="1", input_hash=input_hash(HASHED, picture)), recent(request_id="2"))

    said = erases(place, broker, "--input", "-", "--yes", given=picture, JITNEY_HASH_SECRET=WORDS)

    assert (said.exit_code, left(place)) == (0, {"2"}), said.output


def test_a_short_secret_is_refused_with_its_remedy(place: str, broker: Server) -> None:
    said = erases(place, broker, "--input", "-", given="text", JITNEY_HASH_SECRET="short")

    assert said.exit_code == 2
    assert "openssl rand -hex 32" in said.stderr


def test_what_waits_for_the_writer_is_waited_for(place: str, broker: Server) -> None:
    late = recent(caller="alice", request_id="late")
    keep(place, recent(caller="alice", request_id="1"))
    brings(broker, late)

    async def write() -> None:
        queue = await connect_history(broker.url, NAMESPACE, "writer")
        page = await queue.history_page(10)
        async with opened(place, late, now=time.time()):
            await queue.trim_history(page.trimmed, len(page.blocks))
        await queue.aclose()

    writer = threading.Timer(1.0, lambda: asyncio.run(write()))
    writer.start()
    said = erases(place, broker, "--key", "alice", "--yes")
    writer.join()

    assert (said.exit_code, said.stdout) == (0, "2 erased\n"), said.output
    assert left(place) == set()


def test_what_no_writer_writes_is_told(place: str, broker: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erase, "PATIENCE", 0.2)
    keep(place, recent(caller="alice", request_id="1"))
    brings(broker, recent(caller="alice"))

    said = erases(place, broker, "--key", "alice", "--yes")

    assert (said.exit_code, said.stdout) == (1, "1 erased\n")
    assert "waits at the broker" in said.stderr
    with redis.Redis.from_url(broker.url) as client:
        assert client.llen(Keys(NAMESPACE).history) == 1


def test_a_broker_that_is_away_keeps_nothing_from_being_erased_and_is_told(place: str) -> None:
    keep(place, recent(caller="alice"))

    said = erases(place, f"redis://127.0.0.1:{free_port()}", "--key", "alice", "--yes")

    assert (said.exit_code, said.stdout) == (1, "1 erased\n")
    assert "The broker cannot be asked" in said.stderr
