"""The course of a tuning on a simulated card: what it says, and when it says that it is not to be trusted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random
from typing import ClassVar

import pytest

from benchmarks.tuning.grid import grid
from benchmarks.tuning.records import Fit
from benchmarks.tuning.tune.cost_fit import Batch
from benchmarks.tuning.tune.race import Verdict
from benchmarks.tuning.tune.simulation import cost, highest_rate, p99
from benchmarks.tuning.tune.tuner import Aim, Instruments, Tuned, tune
from broker.messages import Limits

GRID = grid([0.005], [1, 8, 64, 256], [16384], ["adaptive", "fixed"])
CARDS = {
    "batching pays": Fit(fixed=0.02, per_job=0.0005, overhead=0.004),
    "batching does not pay": Fit(fixed=0.002, per_job=0.008, overhead=0.004),
    "a pass is all there is": Fit(fixed=0.03, per_job=0.0, overhead=0.004),
}
MAX = Aim(slo=0.2, rate=None, records=1, most=6)


class Card:
    """A simulated card; its batches cost `drift` times as much when they are looked at again."""

    def __init__(self, fit: Fit, *, noise: float = 0.0, drift: float = 1.0, longer: float = 1.0) -> None:
        self.fit, self._noise, self._drift, self._longer = fit, noise, drift, longer
        self._random = Random(1)
        self._looks = 0
        self.doubts: list[str] = []  # of what was measured

    async def test(self, limits: Limits, rate: float) -> Verdict:
        seconds = p99(self.fit, limits, rate * (1 + self._random.gauss(0.0, self._noise)))
        return Verdict(kept=seconds <= MAX.slo, p99=1000 * seconds)

    async def confirm(self, limits: Limits, rate: float) -> int:
        return 3 * (await self.test(limits, rate * self._longer)).kept

    async def batches(self, largest: int) -> Sequence[Batch]:
        drift, self._looks = (self._drift if self._looks else 1.0), self._looks + 1
        sizes = [size for size in (1, 2, 4, 8, 16, 32, 64) if size <= largest]
        seconds = [drift * cost(self.fit, size) for size in sizes]
        return [Batch(jobs=n, compute=spent, elapsed=spent + 0.004) for n, spent in zip(sizes, seconds, strict=True)]


def tuned(card: Card, aim: Aim = MAX) -> Tuned:
    ours = Instruments(
        test=card.test,
        batches=card.batches,
        tokens=lambda: 0.0,
        confirm=card.confirm,
        doubts=lambda choice: card.doubts,
    )
    return asyncio.run(tune(GRID, Limits(), aim, ours, lambda line: None))


@pytest.mark.parametrize("fit", CARDS.values(), ids=CARDS.keys())
def test_within_a_tenth_of_the_best_of_all_settings(fit):
    best = max(highest_rate(fit, limits, MAX.slo) for limits in GRID)

    found = tuned(Card(fit, noise=0.01)).recommendation

    assert highest_rate(fit, found.best.limits, MAX.slo) >= 0.9 * best
    assert 0.9 * best <= found.best.rate <= 1.1 * best
    assert found.doubts == []


def test_where_nothing_is_gained_one_may_leave_it():
    assert tuned(Card(CARDS["batching does not pay"])).recommendation.verdict.startswith("leave adaptive")


def test_where_larger_batches_pay_they_are_advised_and_the_loss_by_the_runner_up_is_said():
    found = tuned(Card(CARDS["batching pays"])).recommendation

    assert found.best.limits.max_batch_size > 64
    assert "the runner-up is" in found.verdict


def test_a_machine_that_changed_meanwhile_is_not_trusted():
    found = tuned(Card(CARDS["batching pays"], drift=1.3)).recommendation

    assert ["not quiet" in doubt for doubt in found.doubts] == [True]


def test_a_client_that_was_the_limit_is_not_trusted():
    card = Card(CARDS["batching pays"])
    card.doubts = ["client: it was late"]

    assert tuned(card).recommendation.doubts == ["client: it was late"]


def test_what_a_longer_stretch_does_not_confirm_is_lowered_until_it_does():
    plain, lowered = (tuned(Card(CARDS["batching pays"], longer=longer)).recommendation for longer in (1.0, 1.06))

    assert lowered.best.rate < plain.best.rate
    assert (lowered.confirmed, lowered.doubts) == (3, [])


def test_one_that_won_by_luck_gives_way_to_the_limits_of_now():
    """Every test of another setting is passed by a tenth more than it can carry; the longer stretches show it."""

    class Lucky(Card):
        async def test(self, limits: Limits, rate: float) -> Verdict:
            return await super().test(limits, rate if limits == Limits() else rate / 1.1)

        async def confirm(self, limits: Limits, rate: float) -> int:
            return 3 * (await super().test(limits, rate)).kept

    assert tuned(Lucky(CARDS["batching does not pay"])).recommendation.best.limits == Limits()


def test_what_no_stretch_confirms_is_not_trusted():
    found = tuned(Card(CARDS["batching pays"], longer=2.0)).recommendation

    assert "only 0 of 3" in found.doubts[0]


def test_an_slo_that_no_setting_keeps_has_no_recommendation():
    assert tuned(Card(Fit(fixed=0.3, per_job=0.0))).recommendation is None


def test_where_nothing_holds_twice_that_is_said_of_it():
    class Starved(Card):
        """Every test is passed the first time only."""

        asked: ClassVar[list[float]] = []

        async def test(self, limits: Limits, rate: float) -> Verdict:
            self.asked.append(rate)
            return Verdict(kept=self.asked.count(rate) == 1 and rate < 1000, p99=None)

    found = tuned(Starved(CARDS["batching pays"]))

    assert found.recommendation is None or found.recommendation.doubts
    assert "came out otherwise when made again" in found.choices[0].doubts[0]


def test_a_rate_that_is_given_is_carried_as_soon_as_may_be():
    found = tuned(Card(CARDS["batching pays"]), Aim(slo=0.2, rate=500.0, records=1, most=6)).recommendation

    assert (found.best.rate, found.best.p99 < 100) == (500.0, True)


def test_a_rate_that_nothing_carries_has_no_recommendation():
    assert tuned(Card(CARDS["batching pays"]), Aim(slo=0.2, rate=5000.0, records=1, most=6)).recommendation is None


def test_exhaustively_all_of_the_grid_is_measured_out():
    aim = Aim(slo=0.2, rate=None, records=1, most=2, is_exhaustive=True)

    choices = tuned(Card(CARDS["batching pays"]), aim).choices

    assert (len(choices), all(choice.rate for choice in choices)) == (len(GRID), True)
