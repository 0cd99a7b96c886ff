"""Which sequences wait for a slot, and when they join: together, oldest first, and soon."""

from __future__ import annotations

from array import array
from collections import abc

import pytest

from batcher.models.translation.inputs import TranslationInput
from batcher.models.translation.scheduler import MOST_STEPS_WAITED, Scheduler
from batcher.models.translation.sequence import Sequence
from broker.messages import Job


def sequences(*tokens: int, first: int = 0) -> list[Sequence]:
    """One for each number of source tokens."""
    return [
        Sequence(
            job=Job(id=str(first + place), front_end="f", input=None),
            input=TranslationInput(source=array("i", [5] * count), pieces=array("i"), target=64, limit=9),
            beams=1,
        )
        for place, count in enumerate(tokens)
    ]


def waiting(*tokens: int) -> Scheduler:
    queue = Scheduler()
    queue.add(sequences(*tokens))
    return queue


def ids(some: abc.Iterable[Sequence]) -> list[str]:
    return [sequence.job.id for sequence in some]


def schedule(queue: Scheduler, *, running: int = 0, slots: int = 64, budget: int = 512) -> list[str]:
    return ids(queue.schedule(running=running, slots=slots, budget=budget, fits=lambda sequence: True))


@pytest.mark.parametrize(
    ("tokens", "running", "joins"),
    [
        pytest.param([], 0, False, id="nothing waits"),
        pytest.param([9], 0, True, id="one joins where nothing runs"),
        pytest.param([9], 20, False, id="one waits for others while some run"),
        pytest.param([9] * 7, 20, False, id="seven of 64 wait"),
        pytest.param([9] * 8, 20, True, id="an eighth of the slots joins"),
        pytest.param([511], 20, False, id="a text below the budget waits"),
        pytest.param([256, 256], 20, True, id="texts that fill the budget do not"),
    ],
)
def test_when_they_join(tokens: list[int], running: int, joins: bool) -> None:
    assert bool(schedule(waiting(*tokens), running=running)) is joins


def test_a_sequence_waits_for_others_for_a_few_steps_only() -> None:
    queue = waiting(9)

    for _ in range(MOST_STEPS_WAITED - 1):
        queue.count_step()
    assert schedule(queue, running=20) == []
    queue.count_step()
    assert schedule(queue, running=20) == ["0"]


def test_the_oldest_go_first_and_the_others_stay_in_order() -> None:
    queue = waiting(9, 9, 9, 9)

    assert schedule(queue, slots=2) == ["0", "1"]
    assert ids(queue) == ["2", "3"]


def test_texts_beyond_the_budget_wait_while_shorter_ones_may_go() -> None:
    queue = waiting(300, 300, 200)

    assert schedule(queue) == ["0", "2"]
    assert schedule(queue) == ["1"]


def test_a_text_larger_than_the_budget_goes_alone() -> None:
    assert schedule(waiting(1000, 9)) == ["0"]


@pytest.mark.parametrize("running", [20, 23])
def test_without_a_free_slot_none_joins(running: int) -> None:
    queue = waiting(*[9] * 20)

    assert schedule(queue, running=running, slots=20) == []
    assert len(queue) == 20


def test_one_that_does_not_fit_lets_the_next_pass() -> None:
    queue = waiting(9, 9, 9)

    taken = queue.schedule(running=0, slots=64, budget=512, fits=lambda sequence: sequence.job.id != "1")

    assert (ids(taken), ids(queue)) == (["0", "2"], ["1"])


def test_sequences_that_are_put_back_are_first_and_as_if_new() -> None:
    queue = waiting(9, 9)
    back = sequences(9, 9, first=7)
    back[0].steps = back[0].steps_waited = 5

    queue.put_back(back)

    assert ids(queue) == ["7", "8", "0", "1"]
    assert (back[0].steps, back[0].steps_waited) == (0, 0)


def test_a_dropped_sequence_waits_no_more() -> None:
    queue = waiting(9, 9, 9)

    queue.drop({"1", "unknown"})

    assert ids(queue) == ["0", "2"] and len(queue) == 2
