"""`python -m benchmarks batches` on a real stack: every way is measured, and what it found is kept."""

from __future__ import annotations

import json

from benchmarks.batches.command import main


def test_every_way_is_measured_and_kept_with_its_picture(tmp_path, capsys):
    status = main(["--model", "card", "--rounds", "1", "--period", "0.6", "--out", str(tmp_path)])

    assert (status, "| bulk lane |" in capsys.readouterr().out) == (0, True)
    (ground,) = json.loads((tmp_path / "batches.json").read_text())["grounds"]
    assert [run["way"] for run in ground["runs"]] == ["alone", "plain requests", "bulk lane"]
    assert all(sum(run["staircase"][-1]) > 0 for run in ground["runs"][1:])
    assert (tmp_path / "card.png").read_bytes().startswith(b"\x89PNG")
