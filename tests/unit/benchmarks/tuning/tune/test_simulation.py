"""Predictions from a cost: what must be true of them by arithmetic."""

from __future__ import annotations

import pytest

from benchmarks.tuning.records import Fit
from benchmarks.tuning.tune.simulation import capacity, highest_rate, latencies, p99
from broker.messages import Limits

SHARED = Fit(fixed=0.020, per_job=0.0005)
PER_JOB = Fit(fixed=0.002, per_job=0.008)
FLAT = Fit(fixed=0.010, per_job=0.0)


def test_a_lone_job_takes_what_its_batch_costs():
    assert latencies(SHARED, Limits(), 0.01, arrivals=20) == pytest.approx([0.0205] * 20)


def test_a_lone_job_waits_for_the_whole_fixed_window():
    limits = Limits(policy="fixed", max_wait=0.05)

    assert latencies(FLAT, limits, 0.01, arrivals=20) == pytest.approx([0.06] * 20)


def test_a_full_window_does_not_wait():
    limits = Limits(policy="fixed", max_wait=5.0, max_batch_size=1)

    assert latencies(FLAT, limits, 0.01, arrivals=20) == pytest.approx([0.01] * 20)


def test_the_same_seed_predicts_the_same():
    assert latencies(SHARED, Limits(), 500) == latencies(SHARED, Limits(), 500)


@pytest.mark.parametrize("fit", [SHARED, PER_JOB, FLAT])
def test_the_highest_rate_keeps_the_slo_below_the_capacity(fit):
    rate = highest_rate(fit, Limits(), 0.2)

    assert 0 < rate < capacity(fit, Limits())
    assert p99(fit, Limits(), rate) <= 0.2


def test_batches_pay_where_most_of_the_cost_is_shared():
    assert highest_rate(SHARED, Limits(), 0.2) > 10 * highest_rate(SHARED, Limits(max_batch_size=1), 0.2)


def test_an_slo_shorter_than_a_batch_cannot_be_kept():
    assert highest_rate(SHARED, Limits(), 0.01) == 0.0
