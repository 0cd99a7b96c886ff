"""The search for the highest rate, on curves that are known: noise, plateaus, cliffs, and tests that err."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random

import pytest

from benchmarks.tuning.tune.search import WITHIN, highest

SLO = 0.2  # seconds


def queueing(rate: float) -> float:
    """Rises smoothly: the SLO is kept up to 900 a second."""
    return 0.02 / max(1e-9, 1 - rate / 1000)


def cliff(rate: float) -> float:
    return 0.05 if rate <= 700 else 5.0


def plateau(rate: float) -> float:
    """Nearly at the SLO for long, and beyond it above 400."""
    return 0.19 if rate <= 400 else 0.21


class Server:
    """Keeps the SLO or not by a curve, with noise on the p99 (relative) and a share of answers that are wrong."""

    def __init__(
        self, curve: Callable[[float], float], *, noise: float = 0.0, errs: float = 0.0, seed: int = 0
    ) -> None:
        self._curve, self._noise, self._errs, self._random = curve, noise, errs, Random(seed)
        self.asked: list[float] = []

    async def keeps(self, rate: float) -> bool:
        self.asked.append(rate)
        kept = self._curve(rate) * (1 + self._random.gauss(0.0, self._noise)) <= SLO
        return kept != (self._random.random() < self._errs)


@pytest.mark.parametrize("start", [5.0, 300.0, 690.0, 5000.0])
@pytest.mark.parametrize(("curve", "limit"), [(queueing, 900), (cliff, 700), (plateau, 400)])
def test_the_limit_is_found_from_any_guess_and_both_ends_were_tested_twice(curve, limit, start):
    server = Server(curve)

    found = asyncio.run(highest(server.keeps, start, most=40))

    assert found.is_settled
    assert found.rate <= limit < found.fails_at <= found.rate * (1 + WITHIN)
    assert (server.asked.count(found.rate), server.asked.count(found.fails_at)) == (2, 2)


def test_a_good_guess_costs_few_tests():
    server = Server(queueing)

    asyncio.run(highest(server.keeps, 890.0))

    assert len(server.asked) <= 7


@pytest.mark.parametrize(("curve", "limit"), [(queueing, 900), (cliff, 700)])
def test_with_noise_what_is_settled_lies_within_a_tenth(curve, limit):
    runs = [asyncio.run(highest(Server(curve, noise=0.2, seed=seed).keeps, 500.0)) for seed in range(200)]

    settled = [found for found in runs if found.is_settled]
    assert len(settled) > 150
    assert all(0.9 * limit <= found.rate <= 1.1 * limit for found in settled)


def test_a_test_that_errs_now_and_then_is_mostly_noticed():
    runs = [asyncio.run(highest(Server(cliff, errs=0.1, seed=seed).keeps, 500.0)) for seed in range(200)]

    wrong = [found for found in runs if found.is_settled and not 630 <= found.rate <= 770]
    assert len(wrong) < 10


def test_a_server_that_grows_slower_while_it_is_tested_is_not_believed():
    asked: list[float] = []

    async def keeps(rate: float) -> bool:
        asked.append(rate)
        return rate <= (900 if len(asked) <= 4 else 700)

    found = asyncio.run(highest(keeps, 880.0, most=40))

    assert (found.contradictions > 0, found.rate <= 700, found.is_settled) == (True, True, False)


def test_contradictions_close_to_the_limit_are_as_good_as_the_answer():
    asked: list[float] = []

    async def keeps(rate: float) -> bool:
        asked.append(rate)
        return (rate < 680) if not 680 <= rate <= 720 else asked.count(rate) == 1

    found = asyncio.run(highest(keeps, 700.0, most=40))

    assert (found.contradictions > 0, found.is_settled) == (True, True)


def test_where_nothing_is_kept_the_rate_is_nought():
    found = asyncio.run(highest(Server(lambda rate: 1.0).keeps, 100.0, most=100))

    assert (found.rate, found.is_settled) == (0.0, False)


def test_where_everything_is_kept_no_rate_fails():
    found = asyncio.run(highest(Server(lambda rate: 0.1).keeps, 100.0, most=6))

    assert (found.fails_at, found.is_settled) == (None, False)


def test_a_rate_that_is_known_to_be_kept_is_not_asked_again_before_the_end():
    server = Server(cliff)

    asyncio.run(highest(server.keeps, 710.0, kept=690.0))

    assert server.asked == [710.0, 710.0, 690.0]
