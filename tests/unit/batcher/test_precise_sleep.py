"""A sleep that is as long as was asked, on a machine that wakes late."""

from __future__ import annotations

import pytest

from batcher.models.precise_sleep import MOST_LATENESS, PreciseSleep
from tests.conftest import FakeClock


class LateMachine:
    """Wakes every sleeper so many seconds late."""

    def __init__(self, clock: FakeClock, lateness: float) -> None:
        self._clock, self.lateness = clock, lateness

    def sleep(self, seconds: float) -> None:
        self._clock.tick(seconds + self.lateness)


def slept(sleep: PreciseSleep, clock: FakeClock, seconds: float) -> float:
    before = clock.now
    sleep(seconds)
    return clock.now - before


def test_after_some_sleeps_it_wakes_on_time(clock: FakeClock) -> None:
    machine = LateMachine(clock, lateness=0.0004)
    sleep = PreciseSleep(machine.sleep, clock)

    for _ in range(50):
        slept(sleep, clock, 0.010)

    assert slept(sleep, clock, 0.010) == pytest.approx(0.010, abs=0.00002)


def test_a_machine_that_was_busy_once_teaches_little(clock: FakeClock) -> None:
    machine = LateMachine(clock, lateness=5.0)
    sleep = PreciseSleep(machine.sleep, clock)
    slept(sleep, clock, 0.010)
    machine.lateness = 0.0

    assert slept(sleep, clock, 0.010) >= 0.010 - MOST_LATENESS


def test_no_sleep_is_shorter_than_nothing(clock: FakeClock) -> None:
    machine = LateMachine(clock, lateness=0.0005)
    sleep = PreciseSleep(machine.sleep, clock)

    for _ in range(50):
        slept(sleep, clock, 0.0)

    assert slept(sleep, clock, 0.0) == pytest.approx(0.0005)
