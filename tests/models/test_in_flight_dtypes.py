"""In flight, in smaller numbers: always the same answers, and nearly always those of fp32."""

from __future__ import annotations

import random
from array import array
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from batcher.models.translation.network import Network
from demo.dtype_evaluation import encoded_questions, scrambled
from tests.models import tiny
from tests.models.in_flight import DEMO, engine_of, load, mixed_rows, outputs, run_all

SENTENCES = 60


@pytest.mark.parametrize("beams", [1, 5])
@pytest.mark.parametrize("dtype", ["bf16", "fp16", "int8"])
def test_the_same_rows_get_the_same_answers_again(tmp_path: Path, dtype: str, beams: int) -> None:
    rows = mixed_rows(random.Random(1), 12)
    model = load(tiny.translation(tmp_path, seed=1), dtype=dtype, beams=beams)

    found = outputs(run_all(engine_of(model), rows))

    assert outputs(run_all(engine_of(model), rows)) == found
    assert len({tuple(answer) for answer in found.values()}) >= 6


@pytest.mark.parametrize("dtype", ["bf16", "fp16", "int8"])
def test_the_setting_is_what_is_computed_in(tmp_path: Path, dtype: str) -> None:
    directory = tiny.translation(tmp_path, seed=1)

    assert differ(network_of(directory, dtype), network_of(directory, "fp32"))


def network_of(directory: Path, dtype: str) -> Network:
    return engine_of(load(directory, dtype=dtype))._network


def differ(one: Network, other: Network) -> bool:
    source = [array("i", [70, *range(4, 30), 2])]
    return not one.encode(source)[0].float().equal(other.encode(source)[0].float())


@cache
def demo_answers(dtype: str) -> dict[str, Any]:
    """Sentences of which the model is sure; then the same with their words in disorder, where it is not."""
    rows = encoded_questions(DEMO, SENTENCES)
    return outputs(run_all(engine_of(load(DEMO, dtype=dtype)), [*rows, *scrambled(rows)]))


@pytest.mark.skipif(not (DEMO / "config.json").is_file(), reason="the demo's weights are not there")
@pytest.mark.parametrize(("dtype", "at_least"), [("bf16", 0.9), ("int8", 0.83)])
def test_on_the_demo_s_sentences_it_agrees_with_fp32(dtype: str, at_least: float) -> None:
    expected, found = demo_answers("fp32"), demo_answers(dtype)

    agreed = [found[str(number)] == expected[str(number)] for number in range(2 * SENTENCES)]
    assert sum(agreed[:SENTENCES]) / SENTENCES >= 0.97
    assert sum(agreed[SENTENCES:]) / SENTENCES >= at_least
