"""When a card claims beside what it holds, and when those that ended are told."""

from __future__ import annotations

import pytest

from batcher.policy.batching import Batching, Held, InFlightBatching
from broker.messages import Limits

LIMITS = Limits(max_batch_size=64, max_batch_tokens=1000)


@pytest.mark.parametrize(
    ("capacity", "jobs", "tokens", "size", "budget"),
    [
        pytest.param(64, 0, 0, 64, 1000, id="an empty engine takes all that the limits allow"),
        pytest.param(64, 40, 700, 24, 300, id="what is in flight counts, in jobs and in tokens"),
        pytest.param(16, 10, 10, 6, 990, id="an engine that has made itself smaller takes fewer"),
        pytest.param(256, 60, 10, 4, 990, id="an engine that could take more takes what the limits allow"),
        pytest.param(8, 20, 2000, 0, 0, id="more in flight than new limits allow leaves no room"),
        pytest.param(0, 0, 0, 1, 1000, id="an empty engine takes one job, whatever it says"),
    ],
)
def test_the_room_beside_what_is_in_flight(capacity: int, jobs: int, tokens: int, size: int, budget: int) -> None:
    held = Held(jobs=jobs, tokens=tokens)

    room = InFlightBatching().room(LIMITS, held, size=max(1, min(64, capacity)))

    assert (room.max_batch_size, room.max_batch_tokens) == (size, budget)


@pytest.mark.parametrize(
    ("jobs", "tokens", "is_worth_it"),
    [
        pytest.param(56, 0, True, id="an eighth of the jobs is free"),
        pytest.param(57, 0, False, id="less than an eighth of the jobs"),
        pytest.param(0, 875, True, id="an eighth of the tokens is free"),
        pytest.param(0, 876, False, id="less than an eighth of the tokens"),
    ],
)
def test_a_claim_is_worth_its_trip_when_an_eighth_is_free(jobs: int, tokens: int, is_worth_it: bool) -> None:
    held = Held(jobs=jobs, tokens=tokens)

    assert InFlightBatching().may_claim(LIMITS, held, size=64) == is_worth_it


def test_in_a_small_engine_one_free_place_is_worth_a_trip_and_none_is_not() -> None:
    small, held = Limits(max_batch_size=4), Held(jobs=3)

    assert InFlightBatching().may_claim(small, held, size=4)
    assert not InFlightBatching().may_claim(small, held, size=1)


@pytest.mark.parametrize(
    ("held", "may_claim"),
    [
        pytest.param(Held(leases=1, jobs=5), True, id="behind a batch that runs"),
        pytest.param(Held(leases=2, jobs=9), False, id="but only one"),
        pytest.param(Held(leases=1, ended=5), False, id="nothing before the last outcome is told"),
    ],
)
def test_a_batch_model_stages_one_batch_behind_the_one_that_runs(held: Held, may_claim: bool) -> None:
    assert Batching().may_claim(LIMITS, held, size=64) == may_claim


@pytest.mark.parametrize(
    ("step", "pause"),
    [
        pytest.param(0.010, 0.020, id="two steps"),
        pytest.param(0.0, 0.005, id="of unknown length: 5 ms"),
        pytest.param(0.001, 0.005, id="no less than 5 ms"),
        pytest.param(2.0, 0.1, id="no more than a tenth of a second"),
    ],
)
def test_the_pause_between_claims_is_two_steps_within_bounds(step: float, pause: float) -> None:
    assert InFlightBatching().pause_after_claim(step) == pause


@pytest.mark.parametrize(
    ("jobs", "stay", "pause"),
    [
        pytest.param(64, 0.6, 0.02, id="one leaves every 9 ms: two steps of 10 ms bring company"),
        pytest.param(8, 0.6, 0.0, id="one leaves every 75 ms: no use to wait"),
        pytest.param(1, 0.0, 0.02, id="nobody knows yet how long they stay"),
    ],
)
def test_an_ended_job_waits_for_company_only_where_some_is_expected(jobs: int, stay: float, pause: float) -> None:
    assert staying(stay).pause_before_finish(0.010, Held(jobs=jobs)) == pause


def test_who_is_done_never_waits_long_to_be_told() -> None:
    assert staying(1.0).pause_before_finish(1.0, Held(jobs=64)) == 0.03


def test_an_eighth_of_the_engine_leaves_at_once() -> None:
    assert InFlightBatching().are_enough(Held(jobs=9, ended=8), size=64)
    assert not InFlightBatching().are_enough(Held(jobs=9, ended=7), size=64)


def test_the_last_ones_leave_at_once() -> None:
    assert InFlightBatching().are_enough(Held(ended=1), size=64)


def staying(seconds: float) -> InFlightBatching:
    """Whose jobs stay so long, beside however many."""
    batching = InFlightBatching()
    if seconds:
        batching.learn(64, seconds, stays=[1], has_failures=False)
    return batching


def test_a_batch_in_which_jobs_failed_says_nothing_of_the_speed() -> None:
    batching = Batching()

    batching.learn(8, 0.1, stays=[], has_failures=False)
    batching.learn(8, 9.0, stays=[], has_failures=True)

    assert batching.speed.predict(8) == pytest.approx(0.1)
