"""When a point has been measured long enough."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.lib.loops import Call
from benchmarks.load.command import Sent
from benchmarks.tuning.steady import Measured, steady

WARM_UP, DURATION = 0.5, 10.0


def window(rate: int, p99: float, busy: float = 0.0) -> Sent:
    """Calls at a steady rate that all take `p99` ms, and one in the warm-up that takes for ever."""
    dues = [WARM_UP + number / rate for number in range(int(rate * DURATION))]
    calls = [Call(due, due, due + p99 / 1000, "200") for due in dues]
    return Sent(calls=[Call(0.0, 0.0, 99.0, "200"), *calls], busy=busy)


def measured(*windows: Sent, slo: float | None = None) -> Measured:
    left = iter(windows)

    async def send() -> Sent:
        return next(left)

    return asyncio.run(steady(send, WARM_UP, DURATION, most=4, slo=slo))


@pytest.mark.parametrize(
    ("pairs", "count", "is_stable"),
    [
        pytest.param([(100, 10.0)] * 3, 3, True, id="three that agree are enough"),
        pytest.param([(50, 10.0), (100, 10.0), (95, 9.5), (91, 9.1)], 4, True, id="the last three count"),
        pytest.param([(100, 10.0), (80, 10.0)] * 2, 4, False, id="rates that jump are doubted"),
        pytest.param([(100, 10.0), (100, 20.0)] * 2, 4, False, id="a p99 that jumps is doubted"),
    ],
)
def test_windows_are_measured_until_the_last_three_agree(pairs, count, is_stable):
    found = measured(*(window(*pair) for pair in pairs))

    assert (len(found.windows), found.is_stable, not found.doubts) == (count, is_stable, is_stable)


def test_nothing_answered_is_never_stable():
    found = measured(*[Sent(calls=[], busy=0.0)] * 4)

    assert (found.is_stable, found.summary.answered) == (False, 0)


def test_the_summary_is_of_the_windows_that_agree_together_without_their_warm_ups():
    found = measured(window(50, 30.0), window(100, 10.0), window(100, 10.0), window(95, 9.5))

    assert found.summary.due == 2950
    assert found.summary.per_second == pytest.approx(2950 / 30, abs=0.1)
    assert found.summary.latency.max == pytest.approx(10.0)


def test_a_client_that_was_the_limit_is_a_doubt():
    (doubt,) = measured(*[window(100, 10.0, busy=0.97)] * 3).doubts

    assert doubt == "client: it used 0.97 of a core itself: --processes shares its work out"


@pytest.mark.parametrize(("slo", "goodput"), [(0.015, 100.0), (0.005, 0.0), (None, None)])
def test_the_goodput_is_what_came_within_the_slo(slo, goodput):
    found = measured(*[window(100, 10.0)] * 3, slo=slo)

    assert found.summary.goodput == (None if goodput is None else pytest.approx(goodput, abs=0.1))


def test_what_comes_after_a_window_is_nothing_that_the_next_one_has_carried():
    """140 a second come, 100 are answered: the queue grows, and each window has answers that end behind it."""
    dues = [number / 140 for number in range(int((WARM_UP + DURATION) * 140))]
    calls = [Call(due, due, max(due, number / 100), "200") for number, due in enumerate(dues)]
    overloaded = Sent(calls=calls, busy=0.0)

    summary = measured(overloaded, overloaded, overloaded, slo=1.0).summary

    assert summary.per_second == pytest.approx(100, rel=0.02)
    assert summary.goodput < summary.per_second
