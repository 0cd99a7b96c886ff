"""Two ways, tried in turns: which one a trial settles for."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from batcher.policy.gathering.trial import LONGEST, ROUNDS, Trial

Way = Callable[[], tuple[float, float]]  # seconds of the clock for each job, and seconds that it is here


def used(trial: Trial, first: Way, second: Way, *, blocks: int, is_wanted: bool = True) -> list[bool]:
    """Which way was in use in each block."""
    ways = []
    for _ in range(blocks):
        ways.append(trial.is_second)
        for _ in range(ROUNDS):
            if is_wanted:
                trial.want()
            seconds, stay = (second if trial.is_second else first)()
            trial.note(10, seconds=10 * seconds, stay=10 * stay)
    return ways


def way(seconds: float, stay: float, *, noise: float = 0.005) -> Way:
    random = Random(1)
    return lambda: (seconds * random.gauss(1.0, noise), stay * random.gauss(1.0, noise))


def test_nothing_is_tried_that_nobody_wants() -> None:
    assert not any(used(Trial(), way(0.002, 0.02), way(0.001, 0.01), blocks=100, is_wanted=False))


@pytest.mark.parametrize(
    ("first", "second", "is_second"),
    [
        pytest.param(way(0.0020, 0.02), way(0.0016, 0.02), True, id="more jobs end in a second"),
        pytest.param(way(0.0016, 0.02), way(0.0020, 0.01), False, id="fewer end, though they are here for less long"),
        pytest.param(way(0.0020, 0.02), way(0.0020, 0.01), True, id="as many end, and are here for less long"),
        pytest.param(way(0.0020, 0.02), way(0.0020, 0.03), False, id="as many end, and are here for longer"),
        pytest.param(way(0.0020, 0.02), way(0.0020, 0.02), False, id="both are alike"),
    ],
)
def test_the_better_way_is_kept(first: Way, second: Way, is_second: bool) -> None:
    ways = used(Trial(), first, second, blocks=400)

    assert sum(way is is_second for way in ways) > 0.9 * len(ways)


def test_a_way_that_was_better_is_left_when_it_is_worse() -> None:
    trial = Trial()
    used(trial, way(0.0020, 0.02), way(0.0016, 0.02), blocks=100)

    ways = used(trial, way(0.0010, 0.01), way(0.0016, 0.02), blocks=LONGEST + 50)

    assert not any(ways[-30:])


def test_trials_that_find_what_was_found_before_become_rare() -> None:
    trial = Trial()
    used(trial, way(0.0016, 0.02), way(0.0020, 0.02), blocks=200)

    ways = used(trial, way(0.0016, 0.02), way(0.0020, 0.02), blocks=4 * LONGEST)

    assert sum(ways) <= 4 * 2


def test_a_load_that_changes_is_tried_soon() -> None:
    trial = Trial()
    used(trial, way(0.0016, 0.02), way(0.0020, 0.02), blocks=200)

    ways = used(trial, way(0.0080, 0.02), way(0.0040, 0.02), blocks=12)

    assert ways[-1]


def test_noise_is_no_reason_to_change() -> None:
    ways = used(Trial(), way(0.002, 0.02, noise=0.5), way(0.002, 0.02, noise=0.5), blocks=500)

    assert sum(ways) < 0.25 * len(ways)


def test_a_gap_in_which_nobody_sends_settles_nothing() -> None:
    trial, seconds = Trial(), iter([0.002] * 55 + [60.0] + [0.002] * 10_000)

    ways = used(trial, lambda: (next(seconds), 0.02), lambda: (next(seconds), 0.02), blocks=200)

    assert sum(ways) < 0.25 * len(ways)


@pytest.mark.parametrize("lone", [1, 2], ids=["the lone one first", "the lone one last"])
def test_bursts_of_a_few_rounds_each_are_not_taken_for_a_rate(lone: int) -> None:
    trial, rounds = Trial(), 0
    for _ in range(1000):
        trial.want()
        if trial.is_second:  # a burst is served whole
            trial.note(16, seconds=0.100, stay=16 * 0.012)
        elif (rounds := rounds + 1) % 2 == lone % 2:  # or a lone one of it first
            trial.note(1, seconds=0.090, stay=0.011)
        else:
            trial.note(15, seconds=0.010, stay=15 * 0.020)

    assert trial.is_second


def test_a_trial_that_finds_no_difference_leaves_what_was_found_before() -> None:
    trial = Trial()
    used(trial, way(0.0020, 0.02), way(0.0016, 0.02), blocks=30)
    assert trial.is_second

    noise = 0.5  # a machine that others use as well
    ways = used(trial, way(0.0020, 0.02, noise=noise), way(0.0016, 0.02, noise=noise), blocks=200)

    assert sum(ways) > 0.7 * len(ways)
