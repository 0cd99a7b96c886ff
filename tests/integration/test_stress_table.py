"""`python -m benchmarks stress_test --table`: a stack of its own, and what it keeps."""

from __future__ import annotations

import json

from benchmarks.stress import table as stress_table
from benchmarks.stress.command import main


def test_the_table_starts_its_own_stack_and_keeps_every_call(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(stress_table, "ROWS", stress_table.ROWS[1:2])
    monkeypatch.setattr(stress_table, "REQUESTS", 2)

    status = main(["--table", "--json", str(tmp_path / "kept")])

    (row,) = json.loads((tmp_path / "kept").read_text())["rows"]
    assert (status, row["records"], [call["outcome"] for call in row["calls"]]) == (0, 16, ["200", "200"])
    assert "| 16 | 0.5 s | 100 % |" in capsys.readouterr().out


def test_the_table_of_the_demo_translation_says_nothing_of_the_originals_card(capsys, monkeypatch):
    monkeypatch.setattr(stress_table, "ROWS", stress_table.ROWS[:1])
    monkeypatch.setattr(stress_table, "REQUESTS", 2)

    status = main(["--table", "--model", "demo"])

    assert (status, "such a card" in capsys.readouterr().out) == (0, False)


def test_a_server_that_is_not_there_fails_every_row(capsys, monkeypatch):
    monkeypatch.setattr(stress_table, "ROWS", stress_table.ROWS[4:5])
    monkeypatch.setattr(stress_table, "REQUESTS", 2)

    assert main(["--table", "--url", "http://127.0.0.1:1"]) == 1
    assert "nothing answered" in capsys.readouterr().out
