"""Batches that size themselves for an SLO, against the best fixed size of all powers of two."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from batcher.policy.slo import ENOUGH, SloCap
from batcher.policy.speed import SpeedFit
from broker.messages import Claim, Limits
from tests.unit.batcher.one_card import BULK, INTERACTIVE, LATE, Card, Ran, run

SIZES = (1, 2, 4, 8, 16, 32, 64)
LIMITS = Limits(max_batch_size=64)
WARM_UP = 10.0  # seconds that do not count
CHEAP = {"fixed": 0.020, "per_job": 0.0005}  # batching pays
DEAR = {"fixed": 0.002, "per_job": 0.008}  # it does not
BETWEEN = {"fixed": 0.005, "per_job": 0.002}


def kept(card: Card, slo: float, since: float = WARM_UP) -> dict[int, Ran]:
    """The fixed sizes that keep it."""
    all_of_them = {size: run(card, size=size) for size in SIZES}
    return {size: ran for size, ran in all_of_them.items() if ran.p99(since) <= slo}


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(
    ("card", "slo"),
    [
        pytest.param(Card(**CHEAP, phases=[(30, 200)], has_bulk=True), 0.1, id="bulk fills the room, and some come"),
        pytest.param(Card(**CHEAP, phases=[(30, 600)], has_bulk=True), 0.1, id="bulk fills the room, and many come"),
        pytest.param(Card(**CHEAP, phases=[(30, 100)], has_bulk=True), 0.06, id="bulk, and little time"),
        pytest.param(Card(**BETWEEN, phases=[(30, 100)], has_bulk=True), 0.1, id="bulk, and a job costs something"),
        pytest.param(Card(**DEAR, phases=[(60, 40)], has_bulk=True), 0.16, id="bulk, and batching does not pay"),
        pytest.param(Card(**CHEAP, phases=[(30, 1000)]), 0.1, id="interactive jobs alone"),
        pytest.param(Card(**DEAR, phases=[(60, 80)]), 0.1, id="interactive jobs alone, and batching does not pay"),
    ],
)
def test_the_p99_is_within_the_slo_and_the_throughput_that_of_the_best_fixed_size(
    card: Card, slo: float, seed: int
) -> None:
    best = max(ran.jobs for ran in kept(card, slo).values())

    found = run(card, slo=slo, seed=seed)

    assert found.p99(WARM_UP) <= slo
    assert found.jobs >= 0.97 * best


@pytest.mark.parametrize("has_bulk", [False, True], ids=["interactive jobs alone", "bulk too"])
@pytest.mark.parametrize("cost", [CHEAP, DEAR], ids=["batching pays", "batching does not pay"])
def test_in_overload_no_size_keeps_the_slo_and_the_throughput_is_that_of_the_largest(
    cost: dict[str, float], has_bulk: bool
) -> None:
    most = 64 / (cost["fixed"] + cost["per_job"] * 64)
    card = Card(**cost, phases=[(30, 1.3 * most)], has_bulk=has_bulk)
    assert not kept(card, 0.06)

    found = run(card, slo=0.06)

    assert found.jobs >= 0.97 * run(card, size=64).jobs
    assert found.sizes[-1] == 64


def test_after_an_overload_the_slo_is_kept_again() -> None:
    card = Card(**CHEAP, phases=[(10, 1500), (40, 200)], has_bulk=True)
    best = max(ran.jobs for ran in kept(card, 0.08, since=25.0).values())

    found = run(card, slo=0.08)

    assert max(found.sizes) == 64
    assert found.p99(25.0) <= 0.08
    assert found.jobs >= 0.97 * best


def test_a_rise_that_smaller_batches_cannot_carry_makes_them_larger() -> None:
    card = Card(**CHEAP, phases=[(15, 100), (30, 800)])

    found = run(card, slo=0.06)

    early = sum(seconds == LATE for _, seconds in found.took)
    assert (early, found.sizes[0] < 20) == (0, True)
    assert found.p99(20.0) <= 1.15 * run(card, size=64).p99(20.0)


def cap(slo: float, *, fixed: float = 0.02, per_job: float = 0.0005) -> SloCap:
    fit = SpeedFit()
    for jobs in (1, 1, 64, 64) if per_job else (1, 1):
        fit.observe(jobs, fixed + per_job * jobs)
    made = SloCap(slo, fit)
    made.plan()
    return made


@pytest.mark.parametrize(
    ("made", "size"),
    [
        pytest.param(cap(0.1), 56, id="it and the one before it fit into 96.5 % of the bound"),
        pytest.param(cap(0.0411), 1, id="hardly one job fits"),
        pytest.param(cap(0.04), 64, id="no size of batch fits"),
        pytest.param(cap(9.0), 64, id="all fit"),
        pytest.param(cap(0.1, per_job=0.0), 64, id="nobody knows what a job more costs"),
    ],
)
def test_the_first_size_is_what_two_batches_in_a_row_have_time_for(made: SloCap, size: int) -> None:
    assert made.within(LIMITS).max_batch_size == made.state(LIMITS).size == size


def test_limits_that_an_operator_has_made_smaller_or_fixed_are_never_exceeded_nor_touched() -> None:
    smaller, fixed = Limits(max_batch_size=8), Limits(max_batch_size=64, policy="fixed")

    assert cap(0.1).within(smaller) is smaller
    assert cap(0.1).within(fixed) is fixed


def batches(made: SloCap, jobs: Sequence[object], seconds: float, count: int = 64, limits: Limits = LIMITS) -> int:
    """The size after some more of these, under `LIMITS`."""
    interactive = sum(job is INTERACTIVE for job in jobs)
    for _ in range(count):
        made.observe(Claim(batch="b", jobs=jobs, closed_by="size"), [seconds] * interactive, limits)  # type: ignore[arg-type]
        made.plan()
    return made.within(LIMITS).max_batch_size


def test_what_is_measured_corrects_the_plan_in_both_directions() -> None:
    jobs = [*[INTERACTIVE] * 8, *[BULK] * 46]

    assert batches(cap(0.1), jobs, 0.12) < 56 < batches(cap(0.1), jobs, 0.08)


def test_a_machine_that_stalls_makes_no_batches_that_carry_less_and_hardly_end_sooner() -> None:
    jobs = [*[INTERACTIVE] * 4, *[BULK] * 8]

    assert batches(cap(0.1, per_job=0.0004), jobs, 0.5, count=2000) == 12  # 24.8 ms a batch; one of one job takes 20.4
    assert batches(cap(0.1, fixed=0.002, per_job=0.008), jobs, 0.5, count=2000) == 1


def test_what_a_fixed_window_costs_says_nothing_of_sizes() -> None:
    assert batches(cap(0.1), [*[INTERACTIVE] * 8, *[BULK] * 46], 0.5, limits=Limits(policy="fixed")) == 56


def test_an_operator_who_keeps_batches_small_leaves_nothing_to_learn_of_larger_ones() -> None:
    made = cap(0.1)
    batches(made, [*[INTERACTIVE] * 4, *[BULK] * 4], 0.02, 2000, Limits(max_batch_size=8))

    assert made.within(LIMITS).max_batch_size == 56


def test_batches_that_interactive_jobs_fill_grow_however_late_they_are() -> None:
    assert batches(cap(0.06), [*[INTERACTIVE] * 16, BULK], 5.0) > 20
    assert batches(cap(0.0411), [INTERACTIVE], 5.0) > 1


def test_the_p99_is_said_once_there_were_enough() -> None:
    made = cap(0.1)
    claim = Claim(batch="b", jobs=[INTERACTIVE])

    made.observe(claim, [0.05] * (ENOUGH - 1), LIMITS)
    before = made.state(LIMITS).p99
    made.observe(claim, [0.05], LIMITS)

    assert (before, made.state(LIMITS).p99) == (0.0, 0.05)
