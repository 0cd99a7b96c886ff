"""What a prediction costs more than a call that waits, and what came of a kill."""

from __future__ import annotations

import pytest

from benchmarks.batches.cost import PREDICTION, WAITS, Case, Cost
from benchmarks.batches.cost_report import costs_as_table, kills_as_table
from benchmarks.batches.kill import Kill, wrong


def cost(kind: str, front_end: float, records: int = 1) -> Cost:
    broker = {
        "scripts": 0.5,
        "commands": 11.4,
        "broker_micros": 70.0,
        "bytes_to": 743.0,
        "bytes_from": 357.0,
        "kept": 0.0,
    }
    case = Case(records=records, at_once=16, calls=600)
    return Cost(kind=kind, case=case, front_end_micros=front_end, seconds=0.0086, **broker)


def test_a_prediction_costs_the_difference_of_the_medians_more():
    costs = [cost(WAITS, micros) for micros in (200.0, 240.0, 900.0)] + [
        cost(PREDICTION, micros) for micros in (1, 840, 850)
    ]

    waits, prediction, more = list(costs_as_table(costs))[-3:]

    assert waits == "| 1 | 16 | call that waits | 0.5 | 11.4 | 70 | 743 | 357 | 0 | 240 | 8.6 |"
    assert prediction.endswith("| 840 | 8.6 |")
    assert more == "| 1 | 16 | **more** | 0.0 | 0.0 | 0 | 0 | 0 | 0 | 600 | 0.0 |"


def test_costs_of_other_sizes_are_told_apart():
    costs = [cost(kind, 100.0, records) for records in (64, 1) for kind in (WAITS, PREDICTION)]

    assert [row.split(" | ")[0] for row in list(costs_as_table(costs))[-6:]] == ["| 1"] * 3 + ["| 64"] * 3


def test_a_kill_is_told_with_what_was_computed_twice():
    kill = Kill(records=10_000, done_before=5_056, adopted=5.31, finished=14.66, twice=128, wrong=0)

    assert list(kills_as_table("a prediction", [kill]))[-1] == "| 10000 | 5056 | 5.3 | 14.7 | 128 | 0 |"


@pytest.mark.parametrize(
    ("answers", "amiss"),
    [
        pytest.param(["a0", "b1"], 0, id="all in their places"),
        pytest.param(["b1", "a0"], 2, id="out of order"),
        pytest.param(["a0"], 1, id="one is missing"),
        pytest.param(["a0", None], 1, id="one has failed"),
        pytest.param(["a0", "b1", "b1"], 1, id="one too many"),
    ],
)
def test_an_answer_counts_only_in_its_place(answers, amiss):
    assert wrong(["0a", "1b"], answers) == amiss
