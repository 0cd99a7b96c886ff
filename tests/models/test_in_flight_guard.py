"""In flight, the loop guard: what cycles or is empty is searched for again by beams; all else is as it was."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from batcher.models.translation.engine import InFlightEngine
from batcher.models.translation.search.degeneration import is_cyclic, is_degenerate
from tests.models import tiny
from tests.models.in_flight import (
    LANGUAGES,
    Row,
    engine_of,
    jobs_of,
    load,
    mixed_rows,
    numbered,
    outputs,
    reference,
    run_all,
)
from tests.models.oracle import Oracle, source

LONGEST = 40  # tokens: a cycle shows within 24
REVISED: dict[str, Any] = {"num_beams": 5, "no_repeat_ngram_size": 3}


class World:
    """A checkpoint that cycles a lot; rows; what `generate` says to each, greedily and as the guard asks again."""

    def __init__(self, directory: Path) -> None:
        self.directory = tiny.translation(directory, seed=5, max_length=LONGEST)
        rng = random.Random(5)
        repeated = [source(rng.choice(LANGUAGES), rng.choices(range(4, 64), k=2) * 15) for _ in range(6)]
        self.rows: list[Row] = [
            *mixed_rows(rng, 40),
            *({"source": text, "target": rng.choice(LANGUAGES)} for text in repeated),
            *({"source": source(rng.choice(LANGUAGES), ()), "target": rng.choice(LANGUAGES)} for _ in range(3)),
        ]
        self.greedy = [list(answer) for answer in reference(self.directory).forward(self.rows)]
        self.fails = [fails(row, answer) for row, answer in zip(self.rows, self.greedy, strict=True)]
        oracle = Oracle(self.directory)
        self.revised = [
            oracle.answer(row, **REVISED) if failed else [] for row, failed in zip(self.rows, self.fails, strict=True)
        ]

    def expected(self) -> dict[str, Any]:
        answers = numbered(self.greedy)
        for number, (row, failed) in enumerate(zip(self.rows, self.fails, strict=True)):
            if failed:
                answers[str(number)] = last_word(row, self.revised[number])
        return answers


def fails(row: Row, answer: list[int]) -> bool:
    """Whether a greedy answer is empty for a text that is not, or cycled at any time though its text does not."""
    pieces = row["source"][1:-1]
    cycled = any(is_cyclic(answer[:said]) for said in range(1, len(answer) + 1))
    return (not answer and len(pieces) > 0) or (cycled and not is_cyclic(pieces))


def last_word(row: Row, pieces: list[int]) -> Any:
    return {"pieces": pieces, "degenerate": True} if is_degenerate(row["source"][1:-1], pieces) else pieces


def plain(answers: dict[str, Any]) -> dict[str, Any]:
    """With the pieces of a degenerate answer as a list, too."""
    return {
        id: {**answer, "pieces": list(answer["pieces"])} if isinstance(answer, dict) else answer
        for id, answer in answers.items()
    }


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("tiny"))


@pytest.mark.parametrize("slots", [64, 5])
def test_only_what_cycles_or_is_empty_is_searched_for_again(world: World, slots: int) -> None:
    engine = engine_of(load(world.directory, guard=True), max_size=slots)

    found = plain(outputs(run_all(engine, world.rows)))

    assert found == world.expected()
    assert engine.room() == slots


def test_these_rows_fail_in_every_way(world: World) -> None:
    kept = [answer for answer, failed in zip(world.greedy, world.fails, strict=True) if not failed]
    first = [answer for answer, failed in zip(world.greedy, world.fails, strict=True) if failed]
    last = [answer for answer, failed in zip(world.revised, world.fails, strict=True) if failed]

    assert len(kept) >= 10 and any(is_cyclic(answer) for answer in kept), "as its text does"
    assert any(len(answer) == 0 for answer in first) and any(len(answer) > 24 for answer in first)
    assert any(len(answer) == 0 for answer in last) and any(len(answer) > 0 for answer in last)


def test_an_empty_text_may_have_an_empty_answer(world: World) -> None:
    empty = [number for number, row in enumerate(world.rows) if len(row["source"]) == 2]

    assert not any(world.fails[number] for number in empty if not world.greedy[number])


def test_without_the_guard_nothing_is_searched_for_again(world: World) -> None:
    found = outputs(run_all(engine_of(load(world.directory, guard=False)), world.rows))

    assert found == numbered(world.greedy)


def test_a_row_that_cycles_gives_up_long_before_its_limit(world: World) -> None:
    cyclic = next(number for number, failed in enumerate(world.fails) if failed and len(world.greedy[number]) > 30)
    engine = engine_of(load(world.directory, guard=True))
    engine.admit(jobs_of([world.rows[cyclic]]))

    steps = until_second_search(engine)

    assert steps <= 2 + 30


def until_second_search(engine: InFlightEngine) -> int:
    """Steps until somebody waits for one."""
    for steps in range(LONGEST):
        if any(sequence.no_repeat for sequence in engine._scheduler):
            return steps
        assert engine.step() == []
    raise AssertionError("nobody is searched for again")


def test_a_second_search_may_be_dropped(world: World) -> None:
    engine = engine_of(load(world.directory, guard=True))
    cyclic = next(number for number, failed in enumerate(world.fails) if failed)
    engine.admit(jobs_of([world.rows[cyclic]]))
    until_second_search(engine)

    engine.drop({"0"})

    assert engine.room() == engine.max_size
    assert engine.step() == []


def test_beams_that_end_empty_are_asked_again_as_well(world: World) -> None:
    model = load(world.directory, guard=True, beams=2)
    first = [list(answer) for answer in reference(world.directory, beams=2).forward(world.rows)]
    oracle = Oracle(world.directory)

    found = plain(outputs(run_all(engine_of(model), world.rows)))

    expected = numbered(first)
    for number, (row, answer) in enumerate(zip(world.rows, first, strict=True)):
        if is_degenerate(row["source"][1:-1], answer):
            expected[str(number)] = last_word(row, oracle.answer(row, **REVISED))
    assert found == expected != numbered(first)
