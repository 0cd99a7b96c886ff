"""In flight, in trouble: only the guilty fail; who does not fit waits for room, and room comes back."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from batcher.engines.failures import BROKEN, FAILED, TOO_BIG
from batcher.models.spec import LoadedModel
from batcher.models.translation.attention import DecodeState
from broker.messages import FailureCode, Job
from tests.models import tiny
from tests.models.in_flight import (
    LANGUAGES,
    Answers,
    Row,
    engine_of,
    failures,
    finish,
    jobs_of,
    load,
    mixed_rows,
    numbered,
    outputs,
    run_all,
)
from tests.models.oracle import source

GUILTY = LANGUAGES[99]
LONGEST = 120  # tokens of an answer
NO_MEMORY = "DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."


class World:
    def __init__(self, directory: Path) -> None:
        shape = {"max_position_embeddings": 400}
        self.model: LoadedModel = load(tiny.translation(directory, seed=3, max_length=LONGEST, shape=shape))
        rows = mixed_rows(random.Random(3), 100, limits=1.0)
        self.rows = [row for row in rows if GUILTY not in (row["target"], *row["source"])][:64]
        self.answers: Answers = numbered(self.model.forward(self.rows))
        self.network = engine_of(self.model)._network


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tiny"))


class Trap:
    """Raises where `is_struck` says so; counts how often."""

    def __init__(self, computed: Callable[..., Any], is_struck: Callable[[Any], bool], error: Exception) -> None:
        self._computed, self._is_struck, self._error = computed, is_struck, error
        self.raised = self.passed = 0

    def __call__(self, first: Any, *others: Any) -> Any:
        if self._is_struck(first):
            self.raised += 1
            raise self._error
        self.passed += 1
        return self._computed(first, *others)


def no_memory() -> Exception:
    return RuntimeError(NO_MEMORY)


@pytest.fixture
def trap(world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Trap]:
    def set_one(where: str, is_struck: Callable[[Any], bool], error: Exception | None = None) -> Trap:
        one = Trap(getattr(world.network, where), is_struck, error or ZeroDivisionError("secret"))
        monkeypatch.setattr(world.network, where, one)
        return one

    return set_one


def reads(sources: Sequence[Sequence[int]]) -> bool:
    return any(GUILTY in text for text in sources)


def speaks(states: Sequence[DecodeState]) -> bool:
    return any(bool((state.tokens == GUILTY).any()) for state in states)


def tokens_above(limit: int) -> Callable[[Any], bool]:
    return lambda sources: sum(map(len, sources)) > limit


def rows_above(limit: int) -> Callable[[Any], bool]:
    return lambda states: sum(state.rows for state in states) > limit


ALWAYS: Callable[[Any], bool] = lambda _: True  # noqa: E731


def with_guilty(rows: Sequence[Row], *places: int) -> list[Row]:
    """These rows, of which some are guilty: of the language that no other reads or speaks."""
    return [
        {"source": source(GUILTY, [5, 6, 7]), "target": GUILTY} if number in places else row
        for number, row in enumerate(rows)
    ]


def without(answers: Answers, *places: int) -> Answers:
    return {id: answer for id, answer in answers.items() if int(id) not in places}


# Exceptions


@pytest.mark.parametrize(("where", "is_struck"), [("encode", reads), ("decode", speaks)])
@pytest.mark.parametrize("places", [(17,), (0, 63), (4, 5, 40)], ids=str)
def test_only_the_guilty_fail(world: World, trap: Any, where: str, is_struck: Any, places: tuple[int, ...]) -> None:
    trapped = trap(where, is_struck)
    engine = engine_of(world.model)

    done = run_all(engine, with_guilty(world.rows, *places))

    assert failures(done) == {str(place): (FailureCode.MODEL_ERROR, FAILED) for place in places}
    assert outputs(done) == without(world.answers, *places)
    assert trapped.raised <= 14 * len(places)
    assert engine.room() == engine.max_size


def test_who_ended_in_the_step_that_raised_is_told(world: World, trap: Any) -> None:
    longer = [row | {"source": source(LANGUAGES[0], [5] * 90)} for row in world.rows[1:3]]
    rows = [world.rows[0], *longer]
    expected = numbered(world.model.forward(rows))
    engine = engine_of(world.model)
    # The short text's group has its turn first. In the step in which its row ends the others' turn raises.
    trapped = trap("logits", lambda hidden: not trapped.raised and len(hidden) == 2 and len(engine._groups) == 2)

    done = run_all(engine, rows)

    assert trapped.raised == 1
    assert outputs(done) == expected
    assert engine.room() == engine.max_size


def test_a_text_that_cannot_be_encoded_holds_up_nobody_who_is_decoded(world: World, trap: Any) -> None:
    engine = engine_of(world.model)
    engine.admit(jobs_of(world.rows[:20]))
    while len(engine._groups) < 20:
        engine.step()
    trap("encode", reads)
    bad = [Job(id="bad", front_end="f", input=with_guilty(world.rows[:1], 0)[0])]

    engine.admit([*bad, *(Job(id=f"new {n}", front_end="f", input=row) for n, row in enumerate(world.rows[20:24]))])
    done = [one for _ in range(8) for one in engine.step()]

    assert [one.job_id for one in done if one.failure is not None] == ["bad"]
    assert len(engine._groups) + sum(one.failure is None for one in done) == 24
    assert engine.room() > 0


@pytest.mark.parametrize("where", ["encode", "decode"])
def test_a_guilty_one_that_comes_late_fails_alone(world: World, trap: Any, where: str) -> None:
    trap(where, {"encode": reads, "decode": speaks}[where])
    engine = engine_of(world.model)
    jobs = jobs_of(with_guilty(world.rows, 40))
    engine.admit(jobs[:40])
    done = {one.job_id: one for _ in range(6) for one in engine.step()}

    engine.admit(jobs[40:])
    done |= finish(engine, {job.id for job in jobs} - done.keys())

    assert failures(done).keys() == {"40"}
    assert outputs(done) == without(world.answers, 40)


@pytest.mark.parametrize("where", ["encode", "decode"])
def test_a_broken_model_fails_everybody_soon(world: World, trap: Any, where: str) -> None:
    trapped = trap(where, ALWAYS)
    engine = engine_of(world.model)

    done = run_all(engine, world.rows)

    assert set(failures(done).values()) <= {(FailureCode.MODEL_ERROR, BROKEN), (FailureCode.MODEL_ERROR, FAILED)}
    assert len(failures(done)) == 64
    assert trapped.raised <= 40
    assert engine.room() == engine.max_size


def test_who_had_joined_before_another_could_not_comes_back_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = engine_of(world.model)
    trapped = Trap(engine._groups.join, lambda sequence: sequence.input.target == GUILTY, ZeroDivisionError())
    monkeypatch.setattr(engine._groups, "join", trapped)

    jobs = jobs_of(with_guilty(world.rows, 5))
    engine.admit(jobs)
    assert engine.step() == []

    engine.drop({"0"})

    done = finish(engine, {job.id for job in jobs} - {"0"})
    assert failures(done).keys() == {"5"}
    assert outputs(done) == without(world.answers, 0, 5)
    assert engine.room() == engine.max_size


def test_nobody_joins_while_the_guilty_are_sought(world: World, trap: Any) -> None:
    trap("decode", speaks)
    engine = engine_of(world.model, max_size=32)
    engine.admit(jobs_of(with_guilty(world.rows[:8], 3)))
    rooms = [engine.room()]

    while not (done := engine.step()):
        rooms.append(engine.room())

    assert rooms[0] == 24 and set(rooms[3:]) == {0}
    assert done


def test_a_suspect_that_is_dropped_does_not_come_back(world: World, trap: Any) -> None:
    trap("decode", speaks)
    engine = engine_of(world.model)
    jobs = jobs_of(with_guilty(world.rows[:8], 3))
    engine.admit(jobs)
    while not engine._decode_bisection:
        engine.step()

    engine.drop({"3", "1"})

    done = finish(engine, {job.id for job in jobs} - {"3", "1"})
    assert outputs(done) == {id: answer for id, answer in world.answers.items() if id in done}
    assert engine.room() == engine.max_size


def test_a_failure_does_not_tell_what_the_error_said(world: World, trap: Any) -> None:
    trap("decode", ALWAYS, ValueError("the text of somebody"))

    done = run_all(engine_of(world.model), world.rows[:1])

    assert failures(done) == {"0": (FailureCode.MODEL_ERROR, FAILED)}


# Memory


@pytest.mark.parametrize(("where", "is_struck"), [("encode", tokens_above(60)), ("decode", rows_above(10))])
def test_who_does_not_fit_is_answered_later(world: World, trap: Any, where: str, is_struck: Any) -> None:
    trapped = trap(where, is_struck, no_memory())
    engine = engine_of(world.model)

    done = run_all(engine, world.rows)

    assert outputs(done) == world.answers
    assert 0 < trapped.raised <= 12
    assert 0 <= engine.room() <= engine.max_size


def test_out_of_memory_lowers_the_rows_at_once(world: World, trap: Any) -> None:
    trap("decode", rows_above(32), no_memory())
    engine = engine_of(world.model)
    engine.admit(jobs_of(world.rows))

    counts = []
    for _ in range(12):
        engine.step()
        counts.append(engine.last.out_of_memory)
    assert sum(counts) == 1
    assert engine._groups.rows <= 32


def test_rows_that_grow_until_they_do_not_fit_come_to_an_end(world: World, trap: Any) -> None:
    # Bounds that grew back with every step, not with every answer, struck the same long rows again and again.
    row = {"source": source(LANGUAGES[2], [9, 9, 9]), "target": LANGUAGES[0]}
    answer = list(world.model.forward([row])[0])
    assert len(answer) == LONGEST - 2
    trapped = trap("decode", rows_above(10), no_memory())
    engine = engine_of(world.model)

    done = run_all(engine, [row] * 40)

    assert list(outputs(done).values()) == [answer] * 40
    assert trapped.raised <= 6


@pytest.mark.parametrize("where", ["encode", "decode"])
def test_one_that_never_fits_fails_as_too_big(world: World, trap: Any, where: str) -> None:
    struck: Any = {"encode": reads, "decode": speaks}[where]
    trap(where, struck, no_memory())
    engine = engine_of(world.model)

    done = run_all(engine, with_guilty(world.rows, 20))

    assert failures(done) == {"20": (FailureCode.MODEL_ERROR, TOO_BIG)}
    assert outputs(done) == without(world.answers, 20)


def test_without_any_memory_all_fail_soon(world: World, trap: Any) -> None:
    trapped = trap("decode", ALWAYS, no_memory())

    done = run_all(engine_of(world.model), world.rows)

    assert set(failures(done).values()) == {(FailureCode.MODEL_ERROR, TOO_BIG)} and len(done) == 64
    assert trapped.raised <= 64 + 7


def test_room_grows_back_when_the_memory_does(world: World, trap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as short:
        short.setattr(world.network, "decode", Trap(world.network.decode, rows_above(3), no_memory()))
        engine = engine_of(world.model, max_size=8)
        run_all(engine, world.rows[:8])
        assert 1 <= engine.room() <= 3

    short_row = {**world.rows[0], "max_new_tokens": 2}
    for _ in range(140):
        assert outputs(run_all(engine, [short_row])) == {"0": world.answers["0"][:1]}

    assert engine.room() == 8
    assert outputs(run_all(engine, world.rows)) == world.answers


def test_trouble_of_both_kinds_at_once_still_answers_everybody(world: World, trap: Any) -> None:
    trap("decode", rows_above(9), no_memory())
    trap("encode", reads)
    engine = engine_of(world.model)

    done = run_all(engine, with_guilty(world.rows, 7, 30))

    assert failures(done).keys() == {"7", "30"}
    assert outputs(done) == without(world.answers, 7, 30)


def test_what_a_step_did_is_told(world: World, trap: Any) -> None:
    trap("decode", speaks)
    engine = engine_of(world.model)
    engine.admit(jobs_of(with_guilty(world.rows[:4], 0)))

    stats = [(engine.step(), engine.last)[1] for _ in range(2)]

    assert [one.failed for one in stats] == [0, 1]
    assert stats[0].groups == 2, "one encoding and one decoding"
    assert stats[0].tokens == sum(len(job.input["source"]) for job in jobs_of(with_guilty(world.rows[:4], 0))) + 4


# Room


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


def test_the_limit_of_tokens_bounds_what_is_encoded_together(world: World, trap: Any) -> None:
    together = list[int]()
    trap("encode", lambda sources: together.append(sum(map(len, sources))) is not None)
    engine = engine_of(world.model, max_tokens=60)

    assert outputs(run_all(engine, world.rows)) == world.answers

    assert max(together) <= 60 and sum(together) == sum(len(row["source"]) for row in world.rows)
