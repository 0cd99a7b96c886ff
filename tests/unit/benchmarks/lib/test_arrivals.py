"""When requests are due."""

from __future__ import annotations

import itertools

import pytest

from benchmarks.lib.arrivals import schedule


def test_constant_arrivals_leave_the_same_gap():
    dues = list(schedule(4.0, 1.0, "constant"))

    assert dues == [0.0, 0.25, 0.5, 0.75]


def test_a_constant_schedule_does_not_drift():
    dues = list(schedule(3.0, 1000.0, "constant"))

    assert dues[2997] == 999.0


def test_poisson_arrivals_are_the_same_again_for_the_same_seed():
    assert list(schedule(50.0, 2.0, "poisson", 7)) == list(schedule(50.0, 2.0, "poisson", 7))


def test_another_seed_gives_other_poisson_arrivals():
    assert list(schedule(50.0, 2.0, "poisson", 7)) != list(schedule(50.0, 2.0, "poisson", 8))


def test_poisson_arrivals_keep_the_rate():
    dues = list(schedule(100.0, 100.0, "poisson", 1))

    assert len(dues) == pytest.approx(10_000, rel=0.03)


def test_poisson_gaps_vary_as_much_as_they_are_long():
    dues = list(schedule(100.0, 100.0, "poisson", 1))
    gaps = [later - earlier for earlier, later in itertools.pairwise(dues)]
    mean = sum(gaps) / len(gaps)

    deviation = (sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5

    assert deviation == pytest.approx(mean, rel=0.05)


def test_counted_arrivals_are_as_many_as_the_rate_says_and_gather_as_poisson_ones_do():
    dues = list(schedule(100.0, 100.0, "counted", 1))
    gaps = [later - earlier for earlier, later in itertools.pairwise(dues)]

    assert len(dues) == 10_000
    assert sum(gap < 0.001 for gap in gaps) == pytest.approx(len(gaps) * (1 - 2.71828**-0.1), rel=0.1)


@pytest.mark.parametrize("kind", ["poisson", "counted", "constant", "burst"])
def test_nothing_is_due_after_the_end(kind):
    assert all(0.0 <= due < 3.0 for due in schedule(40.0, 3.0, kind, 2))


def test_bursts_keep_the_mean_rate():
    dues = list(schedule(100.0, 100.0, "burst", 1, burst_on=0.5, burst_off=1.5))

    assert len(dues) == pytest.approx(10_000, rel=0.03)


def test_nothing_is_due_between_bursts():
    dues = list(schedule(100.0, 100.0, "burst", 1, burst_on=0.5, burst_off=1.5))

    assert all(due % 2.0 <= 0.5 for due in dues)
