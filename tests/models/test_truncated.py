"""An answer that came to its limit before its end says so, in both engines, and no other does."""

from __future__ import annotations

import random
from array import array
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from batcher.models.settings import ModelSettings
from batcher.models.spec import LoadedModel, load_model, parse_spec
from batcher.models.translation.outputs import translation_output
from tests.models import tiny
from tests.models.in_flight import DEMO, mixed_rows
from tests.models.oracle import END, Oracle, source

LIMIT = 9  # new tokens, the language among them


def load(directory: Path, **settings: Any) -> LoadedModel:
    return load_model(parse_spec(f"translation:{directory}"), ModelSettings(**{"guard": False, **settings}))


def is_truncated(output: Any) -> bool:
    return isinstance(output, Mapping) and output == {"pieces": output["pieces"], "truncated": True}


def has_no_end(oracle: Oracle, row: dict[str, Any], beams: int) -> bool:
    """Whether what `generate` returns for this row has no end."""
    limits = {"max_new_tokens": LIMIT, "max_length": None, "num_beams": beams}
    ids = oracle.sequence(row, **limits)
    return END not in ids


@pytest.mark.parametrize("engine", ["in-flight", "reference"])
@pytest.mark.parametrize("beams", [1, 5])
def test_an_answer_is_marked_where_generate_found_no_end(tmp_path: Path, engine: str, beams: int) -> None:
    directory, rng = tiny.translation(tmp_path, seed=5), random.Random(5)
    rows, oracle = mixed_rows(rng, 24), Oracle(directory)

    outputs = load(directory, engine=engine, beams=beams, max_new_tokens=LIMIT).forward(rows)

    assert [is_truncated(output) for output in outputs] == [has_no_end(oracle, row, beams) for row in rows]


@pytest.mark.parametrize("engine", ["in-flight", "reference"])
@pytest.mark.parametrize("beams", [1, 5])
def test_an_answer_that_ends_in_the_last_place_is_whole(engine: str, beams: int) -> None:
    whole = load(DEMO, engine=engine, beams=beams)
    ids = whole.about.options["language_ids"]
    row = {"source": source(ids["en"], [70, 71, 72]), "target": ids["fr"]}
    (answer,) = whole.forward([row])
    needed = len(answer) + 2  # the language, and the end

    just, short = whole.forward([{**row, "max_new_tokens": needed}, {**row, "max_new_tokens": needed - 1}])

    assert isinstance(just, array)
    assert is_truncated(short)


def test_a_forced_end_in_the_last_place_is_a_cut(tmp_path: Path) -> None:
    directory = tiny.translation(tmp_path, seed=5, num_beams=1, forced_eos_token_id=END)
    rows = mixed_rows(random.Random(5), 24)
    free = load(tiny.translation(tmp_path / "free", seed=5, num_beams=1), engine="reference", max_new_tokens=LIMIT)
    forced = load(directory, engine="reference", max_new_tokens=LIMIT)

    marks = [is_truncated(output) for output in forced.forward(rows)]

    assert any(marks)
    assert marks == [is_truncated(output) or len(output) == LIMIT - 2 for output in free.forward(rows)]


def test_an_answer_may_be_both_degenerate_and_cut() -> None:
    assert translation_output([5, 5], is_degenerate=True, is_truncated=True) == {
        "pieces": array("i", [5, 5]),
        "degenerate": True,
        "truncated": True,
    }
