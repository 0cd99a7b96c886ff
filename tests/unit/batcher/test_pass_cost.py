"""What one more pass costs: learned from the passes that were seen."""

from __future__ import annotations

import random

import pytest

from batcher.policy.packing import PASS_COST
from batcher.policy.pass_cost import LEAST, MOST, PassCost


def seen(passes: list[tuple[int, float]]) -> PassCost:
    pass_cost = PassCost()
    for padded_tokens, seconds in passes:
        pass_cost.observe(padded_tokens, seconds)
    return pass_cost


def passes(fixed: float, per_token: float, *, count: int = 60, noise: float = 0.0) -> list[tuple[int, float]]:
    rng = random.Random(3)
    sizes = [rng.randint(20, 2000) for _ in range(count)]
    return [(size, (fixed + per_token * size) * rng.uniform(1 - noise, 1 + noise)) for size in sizes]


def test_before_anything_was_seen_it_is_a_guess() -> None:
    assert PassCost().tokens == PASS_COST


def test_it_is_the_fixed_part_of_a_pass_in_tokens_of_work() -> None:
    pass_cost = seen(passes(fixed=0.005, per_token=0.00001))

    assert pass_cost.tokens == pytest.approx(500, abs=2)


def test_noise_blurs_it_and_no_more() -> None:
    pass_cost = seen(passes(fixed=0.005, per_token=0.00001, noise=0.1))

    assert 250 < pass_cost.tokens < 1000


def test_it_follows_a_machine_that_changes() -> None:
    before = passes(fixed=0.005, per_token=0.00001, count=300)
    after = passes(fixed=0.001, per_token=0.00001, count=600)

    pass_cost = seen(before + after)

    assert pass_cost.tokens == pytest.approx(100, abs=20)


def test_passes_of_one_size_teach_nothing() -> None:
    assert seen([(640, 0.01)] * 200).tokens == PASS_COST


def test_passes_of_nearly_one_size_teach_nothing() -> None:
    assert seen([(600 + size % 80, 0.01 + size % 80) for size in range(200)]).tokens == PASS_COST


def test_where_noise_hides_what_a_token_costs_a_pass_is_all_that_counts() -> None:
    rng = random.Random(7)  # by chance the small ones took longer
    sizes = [rng.randint(20, 400) for _ in range(60)]

    pass_cost = seen([(size, 0.01 + (400 - size) * rng.uniform(0.0, 1e-6)) for size in sizes])

    assert pass_cost.tokens == MOST


@pytest.mark.parametrize("before", [pytest.param(0, id="a cold first pass"), pytest.param(60, id="one held up")])
def test_a_pass_that_takes_seconds_does_not_hide_what_a_token_costs(before: int) -> None:
    usual = passes(fixed=0.005, per_token=0.00001, count=100)

    assert seen([*usual[:before], (20, 2.0), *usual[before:]]).tokens < 1_100


def test_a_machine_that_becomes_much_slower_is_followed() -> None:
    before = passes(fixed=0.001, per_token=0.00001, count=100)
    after = passes(fixed=0.1, per_token=0.0001, count=600)

    assert seen(before + after).tokens == pytest.approx(1000, rel=0.1)


def test_a_pass_that_takes_no_time_teaches_nothing() -> None:
    assert seen([(size, 0.0) for size in range(1, 200)]).tokens == PASS_COST


@pytest.mark.parametrize(
    ("fixed", "bound"), [pytest.param(0.0, LEAST, id="never free"), pytest.param(9.0, MOST, id="never all that counts")]
)
def test_it_stays_within_reason(fixed: float, bound: int) -> None:
    assert seen(passes(fixed=fixed, per_token=0.00001)).tokens == bound
