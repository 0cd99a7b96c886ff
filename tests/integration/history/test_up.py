"""`jitney up --history`: a row of each call is in the database, and stays there."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from tests.integration.processes import ROOT
from tests.integration.up import READY, running_up


def rows(path: Path) -> list[tuple[str, int]]:
    with suppress(sqlite3.OperationalError), closing(sqlite3.connect(path)) as connection:
        return connection.execute("select model, status from prediction").fetchall()
    return []


def test_what_is_asked_of_up_is_kept_in_a_file_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "jitney-history.db"
    for times in (1, 2):
        arguments = ("--model", "synthetic:1ms+0ms", "--history")
        with running_up(*arguments, output=tmp_path / "said", here=tmp_path, PYTHONPATH=str(ROOT)) as up:
            up.says(READY)
            assert "history  sqlite:jitney-history.db" in up.said()
            assert up.call_as_shown().status == 200
            up.popen.terminate()  # what is not written yet is written before the broker goes
            assert up.ends() == 0
        assert rows(path) == [("synthetic", 200)] * times


def test_a_history_that_cannot_be_ends_the_command_and_says_why(tmp_path: Path) -> None:
    arguments = ("--model", "synthetic:1ms+0ms", "--history", "--history-database", "mysql://h/x")
    with running_up(*arguments, output=tmp_path / "said") as up:
        assert up.ends() == 2

    assert "--history-database: this names no database of the history" in up.said()


def test_a_writer_that_cannot_start_is_told_and_the_others_serve(tmp_path: Path) -> None:
    (tmp_path / "other.db").write_bytes(b"something else, and quite long" * 100)
    arguments = ("--model", "synthetic:1ms+0ms", "--history", "--history-database", str(tmp_path / "other.db"))
    with running_up(*arguments, output=tmp_path / "said") as up:
        up.says(READY)
        up.says("history cannot start: " + str(tmp_path / "other.db") + " is no SQLite database")
        assert up.call_as_shown().status == 200
