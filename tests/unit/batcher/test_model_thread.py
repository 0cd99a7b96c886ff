"""The turns of an in-flight engine's thread, one at a time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from batcher.engines.engine import Done, LiveLimits, StepStats
from batcher.engines.failures import LOST
from batcher.metrics import BatcherMetrics
from batcher.serving import lost_device, model_thread
from batcher.serving.batch import Batch
from batcher.serving.model_thread import ModelThread
from batcher.serving.report import Report
from broker.common.numbers import NOT_FINITE
from broker.messages import Claim, Job, Limits
from tests.conftest import FakeClock
from tests.toy_engine import ToyEngine


class Gone(NamedTuple):
    """A job that left the engine; without an outcome where nobody waits for it or the engine has lost it."""

    batch: str
    job_id: str
    done: Done | None
    is_abandoned: bool
    seconds: float
    steps: int
    beside: int


@dataclass
class Card:
    """A thread that turns when it is told to, and what it said."""

    clock: FakeClock
    before_step: Callable[[list[str]], None] = lambda texts: None
    joins: bool = True
    cancelled: frozenset[str] = frozenset()
    reports: list[Report] = field(default_factory=list)
    steps: list[list[str]] = field(default_factory=list)
    started: list[str] = field(default_factory=list)
    metrics: BatcherMetrics = field(default_factory=lambda: BatcherMetrics("toy"))

    def __post_init__(self) -> None:
        self.engine = ToyEngine(before_step=self._on_step)
        self.thread = ModelThread(
            self.engine,
            joins=self.joins,
            report=self._report,
            cancelled=lambda: self.cancelled,
            tell_start=self.started.append,
            progress=lambda: None,
            metrics=self.metrics,
            clock=self.clock,
        )

    @property
    def rows(self) -> float | None:
        """In flight, as the metrics say."""
        return self.metrics.registry.get_sample_value("jitney_rows_in_flight", {"model": "toy"})

    def _on_step(self, texts: list[str]) -> None:
        self.steps.append(texts)
        self.clock.tick(1.0)  # a step takes a second
        self.before_step(texts)

    def _report(self, report: Report) -> None:
        self.reports.append(report)

    @property
    def left(self) -> list[Gone]:
        """Who has left, one by one."""
        return [
            Gone(left.batch, id, outcomes.get(id), id in left.abandoned, left.seconds, left.steps, left.beside)
            for report in self.reports
            for left in report.left
            if (outcomes := {one.job_id: one for one in left.done}) is not None
            for id in (*outcomes, *left.unwanted, *left.abandoned)
        ]

    def batch(self, name: str, *texts: str, deadline: float = 1e9, is_staged: bool = False) -> Batch:
        jobs = [Job(id=f"{name}{at}", front_end="f", input=text, deadline=deadline) for at, text in enumerate(texts)]
        claim = Claim(batch=name, jobs=jobs, claimed=5.0)
        return Batch(claim=claim, claimed_at=self.clock.now, is_staged=is_staged)


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


def test_the_metrics_say_how_many_fly_during_a_step_and_that_none_does_on_an_idle_card(card: Card) -> None:
    seen = []
    card.before_step = lambda texts: seen.append(card.rows)

    card.thread.turn([card.batch("a", "1 x", "2 y")])
    card.thread.turn([])

    assert (seen, card.rows) == ([2.0, 1.0], 0.0)


def test_the_metrics_say_that_none_flies_when_the_last_one_is_dropped(card: Card) -> None:
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


def test_a_batch_that_has_gone_back_to_the_queue_is_not_computed(card: Card) -> None:
    batch = card.batch("a", "1 x", is_staged=True)
    batch.running.cancel()

    card.thread.turn([batch])

    assert (card.steps, card.left, card.started) == ([], [], [])


# A lease that ran out while its batch had not started sends the jobs to the queue, and this card may claim them again.
def test_a_job_that_is_in_flight_already_is_not_computed_twice_and_lands_in_its_new_lease(card: Card) -> None:
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


def test_an_engine_that_raises_gives_up_what_is_in_flight_and_lives_on(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)

    def trip(texts: list[str]) -> None:
        assert "1 trips" not in texts

    card.before_step = trip
    card.thread.turn([card.batch("a", "1 trips", "9 innocent")])
    card.thread.turn([card.batch("b", "1 fine")])

    assert [(one.job_id, one.is_abandoned) for one in card.left] == [("a0", True), ("a1", True), ("b0", False)]


def test_an_engine_that_wants_the_process_to_exit_has_failed_like_any_other(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)

    def leave(texts: list[str]) -> None:
        raise SystemExit(0)

    card.before_step = leave
    card.thread.turn([card.batch("a", "1 x")])

    assert [(one.job_id, one.is_abandoned) for one in card.left] == [("a0", True)]


# Once handed over again it would have failed every later turn: a cancelled batch cannot be told so twice.
def test_a_batch_that_went_back_to_the_queue_beside_a_failing_engine_is_not_handed_over_again(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)
    gone, bad = card.batch("gone", "1 x"), card.batch("a", "no number of steps")
    gone.running.cancel()

    card.thread.turn([bad, gone])
    card.thread.turn([gone, card.batch("b", "no number of steps")])
    card.thread.hand(card.batch("c", "1 fine"))

    assert [batch.id for batch in card.thread._next() or []] == ["c"]


class Lossy(ToyEngine):
    """Forgets a job whose text ends in `lost`."""

    def step(self) -> list[Done]:
        done = super().step()
        self.last = StepStats(groups=1, tokens=len(self._jobs) + len(done))
        self.drop([id for id, job in self._jobs.items() if job.input.endswith("lost")])
        return done


@pytest.fixture
def lossy(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> Card:
    monkeypatch.setattr(model_thread, "IDLE_PAUSE", 0.0)
    card = Card(clock)
    card.thread._engine = Lossy(before_step=card._on_step)
    return card


def test_jobs_that_the_engine_has_lost_fail_once_it_has_nothing_else_to_do(lossy: Card) -> None:
    lossy.thread.turn([lossy.batch("a", "5 lost", "2 x")])
    for _ in range(model_thread.IDLE_STEPS + 1):
        lossy.thread.turn([])

    failed = {one.job_id: one.done.failure.message for one in lossy.left if one.done and one.done.failure}
    assert failed == {"a0": LOST}
    assert len(lossy.left) == 2
    assert not lossy.thread._rows


def test_an_engine_that_decodes_for_long_without_an_outcome_has_lost_nothing(lossy: Card) -> None:
    lossy.thread.turn([lossy.batch("a", f"{2 * model_thread.IDLE_STEPS} long")])
    for _ in range(2 * model_thread.IDLE_STEPS):
        lossy.thread.turn([])

    assert [one.done.failure for one in lossy.left if one.done] == [None]


def test_an_engine_that_holds_jobs_and_computes_nothing_is_not_asked_without_a_pause(
    lossy: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(model_thread.time, "sleep", slept.append)
    monkeypatch.setattr(lossy.thread._engine, "step", lambda: [])
    monkeypatch.setattr(lossy.thread._engine, "last", StepStats())

    lossy.thread.turn([lossy.batch("a", "5 held")])
    for _ in range(model_thread.IDLE_STEPS + 1):
        lossy.thread.turn([])

    assert len(slept) == model_thread.IDLE_STEPS + 2
    assert not lossy.left


def test_outcomes_of_unknown_jobs_and_second_ones_are_nobodys(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    step = card.engine.step
    monkeypatch.setattr(card.engine, "step", lambda: [Done(job_id="?", output="x"), *(done := step()), *done])

    card.thread.turn([card.batch("a", "1 x", "2 y")])
    card.thread.turn([])

    assert [one.job_id for one in card.left] == ["a0", "a1"]


def test_an_output_with_a_number_that_is_not_finite_is_a_failure(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(card.engine, "_done", lambda job: Done(job_id=job.id, output=[1.0, float("nan")]))

    card.thread.turn([card.batch("a", "1 x")])

    assert [one.done.failure and one.done.failure.message for one in card.left if one.done] == [NOT_FINITE]


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


def test_a_card_that_fails_ends_the_process_and_no_job_fails(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(why: str) -> None:
        raise KeyboardInterrupt(why)

    def fail(texts: list[str]) -> None:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    monkeypatch.setattr(lost_device, "end_process", ended)
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)
    card.before_step = fail
    card.thread.turn([card.batch("a", "1 x")])

    assert [one.done for one in card.left] == [None]


def test_a_batch_that_had_not_started_when_the_engine_failed_starts_afterwards(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)
    first, second = card.batch("a", "no number of steps"), card.batch("b", "1 fine")

    card.thread.turn([first, second])
    card.thread.turn(card.thread._next() or [])

    assert [(one.job_id, one.is_abandoned) for one in card.left] == [("a0", True), ("b0", False)]
