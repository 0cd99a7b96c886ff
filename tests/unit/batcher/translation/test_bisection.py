"""Trials: the guilty are found alone, the others go free, and a broken model is seen soon."""

from __future__ import annotations

from collections.abc import Collection
from math import ceil, log2

import pytest

from batcher.models.translation.bisection import Trials
from batcher.models.translation.sequence import Flight
from tests.unit.batcher.translation.test_sequence import flights, ids


def tried(jobs: int, guilty: Collection[str]) -> tuple[list[str], int]:
    """(who was done for, groups that ran): each group that holds a guilty one raises, each other is answered."""
    trials, lost = Trials(), list[Flight]()
    lost += trials.open(flights(*[9] * jobs))
    for ran in range(1000):
        if not trials:
            return sorted(ids(lost)), ran
        group = trials.next_group()
        assert group, "a search that goes on has a group to run"
        if any(flight.job.id in guilty for flight in group):
            lost += trials.open(group)
        else:
            trials.ended(ids(group))
    raise AssertionError("the search never ends")


@pytest.mark.parametrize("jobs", [1, 2, 3, 8, 37, 64])
@pytest.mark.parametrize("place", [0, -1])
def test_one_guilty_is_found(jobs: int, place: int) -> None:
    guilty = str(range(jobs)[place])

    lost, ran = tried(jobs, {guilty})

    assert lost == [guilty]
    assert ran <= 2 * ceil(log2(jobs))


@pytest.mark.parametrize("guilty", [{"0", "1"}, {"5", "6", "30"}, {"63", "0"}], ids=str)
def test_several_guilty_are_found(guilty: set[str]) -> None:
    assert tried(64, guilty)[0] == sorted(guilty)


def test_nobody_guilty_means_that_nobody_is_done_for() -> None:
    assert tried(16, ()) == ([], 2)


@pytest.mark.parametrize("jobs", [1, 2, 16, 64])
def test_when_all_fails_all_are_done_for_after_few_tries(jobs: int) -> None:
    everybody = [str(number) for number in range(jobs)]

    lost, ran = tried(jobs, everybody)

    assert lost == sorted(everybody)
    assert ran <= 2 * ceil(log2(jobs)) + 1


def test_a_group_runs_alone_until_all_of_it_are_back() -> None:
    trials = Trials()
    trials.open(flights(9, 9, 9, 9))
    group = trials.next_group()
    assert ids(group) == ["0", "1"] and len(trials) == 2

    trials.ended({"0"})
    assert trials.next_group() == ()
    trials.ended({"1"})

    assert ids(trials.next_group()) == ["2", "3"]
    assert trials and len(trials) == 0


def test_strangers_that_end_change_nothing() -> None:
    trials = Trials()
    trials.open(flights(9, 9))
    trials.next_group()

    trials.ended({"a stranger"})

    assert trials.next_group() == ()


def test_who_is_dropped_is_not_tried() -> None:
    trials = Trials()
    trials.open(flights(9, 9, 9, 9))
    trials.next_group()

    trials.drop({"0", "1", "3"})

    assert ids(trials.next_group()) == ["2"]


def test_when_everybody_is_dropped_the_search_is_over() -> None:
    trials = Trials()
    trials.open(flights(9, 9, 9, 9))
    trials.next_group()

    trials.drop({"0", "1", "2", "3"})

    assert not trials
    assert trials.next_group() == ()


def test_who_is_tried_starts_over() -> None:
    trials, suspects = Trials(), flights(9, 9)
    suspects[0].steps = 7

    trials.open(suspects)

    assert suspects[0].steps == 0


def test_a_new_search_forgets_the_last() -> None:
    trials = Trials()
    for _ in range(20):
        assert ids(trials.open(flights(9))) == ["0"]
        assert not trials
