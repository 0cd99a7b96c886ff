"""The highest rate that still answers in time."""

from __future__ import annotations

import pytest

from benchmarks.translation.search import Probe, best, next_rate


def probe(rate: float, *, met: bool) -> Probe:
    return Probe(rate=rate, tokens=32 * rate, in_time=1.0 if met else 0.5, met=met, requests=100)


def searched(capacity: float, start: float, probes: int) -> list[Probe]:
    """Of an engine that answers in time up to exactly this rate."""
    found: list[Probe] = []
    for _ in range(probes):
        rate = next_rate(found, start)
        found.append(probe(rate, met=rate <= capacity))
    return found


def test_it_begins_where_it_is_told_to():
    assert next_rate([], 3.0) == 3.0


def test_it_goes_up_while_all_are_met():
    assert next_rate([probe(2.0, met=True), probe(3.0, met=True)], 2.0) == pytest.approx(4.5)


def test_it_goes_down_while_none_is_met():
    assert next_rate([probe(3.0, met=False), probe(2.0, met=False)], 3.0) == pytest.approx(2.0 / 1.5)


def test_it_looks_between_the_best_and_the_next_that_failed():
    found = [probe(2.0, met=True), probe(8.0, met=False), probe(4.0, met=True), probe(16.0, met=False)]

    assert next_rate(found, 2.0) == pytest.approx((4.0 * 8.0) ** 0.5)


@pytest.mark.parametrize("capacity", [3.1, 10.0, 17.0])
def test_six_runs_come_within_a_tenth_of_the_capacity(capacity):
    found = best(searched(capacity, start=9.0, probes=6))

    assert found is not None
    assert 0.9 * capacity <= found.rate <= capacity


def test_an_engine_that_never_answers_in_time_has_no_best():
    assert best(searched(0.0, start=1.0, probes=4)) is None
