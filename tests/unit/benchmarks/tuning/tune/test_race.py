"""Which setting is found to carry most, on servers whose every setting's limit is known."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from benchmarks.tuning.grid import grid
from benchmarks.tuning.records import Fit
from benchmarks.tuning.tune.candidates import in_order, neighbours, predicted, shortlist, soonest_first
from benchmarks.tuning.tune.race import Candidate, Race, Verdict, soonest
from broker.messages import Limits

USUAL, SMALL, LARGE = Limits(), Limits(max_batch_size=8), Limits(max_batch_size=256)
CHEAP = Fit(fixed=0.02, per_job=0.0005, overhead=0.004)
DEAR = Fit(fixed=0.002, per_job=0.008, overhead=0.004)


class Server:
    """Every setting keeps the SLO up to a rate that is known, with noise."""

    def __init__(self, carries: dict[Limits, float], noise: float = 0.0, seed: int = 0) -> None:
        self._carries, self._noise, self._random = carries, noise, Random(seed)
        self.asked: list[tuple[Limits, float]] = []

    async def test(self, limits: Limits, rate: float) -> Verdict:
        self.asked.append((limits, rate))
        load = rate / self._carries[limits] * (1 + self._random.gauss(0.0, self._noise))
        return Verdict(kept=load <= 1.0, p99=200 * load)


def raced(server: Server, *candidates: Candidate, is_exhaustive: bool = False) -> Race:
    race = Race(server.test, is_exhaustive=is_exhaustive)
    asyncio.run(race.run(candidates))
    return race


def test_the_best_wins_and_a_loser_costs_one_test():
    server = Server({USUAL: 100.0, SMALL: 40.0, LARGE: 150.0})

    race = raced(server, Candidate(limits=USUAL), Candidate(limits=SMALL), Candidate(limits=LARGE))

    assert race.best.limits == LARGE
    assert 0.96 * 150 <= race.best.rate <= 150
    assert sum(limits == SMALL for limits, _ in server.asked) == 1


def test_of_settings_that_are_equal_but_for_noise_the_simplest_stays():
    server = Server({USUAL: 100.0, LARGE: 102.0})

    assert raced(server, Candidate(limits=USUAL), Candidate(limits=LARGE)).best.limits == USUAL


@pytest.mark.parametrize("seed", range(20))
def test_with_noise_the_best_or_one_within_a_tenth_of_it_wins(seed):
    carries = {USUAL: 100.0, SMALL: 60.0, LARGE: 150.0, Limits(max_batch_size=128): 148.0}
    race = raced(Server(carries, noise=0.02, seed=seed), *(Candidate(limits=limits) for limits in carries))

    assert carries[race.best.limits] >= 0.9 * 150
    assert 0.9 * 150 <= race.best.rate <= 1.1 * 150


def test_the_runner_up_is_measured_out_though_it_had_lost_at_once():
    race = raced(Server({USUAL: 100.0, SMALL: 90.0}), Candidate(limits=USUAL), Candidate(limits=SMALL))

    second = asyncio.run(race.runner_up())

    assert (second.limits, 0.95 * 90 <= second.rate <= 90) == (SMALL, True)


def test_the_likeliest_of_those_that_lost_at_once_may_be_the_runner_up():
    carries = {USUAL: 100.0, LARGE: 150.0, SMALL: 149.0}
    race = raced(Server(carries), *(Candidate(limits=limits, predicted=carries[limits]) for limits in carries))

    assert asyncio.run(race.runner_up()).limits == SMALL


def test_one_that_beats_the_best_by_just_the_margin_is_the_best():
    race = raced(Server({USUAL: 100.0, LARGE: 104.5}), Candidate(limits=USUAL), Candidate(limits=LARGE))

    assert race.best.rate >= max(choice.rate for choice in race.others)


def test_a_race_of_one_has_no_runner_up():
    assert asyncio.run(raced(Server({USUAL: 9.0}), Candidate(limits=USUAL)).runner_up()) is None


def test_exhaustively_every_setting_is_measured_out():
    carries = {USUAL: 100.0, SMALL: 40.0}
    race = raced(Server(carries), *(Candidate(limits=limits) for limits in carries), is_exhaustive=True)

    assert 0.95 * 40 <= race.others[0].rate <= 40


def test_for_a_rate_the_lowest_p99_comes_first_and_what_fails_is_left_out():
    server = Server({USUAL: 100.0, SMALL: 40.0, LARGE: 150.0})

    found = asyncio.run(soonest(server.test, [Candidate(limits=one) for one in (USUAL, SMALL, LARGE)], rate=60.0))

    assert [choice.limits for choice in found] == [LARGE, USUAL]


def test_for_a_rate_the_simplest_of_nearly_equals_comes_first():
    server = Server({USUAL: 100.0, LARGE: 105.0})

    found = asyncio.run(soonest(server.test, [Candidate(limits=one) for one in (USUAL, LARGE)], rate=60.0))

    assert [choice.limits for choice in found] == [USUAL, LARGE]


def test_the_shortlist_begins_with_what_need_not_be_changed_and_leaves_the_hopeless_out():
    settings = in_order(grid([0.005], [1, 2, 64, 128, 256], [16384], ["adaptive", "fixed"]), USUAL)

    listed = [one.limits for one in shortlist(predicted(settings, CHEAP, 0.2), 4)]

    assert (listed[0], len(listed)) == (USUAL, 4)
    assert all(limits.max_batch_size >= 128 for limits in listed[1:])


def test_the_limits_of_now_come_first_though_they_are_not_in_the_grid():
    now = Limits(policy="fixed", max_wait=0.003, max_batch_size=48)

    assert in_order(grid([0.005], [8], [16384], ["adaptive", "fixed"]), now)[0] == now


def test_for_a_rate_those_are_tried_that_answer_soonest_by_prediction():
    settings = predicted(in_order(grid([0.05], [4, 64, 256], [16384], ["adaptive", "fixed"]), USUAL), CHEAP, 0.2)

    listed = [one.limits for one in soonest_first(settings, CHEAP, 300.0, 3)]

    assert [(limits.policy, limits.max_batch_size) for limits in listed[:2]] == [("adaptive", 64), ("adaptive", 256)]
    assert all(limits.max_batch_size > 4 for limits in listed)


def test_where_batching_does_not_pay_small_sizes_are_on_the_shortlist():
    settings = in_order(grid([0.005], [1, 4, 64], [16384], ["adaptive"]), USUAL)

    assert Limits(max_batch_size=4) in [one.limits for one in shortlist(predicted(settings, DEAR, 0.2), 4)]


def test_requests_of_many_records_are_predicted_to_be_fewer():
    [one], [ten] = (predicted([USUAL], DEAR, 0.5, records) for records in (1, 10))

    assert 0.5 * one.predicted / 10 < ten.predicted <= one.predicted / 10  # each waits for more at once, too


def test_a_token_budget_below_the_size_bounds_the_prediction():
    texts = Fit(fixed=0.02, per_job=0.0, per_token=0.00001, overhead=0.004, tokens=50.0)

    [small], [large] = (predicted([Limits(max_batch_tokens=tokens)], texts, 0.2) for tokens in (400, 16384))

    assert small.predicted < 0.5 * large.predicted


def test_neighbours_lie_within_what_was_asked_for():
    asked = grid([0.002, 0.01], [8, 64], [16384], ["adaptive", "fixed"])

    assert [one.max_batch_size for one in neighbours(Limits(max_batch_size=64), asked)] == [45]
    fixed = neighbours(Limits(policy="fixed", max_wait=0.01, max_batch_size=8), asked)
    assert {(one.max_batch_size, one.max_wait) for one in fixed} == {(11, 0.01), (8, 0.005)}
