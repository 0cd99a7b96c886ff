"""What an in-flight engine tells front ends of its speed, and whether they can count on it."""

from __future__ import annotations

import random
from collections import deque

import pytest

from batcher.policy.in_flight_speed import InFlightSpeed
from broker.messages import Presence, Speed
from server.fleet.capacity import Capacity

ROOM = 64


def test_a_stay_is_the_steps_of_a_job_times_what_a_step_costs() -> None:
    speed = InFlightSpeed()
    for rows in (1, 64):
        speed.observe(rows, 0.010 + 0.001 * rows)
    for steps in (10, 30):
        speed.left(steps)

    assert speed.predict(32) == pytest.approx(20 * 0.042, rel=0.01)
    assert speed.speed.per_job == pytest.approx(20 * 0.001, rel=0.01)


def test_nothing_is_known_until_a_job_has_left() -> None:
    speed = InFlightSpeed()
    speed.observe(1, 0.010)

    assert speed.speed == Speed()


# Once it counted as much as all others, and front ends were told twice the time.
def test_one_cold_step_among_many_counts_as_one() -> None:
    speed = InFlightSpeed()
    speed.left(1)

    speed.observe(2, 0.500)
    for _ in range(300):
        speed.observe(64, 0.050)

    assert speed.predict(64) == pytest.approx(0.050, rel=0.15)


# A line through the jobs themselves took the long stays in an engine that empties for the cost of little company.
def test_an_engine_that_empties_is_not_taken_for_a_slow_one() -> None:
    speed, _ = served(jobs=256)

    assert speed.predict(ROOM) == pytest.approx(mean_steps() * step(ROOM), rel=0.1)


def test_a_front_end_counts_ten_engines_full_of_jobs_for_as_long_as_they_take() -> None:
    speed, seconds = served(jobs=10 * ROOM)

    pace = Capacity.of([Presence(batcher="b", model="m@1", speed=speed.speed, room=ROOM)])

    assert pace.seconds_for(10 * ROOM) == pytest.approx(seconds, rel=0.1)


def test_jobs_that_are_let_in_are_answered_in_time_however_many_are_in_flight() -> None:
    speed, _ = served(jobs=10 * ROOM)
    pace = Capacity.of([Presence(batcher="b", model="m@1", speed=speed.speed, room=ROOM)])

    for ahead in (0, 1, 32, 64, 65, 128, 300):
        _, seconds = served(jobs=ahead + 1)

        assert seconds <= pace.expected(ahead + 1) <= 3.0 * seconds + 1.0, ahead


def step(rows: int) -> float:
    return 0.010 + 0.001 * rows


def mean_steps() -> float:
    return (5 + 60) / 2


def served(jobs: int) -> tuple[InFlightSpeed, float]:
    """So many jobs of 5 to 60 steps, all waiting at the start: what is known afterwards, and the seconds they took."""
    dice, speed, clock = random.Random(1), InFlightSpeed(), 0.0
    waiting = deque([dice.randint(5, 60) for _ in range(jobs)])
    rows: list[tuple[int, int]] = []  # steps to take, steps taken
    while waiting or rows:
        rows += [(waiting.popleft(), 0) for _ in range(min(ROOM - len(rows), len(waiting)))]
        clock += step(len(rows))
        speed.observe(len(rows), step(len(rows)))
        rows = [(left, taken + 1) for left, taken in rows]
        for left, taken in rows:
            if left == taken:
                speed.left(taken)
        rows = [row for row in rows if row[0] != row[1]]
    return speed, clock
