"""In flight, memory and room: what does not fit is answered later, and room grows back."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from batcher.engines.failures import TOO_BIG
from broker.messages import FailureCode
from tests.models.failing import (
    ALWAYS,
    LONGEST,
    FailingCall,
    World,
    decodes_bad,
    encodes_bad,
    fail,
    no_memory,
    rows_above,
    tokens_above,
    with_bad,
    without,
)
from tests.models.in_flight import LANGUAGES, engine_of, failures, finish, jobs_of, outputs, run_all
from tests.models.oracle import source


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def fail_at(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FailingCall]:
    return partial(fail, world, monkeypatch)


@pytest.mark.parametrize(("where", "fails_on"), [("encode", tokens_above(60)), ("decode", rows_above(10))])
def test_jobs_that_do_not_fit_are_answered_later(world: World, fail_at: Any, where: str, fails_on: Any) -> None:
    failing = fail_at(where, fails_on, no_memory())
    engine = engine_of(world.model)

    done = run_all(engine, world.rows)

    assert outputs(done) == world.answers
    assert 0 < failing.raised <= 12
    assert 0 <= engine.room() <= engine.max_size


def test_out_of_memory_lowers_the_rows_at_once(world: World, fail_at: Any) -> None:
    fail_at("decode", rows_above(32), no_memory())
    engine = engine_of(world.model)
    engine.admit(jobs_of(world.rows))

    counts = []
    for _ in range(12):
        engine.step()
        counts.append(engine.last.out_of_memory)
    assert sum(counts) == 1
    assert engine._groups.rows <= 32


def test_rows_that_grow_until_they_do_not_fit_come_to_an_end(world: World, fail_at: Any) -> None:
    # Bounds that grew back with every step, not with every answer, struck the same long rows again and again.
    row = {"source": source(LANGUAGES[2], [9, 9, 9]), "target": LANGUAGES[0]}
    answer = list(world.model.forward([row])[0])
    assert len(answer) == LONGEST - 2
    failing = fail_at("decode", rows_above(10), no_memory())
    engine = engine_of(world.model)

    done = run_all(engine, [row] * 40)

    assert list(outputs(done).values()) == [answer] * 40
    assert failing.raised <= 6


@pytest.mark.parametrize("where", ["encode", "decode"])
def test_one_that_never_fits_fails_as_too_big(world: World, fail_at: Any, where: str) -> None:
    struck: Any = {"encode": encodes_bad, "decode": decodes_bad}[where]
    fail_at(where, struck, no_memory())
    engine = engine_of(world.model)

    done = run_all(engine, with_bad(world.rows, 20))

    assert failures(done) == {"20": (FailureCode.MODEL_ERROR, TOO_BIG)}
    assert outputs(done) == without(world.answers, 20)


def test_without_any_memory_all_fail_soon(world: World, fail_at: Any) -> None:
    failing = fail_at("decode", ALWAYS, no_memory())

    done = run_all(engine_of(world.model), world.rows)

    assert set(failures(done).values()) == {(FailureCode.MODEL_ERROR, TOO_BIG)} and len(done) == 64
    assert failing.raised <= 64 + 7


def test_room_grows_back_when_the_memory_does(world: World, fail_at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as short:
        short.setattr(world.network, "decode", FailingCall(world.network.decode, rows_above(3), no_memory()))
        engine = engine_of(world.model, max_size=8)
        run_all(engine, world.rows[:8])
        assert 1 <= engine.room() <= 3

    short_row = {**world.rows[0], "max_new_tokens": 2}
    for _ in range(140):
        assert outputs(run_all(engine, [short_row])) == {"0": world.answers["0"][:1]}

    assert engine.room() == 8
    assert outputs(run_all(engine, world.rows)) == world.answers


def test_exceptions_and_lack_of_memory_together_leave_no_job_unanswered(world: World, fail_at: Any) -> None:
    fail_at("decode", rows_above(9), no_memory())
    fail_at("encode", encodes_bad)
    engine = engine_of(world.model)

    done = run_all(engine, with_bad(world.rows, 7, 30))

    assert failures(done).keys() == {"7", "30"}
    assert outputs(done) == without(world.answers, 7, 30)


def test_room_is_what_may_still_come(world: World) -> None:
    engine = engine_of(world.model, max_size=16)
    jobs = jobs_of(world.rows)
    missing = set[str]()
    while jobs or missing:
        count = engine.room()
        assert count == 16 - len(missing)
        engine.admit(jobs[:count])
        missing |= {job.id for job in jobs[:count]}
        del jobs[:count]
        missing -= {one.job_id for one in engine.step()}

    assert engine.room() == 16


def test_the_limit_of_rows_may_change_at_any_step(world: World) -> None:
    engine = engine_of(world.model, max_size=32)
    jobs = jobs_of(world.rows)
    engine.admit(jobs[:32])
    engine.step()

    engine.max_size = 4
    assert engine.room() == 0
    done = finish(engine, [job.id for job in jobs[:32]])
    assert engine.room() == 4
    engine.max_size = 50
    assert engine.room() == 50
    engine.admit(jobs[32:])
    done |= finish(engine, [job.id for job in jobs[32:]])

    assert outputs(done) == world.answers


def test_no_more_rows_run_than_the_limit_says(world: World) -> None:
    engine = engine_of(world.model, max_size=6)
    engine.admit(jobs_of(world.rows))
    running = list[int]()

    while engine.room() < 6:
        engine.step()
        running.append(len(engine._groups))

    assert max(running) == 6


def test_the_limit_of_tokens_bounds_what_is_encoded_together(world: World, fail_at: Any) -> None:
    together = list[int]()
    fail_at("encode", lambda sources: together.append(sum(map(len, sources))) is not None)
    engine = engine_of(world.model, max_tokens=60)

    assert outputs(run_all(engine, world.rows)) == world.answers

    assert max(together) <= 60 and sum(together) == sum(len(row["source"]) for row in world.rows)
