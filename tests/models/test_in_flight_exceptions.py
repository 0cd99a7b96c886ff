"""In flight, exceptions: only the bad jobs fail, and all others are answered as if nothing had happened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from batcher.engines.failures import BROKEN, FAILED
from broker.messages import FailureCode, Job
from tests.models.failing import ALWAYS, BAD, FailingCall, World, decodes_bad, encodes_bad, fail, with_bad, without
from tests.models.in_flight import LANGUAGES, engine_of, failures, finish, jobs_of, numbered, outputs, run_all
from tests.models.oracle import source


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def fail_at(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FailingCall]:
    return partial(fail, world, monkeypatch)


@pytest.mark.parametrize(("where", "fails_on"), [("encode", encodes_bad), ("decode", decodes_bad)])
@pytest.mark.parametrize("places", [(17,), (0, 63), (4, 5, 40)], ids=str)
def test_only_the_bad_jobs_fail(world: World, fail_at: Any, where: str, fails_on: Any, places: tuple[int, ...]) -> None:
    failing = fail_at(where, fails_on)
    engine = engine_of(world.model)

    done = run_all(engine, with_bad(world.rows, *places))

    assert failures(done) == {str(place): (FailureCode.MODEL_ERROR, FAILED) for place in places}
    assert outputs(done) == without(world.answers, *places)
    assert failing.raised <= 14 * len(places)
    assert engine.room() == engine.max_size


def test_a_job_that_ended_in_the_step_that_raised_is_answered(world: World, fail_at: Any) -> None:
    longer = [row | {"source": source(LANGUAGES[0], [5] * 90)} for row in world.rows[1:3]]
    rows = [world.rows[0], *longer]
    expected = numbered(world.model.forward(rows))
    engine = engine_of(world.model)
    # The short text's group has its turn first. In the step in which its row ends the others' turn raises.
    failing = fail_at("logits", lambda hidden: not failing.raised and len(hidden) == 2 and len(engine._groups) == 2)

    done = run_all(engine, rows)

    assert failing.raised == 1
    assert outputs(done) == expected
    assert engine.room() == engine.max_size


def test_a_text_that_cannot_be_encoded_holds_up_no_job_that_is_decoded(world: World, fail_at: Any) -> None:
    engine = engine_of(world.model)
    engine.admit(jobs_of(world.rows[:20]))
    while len(engine._groups) < 20:
        engine.step()
    fail_at("encode", encodes_bad)
    bad = [Job(id="bad", front_end="f", input=with_bad(world.rows[:1], 0)[0])]

    engine.admit([*bad, *(Job(id=f"new {n}", front_end="f", input=row) for n, row in enumerate(world.rows[20:24]))])
    done = [one for _ in range(8) for one in engine.step()]

    assert [one.job_id for one in done if one.failure is not None] == ["bad"]
    assert len(engine._groups) + sum(one.failure is None for one in done) == 24
    assert engine.room() > 0


@pytest.mark.parametrize("where", ["encode", "decode"])
def test_a_bad_job_that_comes_late_fails_alone(world: World, fail_at: Any, where: str) -> None:
    fail_at(where, {"encode": encodes_bad, "decode": decodes_bad}[where])
    engine = engine_of(world.model)
    jobs = jobs_of(with_bad(world.rows, 40))
    engine.admit(jobs[:40])
    done = {one.job_id: one for _ in range(6) for one in engine.step()}

    engine.admit(jobs[40:])
    done |= finish(engine, {job.id for job in jobs} - done.keys())

    assert failures(done).keys() == {"40"}
    assert outputs(done) == without(world.answers, 40)


@pytest.mark.parametrize("where", ["encode", "decode"])
def test_a_broken_model_fails_all_jobs_soon(world: World, fail_at: Any, where: str) -> None:
    failing = fail_at(where, ALWAYS)
    engine = engine_of(world.model)

    done = run_all(engine, world.rows)

    assert set(failures(done).values()) <= {(FailureCode.MODEL_ERROR, BROKEN), (FailureCode.MODEL_ERROR, FAILED)}
    assert len(failures(done)) == 64
    assert failing.raised <= 40
    assert engine.room() == engine.max_size


def test_jobs_that_joined_before_another_failed_to_come_back_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = engine_of(world.model)
    failing = FailingCall(engine._groups.join, lambda sequence: sequence.input.target == BAD, ZeroDivisionError())
    monkeypatch.setattr(engine._groups, "join", failing)

    jobs = jobs_of(with_bad(world.rows, 5))
    engine.admit(jobs)
    assert engine.step() == []

    engine.drop({"0"})

    done = finish(engine, {job.id for job in jobs} - {"0"})
    assert failures(done).keys() == {"5"}
    assert outputs(done) == without(world.answers, 0, 5)
    assert engine.room() == engine.max_size


def test_no_job_joins_during_a_bisection(world: World, fail_at: Any) -> None:
    fail_at("decode", decodes_bad)
    engine = engine_of(world.model, max_size=32)
    engine.admit(jobs_of(with_bad(world.rows[:8], 3)))
    rooms = [engine.room()]

    while not (done := engine.step()):
        rooms.append(engine.room())

    assert rooms[0] == 24 and set(rooms[3:]) == {0}
    assert done


def test_a_suspect_that_is_dropped_does_not_come_back(world: World, fail_at: Any) -> None:
    fail_at("decode", decodes_bad)
    engine = engine_of(world.model)
    jobs = jobs_of(with_bad(world.rows[:8], 3))
    engine.admit(jobs)
    while not engine._decode_bisection:
        engine.step()

    engine.drop({"3", "1"})

    done = finish(engine, {job.id for job in jobs} - {"3", "1"})
    assert outputs(done) == {id: answer for id, answer in world.answers.items() if id in done}
    assert engine.room() == engine.max_size


def test_a_failure_does_not_tell_what_the_error_said(world: World, fail_at: Any) -> None:
    fail_at("decode", ALWAYS, ValueError("the text of somebody"))

    done = run_all(engine_of(world.model), world.rows[:1])

    assert failures(done) == {"0": (FailureCode.MODEL_ERROR, FAILED)}


def test_the_stats_say_what_a_step_did(world: World, fail_at: Any) -> None:
    fail_at("decode", decodes_bad)
    engine = engine_of(world.model)
    engine.admit(jobs_of(with_bad(world.rows[:4], 0)))

    stats = [(engine.step(), engine.last)[1] for _ in range(2)]

    assert [one.failed for one in stats] == [0, 1]
    assert stats[0].groups == 2, "one encoding and one decoding"
    assert stats[0].tokens == sum(len(job.input["source"]) for job in jobs_of(with_bad(world.rows[:4], 0))) + 4
