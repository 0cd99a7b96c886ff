"""The fit of a + b·n."""

from __future__ import annotations

import pytest

from batcher.speed import SpeedFit
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


def test_one_size_alone_is_taken_to_be_the_time_of_its_jobs() -> None:
    fit = SpeedFit()

    fit.observe(1, 0.016)

    assert fit.speed == Speed(fixed=0.0, per_job=0.016)


# What full batches took was forgotten in a quiet hour, and the next flood let in as if they cost what a lone job does.
def test_an_hour_of_lone_jobs_does_not_wash_away_what_full_batches_took() -> None:
    fit = SpeedFit()
    for jobs in (1, 64):
        fit.observe(jobs, 0.005 + 0.010 * jobs)

    for _ in range(10_000):
        fit.observe(1, 0.015)

    assert fit.predict(64) == pytest.approx(0.645)


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
