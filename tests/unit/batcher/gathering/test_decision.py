"""How long those that are here wait for those who come back, as decisions."""

from __future__ import annotations

import pytest

from batcher.policy.gathering.decision import Gathering
from broker.messages import Speed

TEN_MS = Speed(fixed=0.010)
RETURN = 0.0035  # seconds after their answer, that callers come back
MOST = 64


def halves(
    jobs: int, speed: Speed = TEN_MS, *, rounds: int = 40, back: float = RETURN, waited: bool = True
) -> Gathering:
    """So many are answered every 10 ms, and come back; it gathers."""
    gathering, now = Gathering(), 100.0
    for _ in range(rounds):
        gathering.answered(jobs, ended=now - 0.001, now=now, stay=jobs * 0.02, speed=speed)
        gathering.claimed([now + back] * jobs, left=0, now=now + 0.009, waited=waited, staged=False)
        now += 0.010
    gathering.answered(jobs, ended=now - 0.001, now=now, stay=jobs * 0.02, speed=speed)
    gathering.now = now  # type: ignore[attr-defined]
    gathering._trial.is_second = True
    return gathering


def test_a_half_waits_for_the_other_that_comes_back_soon() -> None:
    assert halves(8).waits_behind(8, 8, MOST)


@pytest.mark.parametrize(
    ("jobs", "speed", "back"),
    [
        pytest.param(8, Speed(fixed=0.006, per_job=0.0004), RETURN, id="nor where their jobs make the batch longer"),
        pytest.param(8, Speed(fixed=0.002), RETURN, id="nor for longer than a batch takes"),
        pytest.param(8, TEN_MS, 0.0195, id="nor where they come back when the batch has ended"),
        pytest.param(64, TEN_MS, RETURN, id="nor with a batch that is full"),
    ],
)
def test_nobody_waits_for_more_than_it_saves(jobs: int, speed: Speed, back: float) -> None:
    assert not halves(jobs, speed, back=back).waits_behind(jobs, jobs, MOST)


def test_many_do_not_wait_for_one() -> None:
    assert not halves(1).waits_behind(1, 40, MOST)


def test_nobody_waits_where_it_was_found_better_to_go() -> None:
    gathering = halves(8)
    gathering._trial.is_second = False

    assert not gathering.waits_behind(8, 8, MOST)
    assert gathering.wait(8, gathering.now + 0.001, MOST) == 0.0  # type: ignore[attr-defined]


def test_those_who_are_here_wait_until_the_others_have_come_and_no_longer() -> None:
    gathering = halves(8)
    gathering.waits_behind(8, 8, MOST)  # a half is here before the other is answered
    now = gathering.now  # type: ignore[attr-defined]

    assert gathering.wait(8, now + 0.001, MOST) > 0.0
    assert gathering.wait(12, now + 0.003, MOST) > 0.0
    assert gathering.wait(16, now + 0.004, MOST) == 0.0


def test_those_who_do_not_come_are_waited_for_half_as_long_again() -> None:
    gathering = halves(8)
    gathering.waits_behind(8, 2, MOST)
    now = gathering.now  # type: ignore[attr-defined]

    waits = [gathering.wait(2, now + after / 1000, MOST) > 0.0 for after in range(1, 30)]

    assert waits[4] and not any(waits[7:])


def test_for_a_lone_caller_nothing_is_worked_out(monkeypatch: pytest.MonkeyPatch) -> None:
    gathering = halves(1)
    monkeypatch.setattr(gathering._returns, "after", None)

    assert not gathering.may_wait()


def test_nothing_is_known_before_the_first_answer() -> None:
    gathering = Gathering()

    assert not gathering.may_wait()
    assert not gathering.may_stage()
    assert gathering.wait(3, 1.0, MOST) == 0.0


def whole(jobs: int, *, rounds: int = 40, back: float = RETURN) -> Gathering:
    """So many are answered together and come back together, and the card has nothing to do meanwhile."""
    gathering, now = Gathering(), 100.0
    for _ in range(rounds):
        gathering.answered(jobs, ended=now, now=now, stay=jobs * 0.02, speed=TEN_MS)
        gathering.claimed([now + back] * jobs, left=0, now=now + back, waited=False, staged=False)
        now += back + 0.010
    return gathering


def test_callers_for_whom_the_card_waits_are_parted_into_halves() -> None:
    assert whole(16).most(MOST, staged=False) == 8


