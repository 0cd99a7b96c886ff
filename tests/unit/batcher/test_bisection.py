"""The cause is found alone, the others go free, and a broken model is seen soon."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from math import ceil, log2

import pytest

from batcher.engines.bisection import Bisection
from broker.messages import Job


@dataclass
class Item:
    job: Job


def items(count: int) -> list[Item]:
    return [Item(Job(id=str(number), front_end="f", input=None)) for number in range(count)]


def ids(group: Sequence[Item]) -> list[str]:
    return [item.job.id for item in group]


def searched(jobs: int, causes: Collection[str]) -> tuple[list[str], int]:
    """(who was lost, groups that ran): each group that holds a cause raises, each other is answered."""
    search = Bisection[Item]()
    lost = search.open(items(jobs))
    for ran in range(1000):
        if not search:
            return sorted(ids(lost)), ran
        group = search.next_group()
        assert group, "a search that goes on has a group to run"
        if any(item.job.id in causes for item in group):
            lost += search.open(group)
        else:
            search.ended(ids(group))
    raise AssertionError("the search never ends")


@pytest.mark.parametrize("jobs", [1, 2, 3, 8, 37, 64])
@pytest.mark.parametrize("place", [0, -1])
def test_one_cause_is_found(jobs: int, place: int) -> None:
    cause = str(range(jobs)[place])

    lost, ran = searched(jobs, {cause})

    assert lost == [cause]
    assert ran <= 2 * ceil(log2(jobs))


@pytest.mark.parametrize("causes", [{"0", "1"}, {"5", "6", "30"}, {"63", "0"}], ids=lambda some: "-".join(sorted(some)))
def test_several_causes_are_found(causes: set[str]) -> None:
    assert searched(64, causes)[0] == sorted(causes)


def test_without_a_cause_nobody_is_lost() -> None:
    assert searched(16, ()) == ([], 2)


@pytest.mark.parametrize("jobs", [1, 2, 16, 64])
def test_when_all_fails_all_are_lost_after_few_tries(jobs: int) -> None:
    everybody = [str(number) for number in range(jobs)]

    lost, ran = searched(jobs, everybody)

    assert lost == sorted(everybody)
    assert ran <= 2 * ceil(log2(jobs)) + 1


def test_a_group_runs_alone_until_all_of_it_are_back() -> None:
    search = Bisection[Item]()
    search.open(items(4))
    group = search.next_group()
    assert ids(group) == ["0", "1"] and len(search) == 2

    search.ended({"0"})
    assert search.next_group() == ()
    search.ended({"1"})

    assert ids(search.next_group()) == ["2", "3"]
    assert search and len(search) == 0


def test_strangers_that_end_change_nothing() -> None:
    search = Bisection[Item]()
    search.open(items(2))
    search.next_group()

    search.ended({"a stranger"})

    assert search.next_group() == ()


def test_who_is_dropped_is_not_searched() -> None:
    search = Bisection[Item]()
    search.open(items(4))
    search.next_group()

    search.drop({"0", "1", "3"})

    assert ids(search.next_group()) == ["2"]


def test_when_everybody_is_dropped_the_search_is_over() -> None:
    search = Bisection[Item]()
    search.open(items(4))
    search.next_group()

    search.drop({"0", "1", "2", "3"})

    assert not search
    assert search.next_group() == ()


def test_a_new_search_forgets_the_last() -> None:
    search = Bisection[Item]()
    for _ in range(20):
        assert ids(search.open(items(1))) == ["0"]
        assert not search


def test_a_batch_that_was_cut_from_the_start_is_searched_as_one() -> None:
    first, second = items(4)[:2], items(4)[2:]
    search = Bisection([first, second])

    assert ids(search.next_group()) == ["0", "1"]
    search.ended({"0", "1"})
    assert ids(search.next_group()) == ["2", "3"]
    search.ended({"2", "3"})

    assert not search


def test_as_many_failures_without_an_answer_as_its_size_allows_and_all_of_it_are_lost() -> None:
    search = Bisection([items(8)[:4], items(8)[4:]])

    lost = [search.open(search.next_group()) for _ in range(8)]  # 2 · log₂ 8 + 2

    assert [len(one) for one in lost[:-1]] == [0, 0, 1, 1, 0, 1, 1]
    assert not search
    assert sorted(ids([item for one in lost for item in one])) == ids(items(8))


def test_a_failure_that_is_an_answer_does_not_count() -> None:
    search = Bisection([[item] for item in items(8)])

    lost = [search.open(search.next_group(), says_broken=False) for _ in range(8)]

    assert [ids(one) for one in lost] == [[str(number)] for number in range(8)]


def test_what_did_not_fit_is_cut_anew_with_all_that_wait_and_none_of_them_are_joined() -> None:
    search = Bisection([items(7)[:4], items(7)[4:6], items(7)[6:]])

    lost = search.repack(search.next_group(), lambda group: [group[at : at + 3] for at in range(0, len(group), 3)])

    assert lost == []
    groups = []
    while group := search.next_group():
        groups.append(ids(group))
        search.ended(ids(group))
    assert groups == [["0", "1", "2"], ["3"], ["4", "5"], ["6"]]
