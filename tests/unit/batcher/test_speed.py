"""The fit of a + b·n."""

from __future__ import annotations

import pytest

from batcher.policy.speed import LATELY, SpeedFit
from broker.messages import Speed


def test_two_sizes_tell_the_fixed_part_from_the_part_of_each_job() -> None:
    fit = SpeedFit()

    for jobs in (1, 64, 8, 32):
        fit.observe(jobs, 0.010 + 0.0005 * jobs)

    assert fit.speed.fixed == pytest.approx(0.010)
    assert fit.speed.per_job == pytest.approx(0.0005)
    assert fit.predict(16) == pytest.approx(0.018)


def test_one_size_alone_is_predicted_as_it_was() -> None:
    fit = SpeedFit()

    for _ in range(5):
        fit.observe(64, 0.040)

    assert fit.predict(64) == pytest.approx(0.040)


# Lone requests of 0.2 s each once made a batch of 64 last 12.8 s in everybody's eyes: 57 of 64 were refused.
@pytest.mark.parametrize("jobs", [1, 8, 64])
def test_what_was_seen_at_one_size_says_nothing_of_the_slope(jobs: int) -> None:
    fit = SpeedFit()

    for _ in range(5):
        fit.observe(jobs, 0.2)

    assert fit.speed_up_to(64) == Speed(fixed=pytest.approx(0.2))


def test_the_first_batch_of_a_size_may_be_cold_and_refuses_nobody() -> None:
    fit = SpeedFit()

    fit.observe(1, 5.0)

    assert fit.speed_up_to(64) == Speed()
    assert fit.predict(1) == 5.0


@pytest.mark.parametrize("cold", [1, 2, 4], ids=lambda cold: f"{cold} cold ones")
def test_cold_batches_are_forgotten_when_warm_ones_follow(cold: int) -> None:
    fit = SpeedFit()
    for _ in range(cold):
        fit.observe(64, 5.0)

    for _ in range(2):
        fit.observe(64, 0.04)

    assert fit.speed_up_to(64) == Speed(fixed=pytest.approx(0.04))


def test_a_slope_through_small_batches_is_not_believed_of_much_larger_ones() -> None:
    fit = SpeedFit()

    for _ in range(2):
        fit.observe(1, 0.010)
        fit.observe(2, 0.013)  # of which two milliseconds are noise

    told = fit.speed_up_to(64)
    assert told.fixed + 64 * told.per_job <= 0.013 + 8 * 0.003


def test_batches_of_most_of_the_room_are_believed() -> None:
    fit = SpeedFit()

    for _ in range(2):
        fit.observe(1, 0.015)
        fit.observe(32, 0.325)

    assert fit.speed_up_to(64).per_job == pytest.approx(0.010)


# What full batches took was forgotten in a quiet hour, and the next flood let in as if they cost what a lone job does.
def test_an_hour_of_lone_jobs_does_not_wash_away_what_full_batches_took() -> None:
    fit = SpeedFit()
    for jobs in (1, 64):
        fit.observe(jobs, 0.005 + 0.010 * jobs)

    for _ in range(10_000):
        fit.observe(1, 0.015)

    assert fit.predict(64) == pytest.approx(0.645)


def test_the_batch_that_runs_takes_as_long_as_the_last_few_of_like_size() -> None:
    fit = SpeedFit()
    for _ in range(40):
        fit.observe(16, 0.060)  # of another kind, or while the machine had other things to do

    for _ in range(20):
        fit.observe(32, 0.021)
        fit.observe(16, 0.013)

    assert fit.predict_next(32) == pytest.approx(0.021, rel=0.05)
    assert fit.predict_next(16) == pytest.approx(0.013, rel=0.05)
    assert fit.predict_next(5) == fit.predict(5)  # none of that size was seen


def test_within_a_size_the_part_of_each_job_counts() -> None:
    fit = SpeedFit()
    for jobs in (1, 32, 8, 32):
        fit.observe(jobs, 0.010 + 0.0005 * jobs)

    assert fit.predict_next(48) == pytest.approx(0.034)


def test_sizes_of_another_time_say_nothing_of_what_is_asked_for_lately() -> None:
    fit = SpeedFit()
    for jobs in (4, 64) * 10:
        fit.observe(jobs, 0.005 + 0.0005 * jobs)

    for _ in range(LATELY):
        fit.observe(8, 0.010)

    assert fit.lately == Speed(fixed=pytest.approx(0.010))
    assert fit.speed.per_job > 0.0


def test_nothing_observed_predicts_nothing() -> None:
    fit = SpeedFit()

    assert fit.speed == Speed()
    assert fit.predict(64) == 0.0


def test_old_batches_fade_when_the_card_becomes_slower() -> None:
    fit = SpeedFit()
    for _ in range(200):
        fit.observe(8, 0.010)

    for _ in range(100):
        fit.observe(8, 0.030)

    assert fit.predict(8) == pytest.approx(0.030, rel=0.1)


def test_neither_part_is_ever_negative() -> None:
    fit = SpeedFit()

    fit.observe(1, 0.050)
    fit.observe(64, 0.010)

    assert fit.speed.per_job >= 0.0
    assert fit.speed.fixed >= 0.0