def test_a_large_and_a_small_part_become_halves() -> None:
    gathering = whole(16)
    gathering.claimed([200.0] * 3, left=0, now=200.0, waited=True, staged=False)
    for jobs, staged in ((13, True), (3, True), (13, True)):
        gathering.claimed([200.0] * jobs, left=0, now=200.0, waited=True, staged=staged)

    assert gathering.most(MOST, staged=False) == 8


def test_those_who_are_here_when_the_card_comes_free_are_not_parted() -> None:
    assert whole(16).most(MOST, staged=True) == MOST


def test_those_who_come_back_when_two_batches_could_have_ended_are_not_parted() -> None:
    assert whole(16, back=0.030).most(MOST, staged=False) == MOST


def test_a_caller_who_is_alone_has_no_halves_and_a_burst_beside_it_is_not_parted() -> None:
    gathering = whole(1)

    assert gathering.most(MOST, staged=False) == MOST
    assert not gathering._trial._is_wanted


def test_strangers_are_not_parted() -> None:
    gathering, now = Gathering(), 100.0
    for jobs in (3, 9, 5, 7) * 10:
        gathering.answered(jobs, ended=now, now=now, stay=jobs * 0.02, speed=TEN_MS)
        came = [now + 0.002 * each for each in range(6)]
        gathering.claimed(came, left=0, now=now + 0.014, waited=False, staged=False)
        now += 0.014

    assert gathering.most(MOST, staged=False) == MOST


def test_those_who_gather_are_not_parted_and_are_tried_against_those_who_are() -> None:
    gathering = whole(16)
    gathering.most(MOST, staged=False)

    assert gathering._trial._is_wanted
    gathering._trial.is_second = True
    assert gathering.most(MOST, staged=False) == MOST


def test_jobs_that_often_come_while_the_card_is_busy_are_looked_for() -> None:
    gathering = halves(4, waited=False)
    gathering._trial.is_second = False
    assert not gathering.may_stage()

    for number in range(5):
        gathering.claimed([200.0 + number], left=0, now=200.5 + number, waited=True, staged=True)

    assert gathering.may_stage()


def bursts(size: int, *, spread: float, every: float = 0.1, rounds: int = 40) -> Gathering:
    """So many come within a moment, again and again, to a card that has been idle; each finds it gathering."""
    gathering, now = Gathering(), 100.0
    for _ in range(rounds):
        came = [now + spread * number / size for number in range(size)]
        gathering.claimed(came, left=0, now=now + spread, waited=False, staged=False)
        ended = now + spread + 0.010
        gathering.answered(size, ended=ended, now=ended + 0.001, stay=size * 0.02, speed=TEN_MS)
        now += every
    gathering.now = now  # type: ignore[attr-defined]
    gathering._trial.is_second = True
    return gathering


def test_a_first_one_waits_for_those_who_follow_it_whenever_it_comes() -> None:
    gathering = bursts(8, spread=0.002)
    now = gathering.now + 0.077  # type: ignore[attr-defined]

    assert gathering.may_wait()
    assert 0.001 <= gathering.wait(1, now, MOST, oldest=0.0001) <= 0.003
    assert gathering.wait(8, now + 0.002, MOST, oldest=0.0021) == 0.0


@pytest.mark.parametrize(
    ("size", "spread"),
    [
        pytest.param(1, 0.0, id="where nobody follows"),
        pytest.param(2, 0.018, id="where those who follow come no sooner than the card would be free again"),
    ],
)
def test_a_first_one_does_not_wait(size: int, spread: float) -> None:
    gathering = bursts(size, spread=spread)

    assert gathering.wait(1, gathering.now + 0.077, MOST, oldest=0.0001) == 0.0  # type: ignore[attr-defined]


def test_nobody_waits_for_callers_who_come_when_the_card_would_be_free_again() -> None:
    gathering = bursts(8, spread=0.0, every=0.05)  # 39 ms after their answer

    assert gathering.wait(1, gathering.now - 0.035, MOST) == 0.0  # type: ignore[attr-defined]


def test_one_that_came_while_the_card_was_busy_is_no_first_one() -> None:
    gathering = bursts(8, spread=0.002, every=0.013)

    assert not gathering._opens(gathering._free - 0.001)


def test_jobs_claimed_behind_a_running_batch_open_nothing() -> None:
    gathering = bursts(1, spread=0.0)

    for number in range(20):
        came = [200.0 + number] * 8
        gathering.claimed(came, left=0, now=200.001 + number, waited=True, staged=True)

    assert gathering._followers.after(1).all == pytest.approx(1.0, abs=0.1)
