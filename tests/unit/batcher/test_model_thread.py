"""The turns of the model's thread, one at a time: who joins, who leaves, and what is reported."""

from __future__ import annotations

import sys

import pytest

from batcher.engines.engine import LiveLimits
from broker.messages import Claim, Limits
from tests.conftest import FakeClock
from tests.unit.batcher.stepped_thread import Card


@pytest.fixture
def card(clock: FakeClock) -> Card:
    return Card(clock)


def test_a_batch_joins_those_in_flight_and_each_job_leaves_when_it_is_done(card: Card) -> None:
    card.thread.turn([card.batch("a", "3 long")])
    card.thread.turn([card.batch("b", "1 short")])
    card.thread.turn([])

    assert card.steps == [["3 long"], ["3 long", "1 short"], ["3 long"]]
    assert [one.job_id for one in card.left] == ["b0", "a0"]


def test_who_leaves_says_how_long_it_stayed_and_beside_how_many(card: Card) -> None:
    card.thread.turn([card.batch("a", "4 long")])
    card.thread.turn([])
    card.thread.turn([card.batch("b", "2 x", "2 y")])
    card.thread.turn([])

    said = {one.job_id: (one.seconds, one.steps, one.beside) for one in card.left}

    assert said == {"a0": (4.0, 4, 3), "b0": (2.0, 2, 3), "b1": (2.0, 2, 3)}


def test_a_report_says_what_the_steps_since_the_last_one_took_and_carried(card: Card) -> None:
    card.thread.turn([card.batch("a", "1 x", "2 y")])
    card.thread.turn([card.batch("b", "2 z")])
    card.thread.turn([])

    assert [(report.step, report.jobs) for report in card.reports] == [(1.0, 2.0), (1.0, 2.0), (1.0, 1.0)]


def test_the_metrics_say_how_many_run_during_a_step_and_that_none_does_on_an_idle_card(card: Card) -> None:
    seen = []
    card.before_step = lambda texts: seen.append(card.rows)

    card.thread.turn([card.batch("a", "1 x", "2 y")])
    card.thread.turn([])

    assert (seen, card.rows) == ([2.0, 1.0], 0.0)


def test_the_metrics_say_that_none_runs_when_the_last_one_is_dropped(card: Card) -> None:
    card.thread.turn([card.batch("a", "9 gone")])
    card.cancelled = frozenset({"a0"})
    card.thread.turn([])

    assert card.rows == 0.0


def test_what_an_engine_takes_at_all_counts_those_in_flight_and_only_a_smaller_one_is_a_bound(card: Card) -> None:
    card.thread.turn([card.batch("a", "1 x", "3 y")])
    as_it_was_made = card.thread.capacity
    card.engine.slots = 8
    card.thread.turn([])

    assert (as_it_was_made, card.thread.capacity) == (sys.maxsize, 8)


def test_batch_by_batch_the_next_one_starts_when_all_of_the_last_have_left(clock: FakeClock) -> None:
    card = Card(clock, joins=False)
    for batch in (card.batch("a", "2 x", "1 y"), card.batch("b", "1 z")):
        card.thread.hand(batch)

    for _ in range(3):
        card.thread.turn(card.thread._next() or [])

    assert card.steps == [["2 x", "1 y"], ["2 x"], ["1 z"]]


def test_a_job_whose_deadline_passes_in_flight_leaves_before_the_next_step(card: Card) -> None:
    card.thread.turn([card.batch("a", "9 late", deadline=6.5), card.batch("b", "9 early")])  # claimed at 5.0
    card.thread.turn([])
    card.thread.turn([])

    assert [len(texts) for texts in card.steps] == [2, 2, 1]
    assert [(one.job_id, one.done) for one in card.left] == [("a0", None)]


def test_a_cancelled_job_leaves_before_the_next_step(card: Card) -> None:
    card.thread.turn([card.batch("a", "9 gone", "9 kept")])
    card.cancelled = frozenset({"a0", "of another batcher"})
    card.thread.turn([])

    assert card.steps == [["9 gone", "9 kept"], ["9 kept"]]
    assert [(one.job_id, one.done) for one in card.left] == [("a0", None)]


