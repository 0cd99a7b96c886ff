"""What a tour asks of its steps. That each does it is seen on real servers elsewhere."""

from __future__ import annotations

import pytest

from benchmarks.tuning import tour

THERE = ["--model", "toured", "--words", "9"]


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [([0, 0, 0, 0], 0), ([0, 3, 0, 0], 3), ([0, 1, 0, 2], 1), ([1, 3, 2, 0], 1)],
    ids=["all made", "not to be trusted", "no recommendation", "nothing measured"],
)
def test_every_step_is_made_whatever_the_others_end_with(statuses, expected, monkeypatch, tmp_path):
    asked: list[list[str]] = []
    left = iter(statuses)

    def step(arguments: list[str]) -> int:
        asked.append(list(arguments))
        return next(left)

    for module in (tour.sweep, tour.tune, tour.report):
        monkeypatch.setattr(module, "main", step)

    assert tour._toured(tmp_path, THERE, "5,10") == expected
    swept, tuned, *reports = asked
    assert swept.index("--sizes") < swept.index("--model")  # what is asked for comes last, and wins
    assert tuned.index("--seconds") < tuned.index("--model")
    assert reports == [[swept[-1]], [tuned[-1]]]
