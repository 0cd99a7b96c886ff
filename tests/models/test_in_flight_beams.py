"""In flight, by beams: each row comes to the sequence that `generate` finds for it alone, however it may stop."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from tests.models import tiny
from tests.models.in_flight import DEMO, demo_rows, engine_of, load, mixed_rows, numbered, outputs, reference, run_all
from tests.models.oracle import Oracle

ROWS = 30
ASKED_ALONE = 4  # all are compared with `generate` in batches, which says the same (test_translation.py)

DECODINGS: list[Any] = [
    pytest.param({"num_beams": 5, "early_stopping": True}, id="as the family says"),
    pytest.param({"num_beams": 5, "early_stopping": True, "length_penalty": 2.0}, id="that like length"),
    pytest.param({"num_beams": 5, "early_stopping": False}, id="that look further"),
    pytest.param(
        {"num_beams": 5, "early_stopping": False, "length_penalty": 0.5}, id="that look further and like it short"
    ),
    pytest.param({"num_beams": 5, "early_stopping": "never"}, id="that look at the limit"),
    pytest.param({"num_beams": 5, "early_stopping": "never", "length_penalty": -0.5}, id="with a penalty below zero"),
    pytest.param({"num_beams": 5, "early_stopping": True, "no_repeat_ngram_size": 2}, id="that do not repeat pairs"),
    pytest.param({"num_beams": 2, "early_stopping": False, "no_repeat_ngram_size": 1}, id="that do not repeat a token"),
]


@pytest.mark.parametrize("decoding", DECODINGS)
def test_beams_say_what_generate_says(tmp_path: Path, decoding: dict[str, Any]) -> None:
    directory = tiny.translation(tmp_path, seed=5, **decoding)
    rows = mixed_rows(random.Random(5), ROWS, limits=0.5)

    found = outputs(run_all(engine_of(load(directory), max_size=16), rows))

    assert found == numbered(reference(directory).forward(rows))
    oracle = Oracle(directory)
    assert [found[str(number)] for number in range(ASKED_ALONE)] == [oracle.answer(row) for row in rows[:ASKED_ALONE]]


def test_the_setting_of_beams_beats_the_checkpoint(tmp_path: Path) -> None:
    directory = tiny.translation(tmp_path, seed=2)
    rows = mixed_rows(random.Random(2), 12)

    found = outputs(run_all(engine_of(load(directory, beams=4)), rows))

    assert (
        found == numbered(reference(directory, beams=4).forward(rows)) != numbered(reference(directory).forward(rows))
    )


@pytest.mark.skipif(not (DEMO / "config.json").is_file(), reason="the demo's weights are not there")
def test_five_beams_say_what_generate_says_on_the_demo_checkpoint() -> None:
    model, oracle = reference(DEMO, beams=5), Oracle(DEMO)
    rows = demo_rows(model, random.Random(2), 40)

    found = outputs(run_all(engine_of(load(DEMO, beams=5)), rows))

    expected = numbered(model.forward(rows))
    differ = [number for number in range(len(rows)) if found[str(number)] != expected[str(number)]]
    assert all(oracle.agrees(rows[number], found[str(number)], num_beams=5) for number in differ), (
        "only near-ties differ"
    )
    assert oracle.exceptions == 0