def test_a_job_that_nobody_waits_for_when_its_batch_starts_is_not_computed(card: Card) -> None:
    card.cancelled = frozenset({"a0"})

    card.thread.turn([card.batch("a", "1 gone")])

    assert card.steps == []
    assert [(one.job_id, one.done) for one in card.left] == [("a0", None)]


def test_a_staged_batch_is_told_to_have_started_before_its_first_step_and_another_is_not(card: Card) -> None:
    told: list[str] = []
    card.before_step = lambda texts: told.extend(card.started)

    card.thread.turn([card.batch("a", "1 x"), card.batch("b", "1 poison", is_staged=True)])

    assert told == ["b"]


def test_what_has_left_is_reported_when_the_next_batch_has_started_and_before_its_step(clock: FakeClock) -> None:
    card = Card(clock, joins=False)
    seen: list[tuple[list[str], list[str]]] = []
    card.before_step = lambda texts: seen.append((list(card.started), [one.job_id for one in card.left]))
    card.before_start = lambda: seen.append((["start"], [one.job_id for one in card.left]))
    for name in ("a", "b"):
        card.thread.hand(card.batch(name, "1 x", is_staged=True))

    for _ in range(2):
        card.thread.turn(card.thread._next() or [])

    assert seen == [(["start"], []), (["a"], []), (["start"], []), (["a", "b"], ["a0"])]
    assert [one.job_id for one in card.left] == ["a0", "b0"]


def test_a_thread_that_is_told_to_stop_reports_what_has_left(clock: FakeClock) -> None:
    card = Card(clock, joins=False)
    card.thread.hand(card.batch("a", "1 x"))
    card.thread.stop()

    card.thread.run()

    assert [one.job_id for one in card.left] == ["a0"]


def test_a_batch_that_has_gone_back_to_the_queue_is_not_computed(card: Card) -> None:
    batch = card.batch("a", "1 x", is_staged=True)
    batch.take_turn()

    card.thread.turn([batch])

    assert (card.steps, card.left, card.started) == ([], [], [])


# A lease that ran out while its batch had not started sends the jobs to the queue, and this card may claim them again.
def test_a_job_that_is_in_flight_already_is_not_computed_twice_and_ends_in_its_new_lease(card: Card) -> None:
    again = card.batch("a", "2 x bad", "1 y")
    again.claim = Claim(batch="again", jobs=again.claim.jobs, claimed=5.0)

    card.thread.turn([card.batch("a", "2 x bad")])
    card.thread.turn([again])

    assert card.steps == [["2 x bad"], ["2 x bad", "1 y"]]
    said = [(one.batch, one.job_id, one.done is None) for one in card.left]
    assert said == [("a", "a0", True), ("again", "a0", False), ("again", "a1", False)]


def test_a_job_that_was_claimed_again_and_that_nobody_waits_for_leaves_both_leases(card: Card) -> None:
    again = card.batch("a", "2 x")
    again.claim = Claim(batch="again", jobs=again.claim.jobs, claimed=5.0)

    card.thread.turn([card.batch("a", "2 x")])
    card.cancelled = frozenset({"a0"})
    card.thread.turn([again])

    assert [(one.batch, one.job_id, one.done) for one in card.left] == [("a", "a0", None), ("again", "a0", None)]


def test_live_limits_reach_the_engine_between_two_steps_and_only_there(clock: FakeClock) -> None:
    seen: list[int] = []
    card = Card(clock)
    live = [Limits(), Limits()]
    card.thread._live = LiveLimits(card.engine, lambda: live[-1])

    def step(texts: list[str]) -> None:
        live.append(Limits(max_batch_size=8, version=1))
        seen.append(card.engine.max_size)

    card.before_step = step
    card.thread.turn([card.batch("a", "3 x")])
    card.thread.turn([])

    assert seen == [64, 8]
