"""In flight: who else is there, who came when, and what stood in a slot before changes no answer.

`JITNEY_TEST_EXAMPLES=100` tries more arrivals than the few that are always the same.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from batcher.models.spec import LoadedModel
from batcher.models.translation.engine import InFlightEngine
from batcher.models.translation.kv_cache import FIRST_SLOTS, FIRST_TOKENS
from tests.models import tiny
from tests.models.in_flight import (
    LANGUAGES,
    OFFSET,
    Answers,
    Row,
    engine_of,
    finish,
    jobs_of,
    load,
    mixed_rows,
    numbered,
    outputs,
    poison,
)
from tests.models.oracle import source

LONGEST = 40  # tokens of an answer: more than a new cache has room for
SPOKEN = (1, 5)  # beams
EXAMPLES = int(os.environ.get("JITNEY_TEST_EXAMPLES", "4"))


class World:
    """A checkpoint in each way to search, rows, and what each of them is answered alone in the engine."""

    def __init__(self, directory: Path) -> None:
        tiny.translation(directory, seed=7, max_length=LONGEST, shape={"max_position_embeddings": 300})
        self.models = {beams: load(directory, beams=beams) for beams in SPOKEN}
        self.rows = self._rows(random.Random(7))
        self.alone = {beams: self._alone(model) for beams, model in self.models.items()}

    def _rows(self, rng: random.Random) -> list[Row]:
        """Short ones, and some in each of the two cohorts of longer texts."""
        long = [self._row(rng, pieces) for pieces in (80, 120, 200, 270, 290)]
        rows = [*mixed_rows(rng, 13, limits=0.3), *long]
        rng.shuffle(rows)
        return rows

    def _row(self, rng: random.Random, pieces: int) -> Row:
        text = [rng.randrange(4, OFFSET) for _ in range(pieces)]
        return {"source": source(rng.choice(LANGUAGES), text), "target": rng.choice(LANGUAGES)}

    def _alone(self, model: LoadedModel) -> Answers:
        return numbered(model.forward([row])[0] for row in self.rows)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tiny"))


def run(
    engine: InFlightEngine, rows: list[Row], order: list[int], draw: Callable[[int], int], dropped: set[str]
) -> Answers:
    """Admit in this order, as many at a time as `draw` says; drop some on their way. Free slots hold NaN."""
    jobs = jobs_of(rows)
    waiting, found = [jobs[number] for number in order], Answers()
    to_drop = set(dropped)
    for _ in range(4_000):
        count = min(engine.room(), draw(4))
        engine.admit(waiting[:count])
        admitted = {job.id for job in jobs} - {job.id for job in waiting[count:]}
        del waiting[:count]
        now = {id for id in sorted(to_drop & admitted) if draw(6) == 0}
        engine.drop(now)
        to_drop -= now
        poison(engine)
        done = {one.job_id: one for one in engine.step()}
        assert not done.keys() & (dropped - to_drop), "who was dropped does not come back"
        assert engine.room() >= 0
        found |= outputs(done)
        if len(found.keys() | (dropped - to_drop)) == len(jobs):
            return found
    raise AssertionError("some jobs never came back")


@pytest.mark.parametrize("beams", SPOKEN)
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, phases=[Phase.generate])  # to shrink takes minutes
@given(seed=st.integers(0, 2**32), slots=st.integers(1, 20), dropped=st.sets(st.integers(0, 17), max_size=5))
def test_any_arrival_gives_the_same_answers(world: World, beams: int, seed: int, slots: int, dropped: set[int]) -> None:
    rng = random.Random(seed)
    order = rng.sample(range(len(world.rows)), len(world.rows))
    engine = engine_of(world.models[beams], max_size=slots)

    found = run(engine, world.rows, order, rng.randrange, {str(number) for number in dropped})

    assert {id: world.alone[beams][id] for id in found} == found
    assert engine.room() == slots


@pytest.mark.parametrize("beams", SPOKEN)
def test_these_rows_make_the_caches_of_every_group_grow(world: World, beams: int) -> None:
    engine = engine_of(world.models[beams], max_size=18)
    engine.admit(jobs_of(world.rows))
    seen = set[tuple[int, int, int]]()

    while engine.room() < engine.max_size:
        engine.step()
        caches = [group.cache for group in engine._groups._groups.values()]
        seen |= {(cache.longest_source, cache.past.shape[2], cache.past.shape[4]) for cache in caches}

    sources, rows, tokens = (set(sizes) for sizes in zip(*seen, strict=True))
    assert {64, 300} < sources  # the last holds all positions there are
    assert max(rows) > FIRST_SLOTS * beams
    assert max(tokens) > FIRST_TOKENS


@pytest.mark.parametrize("beams", SPOKEN)
def test_an_idle_engine_gives_back_what_it_grew_to(world: World, beams: int) -> None:
    engine = engine_of(world.models[beams], max_size=18)
    jobs = jobs_of(world.rows)
    engine.admit(jobs)

    finish(engine, [job.id for job in jobs])

    assert not any(group.cache.has_grown for group in engine._groups._groups.values())


@pytest.mark.parametrize("beams", SPOKEN)
def test_a_slot_that_was_freed_serves_the_next_job_as_a_new_one(world: World, beams: int) -> None:
    engine = engine_of(world.models[beams], max_size=18)

    for _ in range(2):
        jobs = jobs_of(world.rows)
        engine.admit(jobs)
        found = outputs(finish(engine, [job.id for job in jobs]))
        poison(engine)
        assert found == world.alone[beams]


def test_an_engine_whose_jobs_are_all_dropped_is_empty(world: World) -> None:
    engine = engine_of(world.models[1])
    jobs = jobs_of(world.rows)
    engine.admit(jobs)
    engine.step()

    engine.drop({job.id for job in jobs})

    assert engine.room() == engine.max_size
    assert engine.step() == []
    assert engine.last.groups == 0


def test_unknown_ids_are_ignored(world: World) -> None:
    engine = engine_of(world.models[1])
    (job, *_) = jobs_of(world.rows)
    engine.admit([job])

    engine.drop({"a stranger"})

    assert finish(engine, [job.id]).keys() == {job.id}
    engine.drop({job.id})
    assert engine.room() == engine.max_size


def steps_of(engine: InFlightEngine) -> Iterator[int]:
    while True:
        engine.step()
        yield engine.last.tokens


def test_a_job_that_comes_late_does_not_wait_for_the_others_to_end(world: World) -> None:
    short: dict[str, Any] = {**world.rows[0], "max_new_tokens": 2}
    engine = engine_of(world.models[1])
    first, *_, late = jobs_of([*world.rows, short])
    long = [job for job in jobs_of(world.rows) if len(world.alone[1][job.id]) > LONGEST // 2]
    assert long and first
    engine.admit(long)
    engine.step()

    engine.admit([late])
    done = next(done for _ in range(10) if (done := engine.step()))

    assert [one.job_id for one in done] == [late.id]
