"""`python -m benchmarks batches` and `predictions` on a real stack: all is measured, and what was found is kept."""

from __future__ import annotations

import json

from benchmarks.batches import command, predictions


def test_every_way_is_measured_and_kept_with_its_picture(tmp_path, capsys):
    status = command.main(
        ["--model", "card", "--rounds", "1", "--period", "0.4", "--kills", "0", "--out", str(tmp_path)]
    )

    assert (status, "| bulk lane |" in capsys.readouterr().out) == (0, True)
    (ground,) = json.loads((tmp_path / "batches.json").read_text())["grounds"]
    assert [run["way"] for run in ground["runs"]] == ["alone", "plain requests", "bulk lane", "/v1/batches"]
    assert [run["staircase"][-1] > 0 for run in ground["runs"]] == [False, True, True, True]
    assert (tmp_path / "card.png").read_bytes().startswith(b"\x89PNG")


def test_the_cost_of_predictions_is_measured_and_one_survives_the_kill_of_its_front_end(tmp_path, capsys):
    asked = ["--rounds", "1", "--shorter", "30", "--kills", "1", "--records", "1500"]

    status = predictions.main([*asked, "--json", str(tmp_path / "kept")])

    found = json.loads((tmp_path / "kept").read_text())
    (kill,) = found["kills"]
    costs = {(cost["kind"], *cost["case"].values()): cost["scripts"] for cost in found["costs"]}
    assert (status, "**more**" in capsys.readouterr().out) == (0, True)
    assert costs["prediction", 1, 1, 10] > costs["call that waits", 1, 1, 10] > 0.0
    assert (kill["records"], kill["wrong"], kill["done_before"] >= 750, kill["twice"] >= 0) == (1500, 0, True, True)
    assert 0.0 < kill["adopted"] < kill["finished"]
