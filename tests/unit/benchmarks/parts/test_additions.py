"""What a cache and a history add: measured in one process, on the in-memory twin."""

from __future__ import annotations

import re

import pytest

from benchmarks.parts import additions


def test_every_form_is_measured_beside_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("tune_garbage_collector", "configure_logging"):  # of this process
        monkeypatch.setattr(additions, name, lambda *level: None)

    assert additions.main(["--rounds", "2", "--requests", "3"]) == 0

    rows = [line.split(" | ") for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert [row[0].removeprefix("| ") for row in rows[2:]] == list(additions.FORMS)
    assert all(re.fullmatch(r"-?\d+\.\d", row[1]) for row in rows[3:]), rows
