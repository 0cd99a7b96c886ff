"""Who comes back, and when: what is learned from rounds of answers."""

from __future__ import annotations

import pytest

from batcher.policy.gathering.returns import ROUNDS, Returns

ROUND = 0.020  # seconds


def learned(answered: list[int], delays: list[list[float]]) -> Returns:
    """Rounds in which so many were answered, and jobs came so long after."""
    returns, now = Returns(), 100.0
    for jobs, after in zip(answered, delays, strict=True):
        returns.answered(jobs, now)
        returns.claimed([now + delay for delay in after], now + ROUND / 2, are_all=True)
        now += ROUND
    returns.answered(0, now)
    returns.claimed([], now, are_all=True)
    return returns


def test_as_many_as_were_answered_are_expected_when_they_came_back_before() -> None:
    curve = learned([8] * 30, [[0.0035] * 8] * 30).after(8)

    assert curve.by(0.003) == pytest.approx(0.0, abs=0.01)
    assert curve.by(0.004) == pytest.approx(8.0, abs=0.2)
    assert curve.all == pytest.approx(8.0, abs=0.2)


def test_twice_as_many_are_expected_of_twice_as_many() -> None:
    assert learned([8] * 30, [[0.0035] * 8] * 30).after(16).all == pytest.approx(16.0, abs=0.5)


def test_those_who_come_anyway_are_expected_whatever_was_answered() -> None:
    curve = learned([2, 10] * 20, [[0.0035] * 4] * 40).after(20)

    assert curve.all == pytest.approx(4.0, abs=1.0)


def test_when_so_many_have_come_lies_between_the_edges() -> None:
    curve = learned([8] * 30, [[0.0035] * 8] * 30).after(8)

    assert 0.003 < curve.when(4) < 0.004
    assert curve.when(1000) > 0.1


def test_nobody_is_expected_before_anything_was_seen() -> None:
    assert Returns().after(64).all == 0.0


def test_what_differs_from_round_to_round_is_noise() -> None:
    steady = learned([8] * 40, [[0.0035] * 8] * 40).after(8)
    uneven = learned([8] * 40, [[0.0035] * 16, []] * 20).after(8)

    assert max(steady.noise) < 1.0
    assert uneven.noise[4] > 4.0


def test_what_takes_longer_than_a_round_is_seen_as_what_comes_in_the_next() -> None:
    returns, now = Returns(), 100.0
    for _ in range(30):
        returns.answered(8, now)
        returns.claimed([now - ROUND + 0.0215] * 8, now + 0.01, are_all=True)  # 8 of the round before
        now += ROUND

    assert returns.after(8).by(0.002) == pytest.approx(8.0, abs=0.5)


def test_the_rate_is_of_jobs_answered_lately() -> None:
    assert learned([8] * 30, [[0.0035] * 8] * 30).rate == pytest.approx(8 / ROUND, rel=0.1)


def test_a_backlog_that_is_never_claimed_whole_holds_few_rounds() -> None:
    returns = Returns()

    for number in range(50):
        returns.answered(1, number * ROUND)
        returns.claimed([0.0], number * ROUND, are_all=False)

    assert len(returns._rounds) <= ROUNDS


def test_the_share_of_callers_who_come_back_within_a_time_is_known() -> None:
    returns = learned([8] * 30, [[0.0035] * 6 + [0.0065] * 2] * 30)

    assert returns.share(0.003) == pytest.approx(0.0, abs=0.01)
    assert returns.share(0.005) == pytest.approx(0.75, abs=0.05)
    assert returns.share(0.010) == pytest.approx(1.0, abs=0.05)


def test_strangers_come_back_with_nobody() -> None:
    assert learned([2, 10] * 20, [[0.0035] * 4] * 40).share(0.010) == pytest.approx(0.0, abs=0.2)
