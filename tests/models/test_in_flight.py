"""In flight: greedy rows of any pair and length, side by side, say what `generate` says to each alone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.models import tiny
from tests.models.in_flight import (
    DEMO,
    Row,
    demo_rows,
    engine_of,
    load,
    mixed_rows,
    numbered,
    outputs,
    reference,
    run_all,
)
from tests.models.oracle import Oracle

SEEDS = (2, 5, 7)
ROWS = 130  # of each seed
ASKED_ALONE = 16  # of each seed; all are compared with `generate` in batches, which says the same (test_translation.py)
DEMO_ROWS = 120


def answers(directory: Path, rows: list[Row], **settings: Any) -> dict[str, Any]:
    return outputs(run_all(engine_of(load(directory, **settings)), rows))


@pytest.mark.parametrize("seed", SEEDS)
def test_greedy_says_what_generate_says(tmp_path: Path, seed: int) -> None:
    directory, rng = tiny.translation(tmp_path, seed=seed), random.Random(seed)
    rows = [*mixed_rows(rng, ROWS // 2), *mixed_rows(rng, ROWS // 2, limits=0.7)]

    found = answers(directory, rows)

    assert found == numbered(reference(directory).forward(rows))
    oracle = Oracle(directory)
    assert [found[str(number)] for number in range(ASKED_ALONE)] == [oracle.answer(row) for row in rows[:ASKED_ALONE]]
    assert len({len(answer) for answer in found.values()}) >= 10, "the answers differ in length"


@pytest.mark.skipif(not (DEMO / "config.json").is_file(), reason="the demo's weights are not there")
def test_greedy_says_what_generate_says_on_the_demo_checkpoint() -> None:
    model = reference(DEMO)
    rows = demo_rows(model, random.Random(1), DEMO_ROWS)

    found = answers(DEMO, rows)

    expected = numbered(model.forward(rows))
    oracle = Oracle(DEMO)
    differ = [number for number in range(DEMO_ROWS) if found[str(number)] != expected[str(number)]]
    assert all(oracle.agrees(rows[number], found[str(number)]) for number in differ), "a difference is a near-tie"
    assert oracle.exceptions == 0
