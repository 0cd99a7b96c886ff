"""An engine that raises, loses jobs or gives what nobody asked for; a card that has failed."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from batcher.engines import lost_device
from batcher.engines.engine import Done, StepStats
from batcher.engines.failures import LOST
from batcher.serving import model_thread
from broker.common.numbers.finite import NOT_FINITE
from tests.conftest import FakeClock
from tests.toy_engine import ToyEngine
from tests.unit.batcher.stepped_thread import Card


@pytest.fixture
def card(clock: FakeClock) -> Card:
    return Card(clock)


def test_an_engine_that_raises_gives_up_what_is_in_flight_and_lives_on(
    card: Card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_thread, "PAUSE", 0.0)

    def trip(texts: list[str]) -> None:
        assert "1 trips" not in texts

    card.before_step = trip
    with capture_logs() as lines:
        card.thread.turn([card.batch("a", "1 trips", "9 innocent")])
        card.thread.turn([card.batch("b", "1 fine")])

    assert [line["requests"] for line in lines] == [["of a"]]
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
    gone.take_turn()

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
    with capture_logs() as lines:
        for _ in range(model_thread.IDLE_STEPS + 1):
            lossy.thread.turn([])

    assert [(line["jobs"], line["requests"]) for line in lines] == [(["a0"], ["of a"])]
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

    with capture_logs() as lines:
        card.thread.turn([card.batch("a", "1 x")])

    assert [(line["event"], line["job"], line["request_id"]) for line in lines] == [("job failed", "a0", "of a")]
    assert [one.done.failure and one.done.failure.message for one in card.left if one.done] == [NOT_FINITE]


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
