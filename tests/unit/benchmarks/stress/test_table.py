"""The original's table beside ours: what its card could have done, and whether we are below its means."""

from __future__ import annotations

import pytest

from benchmarks.lib.loops import Call
from benchmarks.stress.table import ITS_CARD, ROWS, Row, are_all_answered, markdown


def row(records: int, sleep: float, mean: float = 1.0) -> Row:
    return Row(records=records, sleep=sleep, answered=36, mean=mean, min=0.1, max=2.0)


def call(took: float, outcome: str = "200") -> Call:
    return Call(due=0.0, sent=0.0, ended=took, outcome=outcome)


def test_the_original_is_six_rows_of_which_three_lost_requests():
    assert len(ROWS) == 6 and sum(one.answered < 100 for one in ROWS) == 3


@pytest.mark.parametrize(
    ("mean", "took", "said"),
    [
        pytest.param(1.0, 0.5, "| 0.50 of the original's |", id="below the original's mean"),
        pytest.param(0.5, 2.0, "| above it, though a schedule of such a card has 0.414 s |", id="could be lower"),
        pytest.param(0.4, 0.828, "no schedule of such a card is below 0.414 s; ours is 2.00 of that", id="cannot be"),
    ],
)
def test_a_mean_is_held_against_the_originals_and_what_its_card_allows(mean: float, took: float, said: str):
    assert said in markdown([(row(1, 10.0, mean), [call(took)])], ITS_CARD)[-1]


def test_of_another_card_nobody_says_what_it_allows():
    assert markdown([(row(1, 10.0, 0.4), [call(2.0)])])[-1].endswith("| above it |")


def test_one_lost_request_is_told_and_fails_the_table():
    measured = [(row(1, 0.5), [call(1.0), call(3.0), call(9.0, "503")])]

    assert "| 66 % | 2.00 / 1.00 / 3.00 |" in markdown(measured)[-1]
    assert not are_all_answered(measured)
    assert are_all_answered([(row(1, 0.5), [call(1.0)])])
