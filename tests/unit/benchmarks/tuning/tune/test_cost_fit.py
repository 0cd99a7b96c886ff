"""What a batch costs: known lines come back, and noise on some batches does not bend them."""

from __future__ import annotations

from random import Random

import pytest

from benchmarks.tuning.tune.cost_fit import Batch, drift, fit


def batches(fixed: float, per_job: float, sizes=(1, 2, 4, 8, 16, 32, 64), noise: float = 0.0, stalls: float = 0.0):
    random = Random(0)
    return [
        Batch(jobs=jobs, compute=seconds, elapsed=seconds + 0.003)
        for jobs in sizes
        for _ in range(5)
        for seconds in [(fixed + per_job * jobs) * (1 + random.gauss(0.0, noise)) + stalls * (random.random() < 0.2)]
    ]


@pytest.mark.parametrize(("fixed", "per_job"), [(0.02, 0.0005), (0.002, 0.008), (0.01, 0.0), (0.0, 0.01)])
def test_a_known_line_comes_back(fixed, per_job):
    found = fit(batches(fixed, per_job))

    assert (found.fixed, found.per_job) == pytest.approx((fixed, per_job), abs=1e-9)
    assert (found.overhead, found.error) == pytest.approx((0.003, 0.0), abs=1e-9)


def test_noise_and_stalls_do_not_bend_it_and_are_told():
    found = fit(batches(0.02, 0.0005, noise=0.03, stalls=0.2))

    assert found.fixed == pytest.approx(0.02, rel=0.05)
    assert found.per_job == pytest.approx(0.0005, rel=0.1)
    assert 0.0 < found.error < 0.05


def test_batches_that_grow_cheaper_have_no_negative_part():
    falling = [Batch(jobs=jobs, compute=0.02 - 0.001 * jobs, elapsed=0.03) for jobs in (1, 2, 4)]

    assert fit(falling).per_job == 0.0


def test_batches_of_one_size_are_all_fixed():
    found = fit(batches(0.01, 0.001, sizes=(8,)))

    assert (found.fixed, found.per_job) == pytest.approx((0.018, 0.0))


def test_with_tokens_the_share_of_a_job_is_told_by_token():
    found = fit(batches(0.02, 0.0005), tokens=25.0)

    assert (found.per_job, found.per_token, found.tokens) == pytest.approx((0.0, 0.00002, 25.0))


def test_no_batch_is_no_cost():
    with pytest.raises(ValueError, match="no batch"):
        fit([])


def test_a_machine_that_grew_slower_is_told_by_its_batches_though_few_are_looked_at_again():
    before, after = batches(0.02, 0.0005), batches(0.026, 0.00065, sizes=(1, 2, 4, 8, 16))

    assert drift(before, after) == pytest.approx(0.3)
    assert drift(before, before) == drift(before, []) == 0.0


def test_a_cost_that_is_no_line_is_no_drift():
    curved = [Batch(jobs=jobs, compute=0.01 * jobs**0.5, elapsed=1.0) for jobs in (1, 2, 4, 8, 16, 64, 256)]

    assert drift(curved, curved[:5]) == 0.0
