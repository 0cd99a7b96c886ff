"""When a batch closes, as a table."""

from __future__ import annotations

import pytest

from batcher.policy.window import TIMER_GRAIN, Window, closing_reason, time_to_stage
from broker.messages import Depth, Limits

FIXED = Limits(policy="fixed", max_wait=0.010, max_batch_size=4, max_batch_tokens=100)
ADAPTIVE = Limits(policy="adaptive", max_wait=0.010, max_batch_size=4, max_batch_tokens=100)


@pytest.mark.parametrize(
    ("limits", "now", "depth", "is_open"),
    [
        pytest.param(FIXED, 0.000, Depth(jobs=1, tokens=5), True, id="a fixed window opens with its first job"),
        pytest.param(FIXED, 0.009, Depth(jobs=1, tokens=5), True, id="it waits for company until max_wait"),
        pytest.param(FIXED, 0.010, Depth(jobs=1, tokens=5), False, id="it closes at max_wait"),
        pytest.param(FIXED, 0.002, Depth(jobs=4, tokens=5), False, id="a full batch leaves at once"),
        pytest.param(FIXED, 0.002, Depth(jobs=2, tokens=100), False, id="a spent token budget leaves at once"),
        pytest.param(ADAPTIVE, 0.000, Depth(jobs=1, tokens=5), False, id="a lone job on an idle card leaves at once"),
    ],
)
def test_a_window_waits_only_where_company_may_come(limits: Limits, now: float, depth: Depth, is_open: bool) -> None:
    window = Window(limits=limits, opened_at=0.0)

    assert window.is_open(now, depth) is is_open


def test_a_window_counts_from_its_first_job_and_not_from_the_look_at_it() -> None:
    window = Window(limits=FIXED, opened_at=-0.004)

    assert window.time_left(0.001) == pytest.approx(0.005)


@pytest.mark.parametrize(
    ("predicted_end", "trip", "now", "early", "expected"),
    [
        pytest.param(1.000, 0.010, 0.0, False, 0.980, id="two trips before the card comes free"),
        pytest.param(1.000, 0.010, 0.0, True, 0.970, id="three where it looks at the queue first"),
        pytest.param(1.000, 0.0001, 0.0, True, 1.0 - TIMER_GRAIN, id="never nearer than the timer can tell"),
        pytest.param(0.001, 0.010, 0.0, False, 0.0, id="at once when the card is nearly free"),
        pytest.param(1.000, 0.010, 5.0, False, 0.0, id="at once when the batch is late"),
    ],
)
def test_the_next_batch_is_claimed_as_late_as_the_card_allows(
    predicted_end: float, trip: float, now: float, early: bool, expected: float
) -> None:
    assert time_to_stage(predicted_end, trip, now, early=early) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("claimed", "staged", "gathered", "limits", "reason"),
    [
        ("size", True, False, ADAPTIVE, "size"),
        ("tokens", False, True, ADAPTIVE, "tokens"),
        ("suspects", True, False, FIXED, "suspects"),
        ("empty", True, False, ADAPTIVE, "busy"),
        ("empty", False, False, FIXED, "window"),
        ("empty", False, False, ADAPTIVE, "idle"),
        ("empty", False, True, ADAPTIVE, "gathered"),
    ],
)
def test_the_reason_names_the_knob_to_turn(
    claimed: str, staged: bool, gathered: bool, limits: Limits, reason: str
) -> None:
    assert closing_reason(claimed, staged=staged, gathered=gathered, limits=limits) == reason
